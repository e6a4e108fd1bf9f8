"""Tries detectors on the labels that a line keeps for the gate: challenger and champion on the same regions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Finding
from inspect_pipeline.domain.geometry import strip_left
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, in_force
from inspect_pipeline.domain.material import CapturedFrame, Pixels, Roi
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.trial import GoodTried, RegionTried, Trial
from inspect_pipeline.errors import AlteredError, BadDataError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.examples import frames_with_labels
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, ImageStore
from inspect_pipeline.services.recent_effect import Pair
from inspect_pipeline.services.scoring import as_it_is, findings_in, refuse_changed

GATE_ROLES = (LabelRole.GATE, LabelRole.GOLDEN)
_SHARED = 0.25  # of the smaller of finding and region: a finding on the whole frame does not find every region in it
_TIMED_FRAMES = 3

PeakMemory = Callable[[], AbstractContextManager[list[float]]]
"""Measures a block: when it ends the list holds the memory that it took at its peak (MiB), nothing if nobody knows."""


@contextmanager
def not_told() -> Iterator[list[float]]:
    """Measure nothing."""
    yield []


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTrials:
    """Judges the frames with labels for the gate as scoring does; ``roles`` says which labels."""

    catalog: Catalog
    images: ImageStore
    clock: Clock
    progress: Progress
    equip: Callable[[Detector, Bundle], Detector] = as_it_is
    roles: Sequence[LabelRole] = GATE_ROLES
    normality_too: bool = True
    peak_mib: PeakMemory = not_told
    memo: dict[tuple[str, str, str], tuple[Trial, Trial | None]] = field(default_factory=dict)

    def run(self, line: str, challenger: Bundle, champion: Bundle | None) -> tuple[Trial, Trial | None] | None:
        """Return what each detector makes of the line's labels for the gate, in the same order; None without any.

        Where no champion is, the second trial is that of the challenger's normality alone; None where it has no types,
        or was taught before the scale of it was kept. A frame that cannot be judged, or that also teaches, is named
        with its reason, and its labels count for neither.
        """
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
            taxonomy = Taxonomy.of(unit.types(line))
        labels = [label for role in self.roles for label in in_force(every, role=role)]
        if not labels:
            return None
        said = repr([sorted(map(repr, labels)), taxonomy])
        key = (challenger.sha256, "" if champion is None else champion.sha256, said)
        if key not in self.memo:
            detectors = self._detectors(challenger, champion)
            trials = self._tried(labels, in_force(every, role=LabelRole.SUPPORT), detectors, taxonomy)
            first = replace(trials[0], mib=len(challenger.tensors) / 2**20)
            self.memo[key] = (first, trials[1] if len(trials) > 1 else None)
        return self.memo[key]

    def _detectors(self, challenger: Bundle, champion: Bundle | None) -> list[Detector]:
        """Return the challenger, and the champion or else the challenger's normality alone, where there is one."""
        mine = Detector.from_bundle(challenger)
        first = self.equip(mine, challenger)
        if champion is not None:
            return [first, self.equip(Detector.from_bundle(champion), champion)]
        alone = mine.without_types() if self.normality_too else None
        return [first] if alone is None or alone is mine else [first, self.equip(alone, challenger)]

    def _tried(
        self, labels: Sequence[Label], supports: Sequence[Label], detectors: Sequence[Detector], taxonomy: Taxonomy
    ) -> list[Trial]:
        tried: list[list[RegionTried]] = [[] for _ in detectors]
        goods: list[list[GoodTried]] = [[] for _ in detectors]
        unjudged, taught = self._left_out(labels, supports)
        seconds: list[float] = []
        memory: list[float] = []
        frames = [(frame, own) for frame, own in frames_with_labels(self.catalog, labels) if frame.id not in taught]
        for done, (frame, of_frame) in enumerate(frames):
            try:
                pixels = decode(self.images.get(frame.image or ""), name=frame.source)
                if len(seconds) < _TIMED_FRAMES:
                    taken, peak = self._taken(detectors[0], pixels)
                    seconds.append(taken)
                    memory += [] if peak is None else [peak]
                found = list(self._findings(detectors, frame, pixels, taxonomy))
            except (NotFoundError, AlteredError, BadImageError, BadDataError) as error:
                unjudged.append(f"frame {frame.id} ({len(of_frame)} labels): {error}")
                continue
            for number, (detector, findings) in enumerate(zip(detectors, found, strict=True)):
                bad = [label for label in of_frame if label.kind is LabelKind.DEFECT]
                tried[number] += [region_tried(label, findings, known=detector.class_names) for label in bad]
                goods[number] += [good_tried(label, findings) for label in of_frame if label not in bad]
            self.progress("gate trial", done + 1, len(frames))
        return [
            Trial(
                regions=tuple(sorted(regions, key=lambda each: each.label)),
                goods=tuple(sorted(units, key=lambda each: each.label)),
                unjudged=tuple(unjudged),
                seconds_per_mpx=sorted(seconds)[len(seconds) // 2] if seconds and not number else None,
                memory_mib=max(memory, default=None) if not number else None,
            )
            for number, (regions, units) in enumerate(zip(tried, goods, strict=True))
        ]

    def _left_out(self, labels: Sequence[Label], supports: Sequence[Label]) -> tuple[list[str], set[str]]:
        """Return why labelled frames are not tried, and the ids of those that also teach (the same image counts)."""
        with self.catalog.transaction() as unit:
            frames = {name: unit.frame(name) for name in {label.region.frame for label in labels}}
            teaching = [unit.frame(name) for name in {label.region.frame for label in supports}]
        learned = {frame.image for frame in teaching if frame is not None and frame.image is not None}
        reasons, taught = [], set()
        for name, frame in sorted(frames.items()):
            if frame is not None and not frame.usable:
                reasons.append(f"frame {name} is unusable ({frame.reason})")
            elif frame is not None and frame.image in learned:
                taught.add(name)
                reasons.append(f"frame {name} also teaches, so it proves nothing; label another one for the gate")
        return reasons, taught

    def _taken(self, detector: Detector, pixels: Pixels) -> tuple[float, float | None]:
        """Return the seconds that a megapixel takes, and the memory of the whole frame at its peak (MiB)."""
        with self.peak_mib() as peak:
            started = self.clock()
            detector.examine(pixels)
            seconds = (self.clock() - started).total_seconds()
        megapixels = int(pixels.shape[0]) * int(pixels.shape[1]) / 1e6
        return seconds / megapixels, peak[0] if peak else None

    def _findings(
        self, detectors: Sequence[Detector], frame: CapturedFrame, pixels: Pixels, taxonomy: Taxonomy
    ) -> Iterator[tuple[Finding, ...]]:
        """Yield what each detector shows; a frame is described once where they share a backbone."""
        edge = strip_left([frame])
        both = (
            Pair.of(detectors[0], detectors[1]).maps(pixels)
            if len(detectors) > 1
            else [(detectors[0], detectors[0].examine(pixels))]
        )
        for detector, maps in both:
            if detector is detectors[0]:
                refuse_changed(detector, pixels, maps)  # as at the line, where such a frame is not judged
            yield findings_in(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=taxonomy)


def region_tried(label: Label, findings: Sequence[Finding], *, known: Sequence[str]) -> RegionTried:
    """Return what the findings of its frame make of a labelled defect: found where one shares enough with it."""
    roi = label.region.roi
    hits = [finding for finding in findings if _shared(finding.roi, roi) >= _SHARED]
    return RegionTried(
        label=label.id,
        defect_type=label.defect_type or "",
        severity=label.severity,
        golden=label.role is LabelRole.GOLDEN,
        knows=label.defect_type in known,
        found=bool(hits),
        named=any(finding.defect_type == label.defect_type for finding in hits),
    )


def good_tried(label: Label, findings: Sequence[Finding]) -> GoodTried:
    """A good unit alarms by a finding whose middle lies in it, or that covers its middle."""
    roi = label.region.roi
    inside = [one for one in findings if _holds_middle(roi, one.roi) or _holds_middle(one.roi, roi)]
    taken_for = tuple(sorted({one.defect_type for one in inside}))
    return GoodTried(label=label.id, golden=label.role is LabelRole.GOLDEN, alarmed=bool(inside), taken_for=taken_for)


def _shared(first: Roi, second: Roi) -> float:
    """Return the area that both cover, as a share of the smaller one."""
    return first.overlap_px(second) / min(first.area_px, second.area_px)


def _holds_middle(outer: Roi, inner: Roi) -> bool:
    row, column = (inner.top + inner.bottom) / 2, (inner.left + inner.right) / 2
    return outer.top <= row < outer.bottom and outer.left <= column < outer.right
