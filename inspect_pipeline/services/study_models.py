"""A detector as one more appraiser of a study: its verdict on each item, the same on every trial."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Finding
from inspect_pipeline.domain.geometry import strip_left
from inspect_pipeline.domain.material import CapturedFrame, Roi
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.studies import NOT_A_DEFECT, Judgement, Study, StudyItem
from inspect_pipeline.errors import AlteredError, BadDataError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.models import parsed_reference
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, ImageStore, ModelRegistry
from inspect_pipeline.services.scoring import as_it_is, findings_in, refuse_changed

_SHARED = 0.25  # of the smaller of finding and region, as the gate has it


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorAppraiser:
    """Judges the items of a study as scoring judges a frame."""

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    clock: Clock
    progress: Progress
    equip: Callable[[Detector, Bundle], Detector] = as_it_is

    def judge(self, study: Study, model: str) -> list[Judgement]:
        """Return the answers of the detector ``name@version`` on every trial; an item that it cannot judge has none."""
        reference = parsed_reference(model)
        bundle = self.registry.load(reference.name, version=reference.version)[1]
        detector = self.equip(Detector.from_bundle(bundle), bundle)
        with self.catalog.transaction() as unit:
            taxonomy = Taxonomy.of(unit.types(study.line))
            frames = {item.frame: unit.frame(item.frame) for item in study.items}
        found: list[Judgement] = []
        for done, item in enumerate(study.items, start=1):
            found += self._on_item(study, item, frames[item.frame], model=model, detector=detector, taxonomy=taxonomy)
            self.progress("study", done, len(study.items))
        return found

    def _on_item(
        self,
        study: Study,
        item: StudyItem,
        frame: CapturedFrame | None,
        *,
        model: str,
        detector: Detector,
        taxonomy: Taxonomy,
    ) -> list[Judgement]:
        started = self.clock()
        try:
            answer = self._answer(item.roi, frame, detector, taxonomy)
        except (NotFoundError, AlteredError, BadImageError, BadDataError):
            return []  # shown in the results as an item that the detector did not judge
        at = self.clock()
        return [
            Judgement(
                study=study.id,
                item=item.number,
                trial=trial,
                appraiser=model,
                answer=answer,
                seconds=max((at - started).total_seconds(), 0.0),
                at=at,
            )
            for trial in range(1, study.trials + 1)
        ]

    def _answer(self, roi: Roi, frame: CapturedFrame | None, detector: Detector, taxonomy: Taxonomy) -> str:
        if frame is None or frame.image is None:
            raise NotFoundError("the item's frame holds no image")
        pixels = decode(self.images.get(frame.image), name=frame.source)
        maps = detector.examine(pixels)
        refuse_changed(detector, pixels, maps)
        edge = strip_left([frame])
        return answer_of(findings_in(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=taxonomy), roi)


def answer_of(findings: Sequence[Finding], roi: Roi) -> str:
    """Return what the findings of a frame call a region: the type of the strongest one that shares enough with it."""
    hits = [
        finding
        for finding in findings
        if finding.roi.overlap_px(roi) >= _SHARED * min(finding.roi.area_px, roi.area_px)
    ]
    return max(hits, key=lambda finding: finding.score).defect_type if hits else NOT_A_DEFECT
