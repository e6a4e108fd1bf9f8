"""What an adaptation is: a change of what teaching starts from, judged before it may replace the closed form.

An adaptation may give another trunk, other patches, a low-rank change of the metric, or gradient steps for the heads.
It never sets a threshold: that is left to the same cross-fitting as for the closed form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.statistics import Rate, rate, student_interval
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.calibration import calibrate
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.examples import FrameRegions, Patches
from inspect_pipeline.learning.shaping import Shaping

_SMALLEST_LIMIT = 1e-6
_FEWEST_GOOD = 5  # each is left out of the limit that judges it, and a limit needs 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment after which an adaptation gives up; asked between steps, so it is passed by one step at most."""

    clock: Clock
    ends_at: datetime

    @property
    def passed(self) -> bool:
        """Whether the time is used up."""
        return self.clock() >= self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """What an adaptation may look at: the frames that teach, their patches from ``backbone``, and what history gave.

    ``dense`` are the tensors of the initialization's dense part, ``unit`` the promise's unit.
    """

    backbone: Backbone
    examples: Sequence[FrameRegions]
    patches: Patches
    unit: UnitGrid
    settings: DetectorSettings
    dense: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapted:
    """What to teach with instead. ``backbone`` is the start's own object where the trunk is as it was."""

    backbone: Backbone
    patches: Patches
    shaping: Shaping | None = None


class Adaptation(Protocol):
    """A way beyond the closed form."""

    @property
    def name(self) -> str:
        """The name in settings and manifests."""
        ...

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:
        """Return what to teach with, or None when the deadline passed first.

        The same start and seed give the same result on one thread. Raises BadDataError for a start it cannot use.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationOutcome:
    """Whether an adaptation replaced the closed form, and the evidence: both taught without what they are judged on.

    ``margin`` is by how much a left-out sample's score rises, in multiples of the limit that left-out good units set,
    with its paired 95% interval (``margin_interval``); None where nothing was measured. ``stretch`` is what the adapted
    detector's own thresholds had to be multiplied by for that.
    """

    name: str
    accepted: bool
    reason: str
    folds: int = 0
    found_closed_form: Rate | None = None
    found: Rate | None = None
    overkill_closed_form: Rate | None = None
    overkill: Rate | None = None
    margin: float | None = None
    margin_low: float | None = None
    margin_high: float | None = None
    stretch: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeftOutScores:
    """Scores of left-out samples (n) and left-out good units (m), in multiples of the threshold that judged them."""

    samples: NDArray[np.float64]
    good: NDArray[np.float64]

    def margins(self, overkill: float) -> NDArray[np.float64]:
        """Return the samples' scores in multiples of the limit that the left-out good units set for the promise.

        So the scale of the scores does not count, and neither does a threshold that is merely lower.
        """
        return self.samples / max(_limit(self.good, overkill), _SMALLEST_LIMIT)

    def without_unit(self, number: int) -> "LeftOutScores":
        """Return the same without one good unit."""
        return LeftOutScores(samples=self.samples, good=np.delete(self.good, number))

    def found(self, overkill: float) -> Rate:
        """Return the samples that alarm once the thresholds are stretched to keep the promise."""
        return rate(int((self.samples / self.stretch(overkill) >= 1.0).sum()), len(self.samples))

    def stretch(self, overkill: float) -> float:
        """Return what the thresholds must be multiplied by, at least 1, to keep the promise on left-out good units."""
        return max(1.0, _limit(self.good, overkill))

    def alarms(self, overkill: float) -> Rate:
        """Return the good units that alarm when each is left out of the stretch that judges it."""
        rest = [self.without_unit(left_out).stretch(overkill) for left_out in range(len(self.good))]
        count = sum(score > limit for score, limit in zip(self.good, rest, strict=True))
        return rate(int(count), len(self.good))


def _limit(good: NDArray[np.float64], overkill: float) -> float:
    return calibrate(good[:, None], [-np.inf], handicaps=[0.0], overkill=overkill).channels[0].limit


def judged(
    name: str, closed_form: LeftOutScores, adapted: LeftOutScores, *, overkill: float, folds: int
) -> AdaptationOutcome:
    """Return the outcome: accepted only if nothing is lost, margins rise surely, and the promise is kept.

    Both are held against the limit that their own left-out good units set, so that a lower threshold is no gain.
    ``closed_form`` and ``adapted`` hold the same samples and units in the same order.
    """
    if len(adapted.good) < _FEWEST_GOOD or not len(adapted.samples):
        reason = f"{len(adapted.samples)} samples and {len(adapted.good)} good units could be left out; too few"
        return AdaptationOutcome(name=name, accepted=False, reason=reason, folds=folds)
    margin, low, high = margin_interval(closed_form, adapted, overkill=overkill)
    found_before, found = closed_form.found(overkill), adapted.found(overkill)
    alarms = adapted.alarms(overkill)
    reasons = _reasons(found_before, found, alarms, margin=(margin, low, high), overkill=overkill)
    gain = f"margins rise by {margin:+.3f} [{low:+.3f}, {high:+.3f}], {found.count} of {found.trials} samples are found"
    return AdaptationOutcome(
        name=name,
        accepted=not reasons,
        reason="; ".join(reasons) or gain,
        folds=folds,
        found_closed_form=found_before,
        found=found,
        overkill_closed_form=closed_form.alarms(overkill),
        overkill=alarms,
        margin=margin,
        margin_low=low if np.isfinite(low) else None,
        margin_high=high if np.isfinite(high) else None,
        stretch=adapted.stretch(overkill),
    )


def margin_interval(
    closed_form: LeftOutScores, adapted: LeftOutScores, *, overkill: float
) -> tuple[float, float, float]:
    """Return the mean rise of the samples' margins with its 95% interval: chance in samples and in good units.

    All margins share the limit that the good units set, so the spread over samples alone says nothing of a limit that
    came out low by chance. Its half width is Student's over jackknife pseudo-values of good units (Tukey, 1958), and
    the two are added as squares. On samples of good material gradient_head was taken 2 times of 5 without it.
    """
    rises = adapted.margins(overkill) - closed_form.margins(overkill)
    mean, low, _ = student_interval(rises)
    count = len(adapted.good)
    pseudo = []
    for left_out in range(count):
        before, after = closed_form.without_unit(left_out), adapted.without_unit(left_out)
        rise = float((after.margins(overkill) - before.margins(overkill)).mean())
        pseudo.append(count * mean - (count - 1) * rise)
    middle, lowest, _ = student_interval(pseudo)
    half = float(np.hypot(mean - low, middle - lowest))
    return mean, mean - half, mean + half


def _reasons(
    before: Rate, after: Rate, alarms: Rate, *, margin: tuple[float, float, float], overkill: float
) -> list[str]:
    """Return what speaks against the adaptation; each rule is written so that a number that is none (NaN) refuses."""
    reasons = []
    if not after.count >= 1:
        reasons.append("no left-out sample is found")
    if not after.count >= before.count:
        reasons.append(f"{after.count} of {after.trials} left-out samples are found, {before.count} by the closed form")
    if not margin[1] > 0.0:
        reasons.append(f"margins of left-out samples change by {margin[0]:+.3f} [{margin[1]:+.3f}, {margin[2]:+.3f}]")
    if not alarms.low <= overkill:
        reasons.append(f"{alarms.count} of {alarms.trials} left-out good units alarm, {overkill:.1%} are promised")
    return reasons
