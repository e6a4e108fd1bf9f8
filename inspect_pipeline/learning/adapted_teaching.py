"""Teaching that may go beyond the closed form: the adaptation asked for replaces it only on cross-fitted evidence.

For every fold both are taught without its samples and good units, the adaptation itself included, and judge them. So
an adapted detector costs one adaptation a fold and one at the end. A rejected one
leaves the closed form to the last bit.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from torch import Tensor

from inspect_pipeline.domain.beside_normality import paired
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, checked_type
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import (
    Adaptation,
    AdaptationOutcome,
    Adapted,
    Deadline,
    LeftOutScores,
    Start,
    judged,
)
from inspect_pipeline.learning.adapters import build_adaptation
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.calibration import Channel
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.detector_settings import CLOSED_FORM, DetectorSettings, Promise, checked_adaptation
from inspect_pipeline.learning.difference_prior import difference_prior
from inspect_pipeline.learning.examples import FrameRegions, Patches, cut_patches
from inspect_pipeline.learning.initialization import Initialization
from inspect_pipeline.learning.leave_one_out import MISSED
from inspect_pipeline.learning.region_metric import region_prior
from inspect_pipeline.learning.region_typing import RegionPrior
from inspect_pipeline.learning.support_regions import Describer
from inspect_pipeline.learning.teaching import LeaveOneOut, Taught, teach_patches

_FEWEST_GOOD = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """What is taught, cut once by the frozen trunk: ``cuts`` are the patches of each of the ``examples``."""

    backbone: Backbone
    examples: tuple[FrameRegions, ...]
    cuts: tuple[Patches, ...]
    promise: Promise
    settings: DetectorSettings
    dense: Mapping[str, Tensor]
    seed: int
    known: Collection[str] = ()
    regions: RegionPrior | None = None

    def start(self, numbers: Sequence[int]) -> Start:
        """Return what an adaptation may see of these examples."""
        return Start(
            backbone=self.backbone,
            examples=[self.examples[n] for n in numbers],
            patches=joined([self.cuts[n] for n in numbers]),
            unit=self.promise.unit,
            settings=self.settings,
            dense=self.dense,
        )

    def taught(self, adapted: Adapted) -> Taught:
        """Return what the closed form makes of an adaptation's patches and shaping."""
        return teach_patches(
            adapted.backbone,
            adapted.patches,
            promise=self.promise,
            settings=self.settings,
            seed=self.seed,
            prior=difference_prior(self.dense),
            shaping=adapted.shaping,
            known=self.known,
            regions=self.regions,
        )

    def cut(self, adapted: Adapted, number: int) -> Patches:
        """Return an example's patches as the adapted trunk sees them."""
        if adapted.backbone is self.backbone:
            return self.cuts[number]
        one = [self.examples[number]]
        describe = Describer(backbone=adapted.backbone, settings=self.settings).drawn
        return cut_patches(adapted.backbone, one, unit=self.promise.unit, settings=self.settings, describe=describe)


def joined(cuts: Sequence[Patches]) -> Patches:
    """Return patches that were cut one example at a time as one; good units keep the number of their example."""
    return Patches(
        good=tuple(replace(unit, frame=number) for number, cut in enumerate(cuts) for unit in cut.good),
        supports=tuple(support for cut in cuts for support in cut.supports),
    )


def teach_adapted(
    initialization: Initialization,
    examples: Iterable[FrameRegions],
    *,
    promise: Promise,
    settings: DetectorSettings,
    seed: int,
    clock: Clock,
    progress: Progress | None = None,
    known: Collection[str] = (),
) -> Taught:
    """Return the detector taught with ``settings.adaptation``, or with the closed form where that is no better.

    ``Taught.adaptation`` says which and why; None where the closed form was asked for. The frames are held in memory.
    Raises BadDataError as ``teaching.teach`` does.
    """
    backbone = initialization.build_backbone()
    frames = tuple(examples)
    describe = Describer(backbone=backbone, settings=settings).drawn
    cuts = []
    for number, example in enumerate(frames):
        cuts.append(cut_patches(backbone, [example], unit=promise.unit, settings=settings, describe=describe))
        if progress is not None:
            progress("dense features", number + 1, len(frames))
    lesson = Lesson(
        backbone=backbone,
        examples=frames,
        cuts=tuple(cuts),
        promise=promise,
        settings=settings,
        dense=initialization.dense,
        seed=seed,
        known=known,
        regions=region_prior(initialization.typing, reach=settings.typing_reach),
    )
    return adapt_lesson(lesson, clock=clock, progress=progress)


def adapt_lesson(
    lesson: Lesson, *, clock: Clock, adaptation: Adaptation | None = None, progress: Progress | None = None
) -> Taught:
    """Return the better of the closed form and an adaptation: the given one, else what the lesson's settings name."""
    every = list(range(len(lesson.examples)))
    whole = Adapted(backbone=lesson.backbone, patches=lesson.start(every).patches)
    closed_form = lesson.taught(whole)
    if adaptation is None and lesson.settings.adaptation == CLOSED_FORM:
        return closed_form
    tried = build_adaptation(lesson.settings.adaptation) if adaptation is None else adaptation
    checked_adaptation(tried.name)  # the detector will bear this name
    started = clock()
    deadline = Deadline(clock=clock, ends_at=started + timedelta(seconds=lesson.settings.adaptation_seconds))
    trial = _Trial(lesson=lesson, adaptation=tried, deadline=deadline)
    try:
        outcome, adapted = trial.run(progress)
    except BadDataError as error:
        outcome, adapted = AdaptationOutcome(name=tried.name, accepted=False, reason=str(error)), None
    outcome = replace(outcome, seconds=(clock() - started).total_seconds())
    return replace(closed_form if adapted is None else adapted, adaptation=outcome)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    """One adaptation on trial against the closed form."""

    lesson: Lesson
    adaptation: Adaptation
    deadline: Deadline

    def run(self, progress: Progress | None) -> tuple[AdaptationOutcome, Taught | None]:
        """Return the outcome, and what was taught where it was accepted."""
        folds = example_folds(self.lesson)
        rows = []
        for number, held_out in enumerate(folds):
            row = self._fold(held_out)
            if row is None:
                return self._late(len(folds)), None
            rows.append(row)
            if progress is not None:
                progress(f"adaptation {self.adaptation.name}: folds", number + 1, len(folds))
        closed_form, adapted = _together([row[0] for row in rows]), _together([row[1] for row in rows])
        overkill = self.lesson.promise.overkill
        outcome = judged(self.adaptation.name, closed_form.scores, adapted.scores, overkill=overkill, folds=len(folds))
        if not outcome.accepted or outcome.stretch is None:
            return outcome, None
        every = self.lesson.start(range(len(self.lesson.examples)))
        final = self.adaptation.adapt(every, seed=self.lesson.seed, deadline=self.deadline)
        if final is None:
            return self._late(len(folds)), None
        taught = self.lesson.taught(final)
        return outcome, _accepted(taught, outcome, outcome.stretch, adapted, by_normality=closed_form.by_normality)

    def _late(self, folds: int) -> AdaptationOutcome:
        reason = f"not finished in {self.lesson.settings.adaptation_seconds:g} s (adaptation_seconds)"
        return AdaptationOutcome(name=self.adaptation.name, accepted=False, reason=reason, folds=folds)

    def _fold(self, held_out: Sequence[int]) -> tuple["_Judged", "_Judged"] | None:
        """Return what the closed form and the adaptation say of the held-out examples, taught on the others."""
        lesson = self.lesson
        start = lesson.start([n for n in range(len(lesson.examples)) if n not in set(held_out)])
        adapted = self.adaptation.adapt(start, seed=lesson.seed, deadline=self.deadline)
        if adapted is None or self.deadline.passed:
            return None
        plain = Adapted(backbone=start.backbone, patches=start.patches)
        results = []
        for way in (plain, adapted):
            detector = lesson.taught(way).detector
            results.append(_judge(detector, [lesson.cut(way, n) for n in held_out]))
        return results[0], results[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judged:
    """Scores of what was left out; ``types`` are the samples' own, ``named`` what each was named.

    ``by_normality`` are the samples that are found without any type.
    """

    scores: LeftOutScores
    types: tuple[str, ...]
    named: tuple[str, ...]
    by_normality: tuple[bool, ...]


def _judge(detector: Detector, cuts: Sequence[Patches]) -> _Judged:
    supports = [support for cut in cuts for support in cut.supports]
    maps = [detector.judge(support.patches) for support in supports]
    named = []
    for found in maps:
        best = [float(plane.max()) for plane in found.types]
        place = int(np.argmax(best)) if best else 0
        named.append(found.class_names[place] if best and best[place] >= 1.0 else UNKNOWN_TYPE)
    good = [float(detector.judge(unit.patches).strongest.max()) for cut in cuts for unit in cut.good]
    scores = LeftOutScores(samples=np.array([float(m.strongest.max()) for m in maps]), good=np.array(good))
    types = tuple(checked_type(support.defect_type) for support in supports)
    alone = detector.without_types() or detector
    by_normality = tuple(float(alone.judge(support.patches).strongest.max()) >= 1.0 for support in supports)
    return _Judged(scores=scores, types=types, named=tuple(named), by_normality=by_normality)


def _together(parts: Sequence[_Judged]) -> _Judged:
    return _Judged(
        scores=LeftOutScores(
            samples=np.concatenate([part.scores.samples for part in parts]),
            good=np.concatenate([part.scores.good for part in parts]),
        ),
        types=tuple(name for part in parts for name in part.types),
        named=tuple(name for part in parts for name in part.named),
        by_normality=tuple(found for part in parts for found in part.by_normality),
    )


def example_folds(lesson: Lesson) -> list[list[int]]:
    """Return the examples of every fold: blocks of consecutive groups, those with samples and those without apart.

    A leakage group is never split, nor is a frame. Raises BadDataError when samples of one group alone were given, or
    when a fold would leave fewer than 4 good units to teach from.
    """
    members: dict[str | int, list[int]] = {}
    for n, example in enumerate(lesson.examples):
        members.setdefault(example.group or n, []).append(n)
    groups = list(members.values())
    with_samples = [k for k, own in enumerate(groups) if any(lesson.cuts[n].supports for n in own)]
    without = [k for k in range(len(groups)) if k not in set(with_samples)]
    count = min(lesson.settings.adaptation_folds, len(with_samples))
    if count < 2:
        raise BadDataError("samples of one leakage group cannot be left out and judged; give samples of 2 or more")
    found = [
        [n for k in (*bad.tolist(), *good.tolist()) for n in groups[int(k)]]
        for bad, good in zip(np.array_split(with_samples, count), np.array_split(without, count), strict=True)
    ]
    units = [len(cut.good) for cut in lesson.cuts]
    if min(sum(units) - sum(units[n] for n in fold) for fold in found) < _FEWEST_GOOD:
        raise BadDataError(f"a fold leaves fewer than {_FEWEST_GOOD} known-good units to teach from; give more")
    return found


def _accepted(
    taught: Taught, outcome: AdaptationOutcome, stretch: float, left_out: _Judged, *, by_normality: Sequence[bool]
) -> Taught:
    """Return the adapted teaching with thresholds and evidence of what was left out of the adaptation too.

    ``by_normality`` tells of each sample whether normality alone, not adapted, finds it.
    """
    detector = stretched(taught.detector, stretch)
    detector = replace(detector, settings=replace(detector.settings, adaptation=outcome.name))
    samples = left_out.scores.samples / stretch
    found: dict[str, list[bool]] = {}
    confusions: dict[str, dict[str, int]] = {}
    for score, own, name in zip(samples, left_out.types, left_out.named, strict=True):
        found.setdefault(own, []).append(bool(score >= 1.0))
        answer = name if score >= 1.0 else MISSED
        row = confusions.setdefault(own, {})
        row[answer] = row.get(answer, 0) + 1
    return replace(
        taught,
        detector=detector,
        leave_one_out=tuple(
            LeaveOneOut(defect_type=name, found=rate(sum(hits), len(hits))) for name, hits in sorted(found.items())
        ),
        confusions=confusions,
        overkill=outcome.overkill if outcome.overkill is not None else taught.overkill,
        beside_normality=paired(zip((bool(score >= 1.0) for score in samples), by_normality, strict=True)),
    )


def stretched(detector: Detector, factor: float) -> Detector:
    """Return the detector with every threshold ``factor`` times as far from the median good patch."""
    heads = tuple(replace(head, channel=_stretched(head.channel, factor)) for head in detector.heads)
    return replace(detector, anomaly=_stretched(detector.anomaly, factor), heads=heads)


def _stretched(channel: Channel, factor: float) -> Channel:
    return Channel(floor=channel.floor, limit=channel.floor + (channel.limit - channel.floor) * factor)
