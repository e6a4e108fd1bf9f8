"""Scoring: every frame of a coil gets one verdict of one detector version; none is skipped."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle, detector_name
from inspect_pipeline.domain.findings import HEATMAP_STEPS, Finding, FrameResult, Verdict, decide
from inspect_pipeline.domain.geometry import StripLeft, inspected_columns, place_on_strip, strip_left
from inspect_pipeline.domain.ledger import judged_ledger, spans_of
from inspect_pipeline.domain.material import CapturedFrame, Coil, Pixels, Roi, mm_per_line
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.errors import AlteredError, BadDataError, BadImageError, InspectError, NotFoundError, StorageError
from inspect_pipeline.imaging.decode import decode, encode_png
from inspect_pipeline.imaging.regions import find_regions
from inspect_pipeline.learning.detector import Detector, ScoreMaps, Typing
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.services.finding_vectors import keep_vectors
from inspect_pipeline.services.in_force import CHAMPION, version_in_force
from inspect_pipeline.services.models import ModelReference
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, CatalogUnit, FeatureStore, ImageStore, ModelRegistry
from inspect_pipeline.services.queueing import Judged, Queueing

_FRAMES_A_TRANSACTION = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSummary:
    """What one scoring did: counts are frames of the whole coil; ``new`` were judged in this run."""

    coil: str
    detector: str
    judged: int
    unusable: int
    new: int
    not_inspected_m: float
    findings: int
    verdicts: dict[str, int]
    seconds: float

    @property
    def frames_per_s(self) -> float:
        """Frames judged in this run per second."""
        return self.new / self.seconds if self.seconds > 0 else 0.0


def as_it_is(detector: Detector, _bundle: Bundle) -> Detector:
    """Return the detector, run by torch."""
    return detector


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The scoring use case with the adapters it needs; ``equip`` puts another runtime behind a bundle's detector.

    What regions look like to the detector is kept in ``features``, where there are any, for the preview of a teaching.
    What waits for a person goes into the ``queue``, where there is one and the detector is the one in force: what a
    version is only tried on asks nobody.
    """

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    clock: Clock
    progress: Progress
    equip: Callable[[Detector, Bundle], Detector] = as_it_is
    features: FeatureStore | None = None
    queue: Queueing | None = None

    def run(self, coil_id: str, *, reference: ModelReference | None = None) -> ScoreSummary:
        """Judge all frames of the coil that this detector version has not judged yet.

        The version is resolved once, so a promotion in between takes effect at the next coil. Raises NotFoundError
        for an unknown coil or a line without a detector, InspectError when the books do not balance at the end.
        """
        started = self.clock()
        coil, frames, done, judge, detector, taxonomy = self._open(coil_id, reference)
        waiting = [frame for frame in frames if frame.id not in done]
        edge = strip_left(frames)
        queue = self.queue.of(detector) if self.queue is not None and self._in_force(coil, judge) else None
        for at in range(0, len(waiting), _FRAMES_A_TRANSACTION):
            batch = waiting[at : at + _FRAMES_A_TRANSACTION]
            judged = [self._judge(frame, detector, judge, edge, taxonomy) for frame in batch]
            with self.catalog.transaction() as unit:
                unit.add_results(coil.id, [result for result, _ in judged])
                if queue is not None:
                    queue.add(unit, coil.id, judged)
            self.progress(f"score {coil.id}", at + len(batch), len(waiting))
        if queue is not None:
            queue.group(coil.line, coil.recipe)
        with self.catalog.transaction() as unit:
            runner = detector.backbone.runner
            runtime = "torch f32" if runner is None else runner.name
            new = len(waiting)
            return self._close(unit, coil, frames, detector=judge, runtime=runtime, new=new, started_at=started)

    def _open(
        self, coil_id: str, reference: ModelReference | None
    ) -> tuple[Coil, list[CapturedFrame], set[str], str, Detector, Taxonomy]:
        with self.catalog.transaction() as unit:
            coil = unit.coil(coil_id)
            frames = unit.frames(coil_id)
        if coil is None:
            raise NotFoundError(f"coil {coil_id!r} is not in the catalog; ingest it first, or check its name")
        wanted = reference or ModelReference(name=detector_name(coil.line, coil.recipe), alias=CHAMPION)
        version, bundle = self._loaded(wanted)
        judge = f"{wanted.name}@{version}"
        with self.catalog.transaction() as unit:
            done = {result.frame for result in unit.results(coil_id, detector=judge)}
            taxonomy = Taxonomy.of(unit.types(coil.line))
        return coil, frames, done, judge, self.equip(Detector.from_bundle(bundle), bundle), taxonomy

    def _in_force(self, coil: Coil, judge: str) -> bool:
        """Whether the version is the one on record for the coil's line and recipe, however it was asked for."""
        model = detector_name(coil.line, coil.recipe)
        with self.catalog.transaction() as unit:
            return judge == f"{model}@{unit.standing(model).recorded}"

    def _loaded(self, wanted: ModelReference) -> tuple[str, Bundle]:
        """Return (version, bundle). A champion is what the records say it is; see ``version_in_force``."""
        if wanted.version is None and wanted.alias == CHAMPION:
            version = version_in_force(self.catalog, self.registry, wanted.name)
            if version is not None:
                return self.registry.load(wanted.name, version=version)
        return self.registry.load(wanted.name, version=wanted.version, alias=wanted.alias)

    def _judge(
        self, frame: CapturedFrame, detector: Detector, reference: str, edge: StripLeft, taxonomy: Taxonomy
    ) -> Judged:
        if frame.image is None or frame.reason is not None:
            return _unusable(frame, reference, frame.reason or "no image")
        try:
            pixels = decode(self._stored(frame.image, frame), name=frame.source)
            findings, vectors, heatmap = self._findings(frame, pixels, detector, edge, taxonomy)
        except (BadImageError, BadDataError, AlteredError) as error:
            return _unusable(frame, reference, str(error))
        result = FrameResult(
            frame=frame.id, verdict=decide(findings), detector=reference, findings=findings, heatmap=heatmap
        )
        if self.features is not None:
            keep_vectors(self.features, result, vectors)
        return result, vectors

    def _stored(self, address: str, frame: CapturedFrame) -> bytes:
        """Return the image's bytes. A file that is gone ends the run: a verdict is for ever, a store comes back.

        One that retention removed is gone for good: its frame is UNUSABLE to a detector that had not judged it by then.
        """
        if frame.pruned_at is not None:
            raise BadImageError(
                f"the image was removed by retention on {frame.pruned_at:%Y-%m-%d}; it cannot be judged"
            )
        try:
            return self.images.get(address)
        except NotFoundError as error:
            raise StorageError(
                f"the image of frame {frame.source!r} of coil {frame.coil!r} is gone ({error}); bring the image store "
                "back and score again"
            ) from error

    def _findings(
        self, frame: CapturedFrame, pixels: Pixels, detector: Detector, edge: StripLeft, taxonomy: Taxonomy
    ) -> tuple[tuple[Finding, ...], Mapping[int, NDArray[np.float32]], str]:
        maps = detector.examine(pixels)
        refuse_changed(detector, pixels, maps)
        heatmap = self.images.put(encode_png(heatmap_pixels(maps.strongest)), suffix="png")
        seen = described_findings(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=taxonomy)
        return *seen, heatmap

    def _close(
        self,
        unit: CatalogUnit,
        coil: Coil,
        frames: Sequence[CapturedFrame],
        *,
        detector: str,
        runtime: str,
        new: int,
        started_at: datetime,
    ) -> ScoreSummary:
        """Balance the books: every frame that was there at the start was judged or is unusable."""
        seconds = (self.clock() - started_at).total_seconds()
        there = {frame.id for frame in frames}  # an ingest may have added more meanwhile; they are for the next run
        results = [result for result in unit.results(coil.id, detector=detector) if result.frame in there]
        verdicts = Counter(result.verdict.value for result in results)
        unusable = verdicts[Verdict.UNUSABLE.value]
        judged = len(results) - unusable
        if len(frames) != judged + unusable:
            raise InspectError(
                f"coil {coil.id}: {len(frames)} frames were captured but {judged} judged and {unusable} are unusable; "
                "score it again, and report this if it stays"
            )
        if new:
            found = sum(len(result.findings) for result in results)
            detail: dict[str, int | float | str] = {"frames": new, "findings": found, "runtime": runtime}
            unit.add_stage(
                StageRun(
                    stage="score", started_at=started_at, seconds=seconds, coil=coil.id, model=detector, detail=detail
                )
            )
        return ScoreSummary(
            coil=coil.id,
            detector=detector,
            judged=judged,
            unusable=unusable,
            new=new,
            not_inspected_m=_not_inspected_m(coil, frames, results),
            findings=sum(len(result.findings) for result in results),
            verdicts=dict(verdicts),
            seconds=seconds,
        )


def refuse_changed(detector: Detector, pixels: Pixels, maps: ScoreMaps) -> None:
    """Raise BadImageError, which says why, for a frame that is no longer what the detector was calibrated on."""
    changed = detector.domain_change(pixels, maps)
    if changed is not None:
        raise BadImageError(changed)


def findings_in(
    frame: CapturedFrame,
    maps: ScoreMaps,
    detector: Detector,
    *,
    pixels: Pixels,
    edge: StripLeft,
    taxonomy: Taxonomy,
) -> tuple[Finding, ...]:
    """Return what a detector's score maps of a frame with these ``pixels`` show on the strip, at its place."""
    return described_findings(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=taxonomy)[0]


def described_findings(
    frame: CapturedFrame,
    maps: ScoreMaps,
    detector: Detector,
    *,
    pixels: Pixels,
    edge: StripLeft,
    taxonomy: Taxonomy,
) -> tuple[tuple[Finding, ...], Mapping[int, NDArray[np.float32]]]:
    """Return ``findings_in``, and by ordinal the raw region vectors of those that were compared with the samples."""
    regions = find_regions(
        _on_the_strip(maps.strongest, frame, stride_px=maps.stride_px),
        threshold=1.0,
        stride_px=maps.stride_px,
        shape_px=(pixels.shape[0], pixels.shape[1]),
        unit_px=_unit_px(detector.unit),
    )
    typings = detector.name_regions(maps, [region.roi for region in regions], pixels)
    found = zip(regions, typings, strict=True)
    findings = tuple(_finding(frame, region.roi, taxonomy.applied(typing), edge) for region, typing in found)
    return findings, {at: one.description for at, one in enumerate(typings) if one.description is not None}


def _not_inspected_m(coil: Coil, frames: Sequence[CapturedFrame], results: Sequence[FrameResult]) -> float:
    """Return the metres of the coil that some camera did not see judged. Raises InspectError on unbalanced books."""
    book = judged_ledger(coil, spans_of(frames), results)
    book.check()
    return book.not_inspected_lines * mm_per_line(frames) / 1000.0


def _unit_px(unit: UnitGrid) -> tuple[int, int] | None:
    return None if unit.height_px is None or unit.width_px is None else (unit.height_px, unit.width_px)


def _on_the_strip(scores: NDArray[np.float32], frame: CapturedFrame, *, stride_px: int) -> NDArray[np.float32]:
    """Return the scores without those of cells whose middle lies beside the strip or in its trim."""
    left, right = inspected_columns(frame)
    middles = (np.arange(scores.shape[1]) + 0.5) * stride_px
    return np.where((middles >= left) & (middles < right), scores, np.float32(0.0))


def heatmap_pixels(strongest: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return score maps in multiples of the threshold as u8: ``HEATMAP_STEPS`` grey levels a multiple."""
    return np.clip(np.rint(strongest * HEATMAP_STEPS), 0, 255).astype(np.uint8)


def _unusable(frame: CapturedFrame, reference: str, reason: str) -> Judged:
    return FrameResult(frame=frame.id, verdict=Verdict.UNUSABLE, detector=reference, reason=reason), {}


def _finding(frame: CapturedFrame, roi: Roi, typing: Typing, edge: StripLeft) -> Finding:
    """Return the finding at its place on the coil, crossweb from the strip's left edge where that was seen."""
    place = place_on_strip(frame, roi, edge)
    return Finding(
        frame=frame.id,
        roi=roi,
        defect_type=typing.defect_type,
        life_cycle=typing.life_cycle,
        score=typing.score,
        crossweb_mm=place.crossweb_mm,
        downweb_m=place.downweb_m,
        width_mm=place.width_mm,
        length_mm=place.length_mm,
        evidence=typing.evidence,
        runner_up=typing.runner_up,
        explanation=typing.explanation,
    )
