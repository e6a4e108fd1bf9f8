"""What an operator should hear about the samples, told from their frames: before any patch is looked at."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from inspect_pipeline.domain.checks import Check, CheckKind, Severity
from inspect_pipeline.domain.geometry import inspected_columns
from inspect_pipeline.domain.labels import Label, LabelKind, RegionSource
from inspect_pipeline.domain.material import CapturedFrame, Roi
from inspect_pipeline.learning.calibration import student_quantile
from inspect_pipeline.services.described import LabelledFrame

_BLUR_LEVEL = 0.01  # one sharp frame in a hundred is doubted: the level of the prediction bound, not of the sharpness
_FEWEST_GOOD_FRAMES = 5  # a spread of fewer is a guess
_MOST = 0.5  # more than half of the smaller region: what two regions share is then most of it

Sample = tuple[CapturedFrame, Label]


def check_samples(frames: Sequence[LabelledFrame]) -> list[Check]:
    """Return what is to be said of the labelled frames: blurred, one defect twice, off the strip, contradictions."""
    samples = [(frame, label) for frame, labels in frames for label in labels if label.kind is LabelKind.DEFECT]
    good = [(frame, label) for frame, labels in frames for label in labels if label.kind is LabelKind.NOT_A_DEFECT]
    checks = _blurred(samples, good)
    checks += [_twice(first, second, why) for first, second, why in _same_place(samples)]
    checks += _off_the_strip(samples)
    return checks + _contradicting(samples, good)


def check_left_out(labels: Sequence[Label], frames: Sequence[LabelledFrame]) -> list[Check]:
    """Return a doubt where labels lie on unusable frames and so teach nothing."""
    used = {label.id for _, of_frame in frames for label in of_frame}
    left = tuple(label.id for label in labels if label.id not in used)
    if not left:
        return []
    message = f"{len(left)} support labels lie on unusable frames and teach nothing"
    return [Check(kind=CheckKind.UNUSABLE, labels=left, message=message)]


def _blurred(samples: Sequence[Sample], good: Sequence[Sample]) -> list[Check]:
    """Return the samples whose frame is less sharp than a further good frame of the line would be.

    Sharpness is the variance of the Laplacian that ingest measured; its logarithm over the line's good frames gives
    the lower bound that a new one falls below with probability 1%.
    """
    by_frame = {frame.id: focus for frame, _ in good if (focus := _focus(frame)) is not None}
    if len(by_frame) < _FEWEST_GOOD_FRAMES:
        return []
    logs = [math.log(focus) for focus in by_frame.values()]
    width = student_quantile(1.0 - _BLUR_LEVEL, len(logs) - 1) * math.sqrt(1.0 + 1.0 / len(logs))
    bound = math.exp(statistics.fmean(logs) - width * statistics.stdev(logs))
    return [
        Check(
            kind=CheckKind.BLURRED,
            labels=(label.id,),
            message=f"sample {label.id} of {label.defect_type!r} lies on a blurred frame ({frame.source}): sharpness "
            f"{focus:.3g}, good frames of the line have {bound:.3g} or more",
        )
        for frame, label in samples
        if (focus := _focus(frame)) is not None and focus < bound
    ]


def _focus(frame: CapturedFrame) -> float | None:
    focus = None if frame.measures is None else frame.measures.focus
    return focus if focus is not None and focus > 0.0 else None


def _same_place(samples: Sequence[Sample]) -> Iterable[tuple[Sample, Sample, str]]:
    """Yield pairs that show one place: on one frame, on one image taken in twice, or where two frames overlap.

    Where a mask marks a defect its box says little: only equal masks are one place.
    """
    for first, second in _pairs_by(samples, lambda sample: sample[0].image or sample[0].id):
        on_one_frame = first[0].id == second[0].id
        if on_one_frame and RegionSource.GUESSED in (first[1].region.source, second[1].region.source):
            continue
        same_mask = first[1].region.mask == second[1].region.mask
        if same_mask and _shared(first[1].region.roi, second[1].region.roi) > _MOST:
            yield first, second, "on one frame" if on_one_frame else "on two copies of one image"
    boxed = [sample for sample in samples if _is_boxed(sample[1])]
    for first, second in _pairs_by(boxed, lambda sample: sample[0].coil):
        if _two_views(first[0], second[0]) and _shared_on_the_coil(first, second) > _MOST:
            yield first, second, "at one place of the coil, seen by two frames"


def _is_boxed(label: Label) -> bool:
    return label.region.source is RegionSource.DRAWN and label.region.mask is None


def _pairs_by(samples: Sequence[Sample], key: Callable[[Sample], str]) -> Iterable[tuple[Sample, Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(key(sample), []).append(sample)
    return (pair for group in groups.values() for pair in combinations(group, 2))


def _two_views(first: CapturedFrame, second: CapturedFrame) -> bool:
    """Whether two frames may show one place: two cameras, or one whose frames an encoder placed."""
    if first.id == second.id or first.image == second.image:
        return False
    placed = first.downweb_m is not None and second.downweb_m is not None
    return first.camera != second.camera or placed


def _shared(first: Roi, second: Roi) -> float:
    """Return the share of the smaller box that both cover."""
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    width = min(first.right, second.right) - max(first.left, second.left)
    return max(height, 0) * max(width, 0) / min(first.area_px, second.area_px)


def _shared_on_the_coil(first: Sample, second: Sample) -> float:
    """Return the share of the smaller region that both cover, in coordinates of the machine and the coil."""
    a, b = (frame.place(label.region.roi) for frame, label in (first, second))
    across = _overlap(a.crossweb_mm, a.width_mm, b.crossweb_mm, b.width_mm)
    along = _overlap(a.downweb_m * 1000.0, a.length_mm, b.downweb_m * 1000.0, b.length_mm)
    return across * along / min(a.width_mm * a.length_mm, b.width_mm * b.length_mm)


def _overlap(first: float, first_size: float, second: float, second_size: float) -> float:
    return max(0.0, (first_size + second_size) / 2.0 - max(abs(first - second), abs(first_size - second_size) / 2.0))


def _twice(first: Sample, second: Sample, why: str) -> Check:
    a, b = first[1], second[1]
    if a.defect_type == b.defect_type:
        message = f"samples {a.id} and {b.id} of {a.defect_type!r} lie {why}: one defect counts twice"
        return Check(kind=CheckKind.SAME_DEFECT, labels=(a.id, b.id), message=message)
    message = f"samples {a.id} and {b.id} lie {why} under two names, {a.defect_type!r} and {b.defect_type!r}"
    return Check(kind=CheckKind.TWO_NAMES, labels=(a.id, b.id), message=message)


def _off_the_strip(samples: Sequence[Sample]) -> list[Check]:
    checks = []
    for frame, label in samples:
        left, right = inspected_columns(frame)
        roi = label.region.roi
        if label.region.source is RegionSource.GUESSED or (roi.left >= left and roi.right <= right):
            continue
        outside = roi.right <= left or roi.left >= right
        where = "lies" if outside else "reaches"
        message = (
            f"sample {label.id} of {label.defect_type!r} {where} beside the strip or into its trim (columns {left} to "
            f"{right} of {frame.source} are inspected); nothing is found there"
        )
        severity = Severity.DOUBT if outside else Severity.NOTE
        checks.append(Check(kind=CheckKind.OFF_THE_STRIP, severity=severity, labels=(label.id,), message=message))
    return checks


def _contradicting(samples: Sequence[Sample], good: Sequence[Sample]) -> list[Check]:
    """Return the places that one label calls good and another one defective: no detector can learn both."""
    fine_of: dict[str, list[Label]] = {}
    for frame, label in good:
        fine_of.setdefault(frame.image or frame.id, []).append(label)
    checks = []
    for frame, label in samples:
        for fine in fine_of.get(frame.image or frame.id, []):
            covered = _covered(label.region.roi, fine.region.roi)
            if covered < 1.0 and (covered <= _MOST or not _is_boxed(label)):  # a mask may lie in the rest of its box
                continue
            message = (
                f"one place of {frame.source} is called {label.defect_type!r} by label {label.id} and good by "
                f"{fine.id}; withdraw one of the two"
            )
            checks.append(
                Check(
                    kind=CheckKind.CONTRADICTION,
                    severity=Severity.REFUSE,
                    labels=(label.id, fine.id),
                    message=message,
                )
            )
    return checks


def _covered(region: Roi, by: Roi) -> float:
    """Return the share of a region inside another one."""
    return _shared(region, by) * min(region.area_px, by.area_px) / region.area_px
