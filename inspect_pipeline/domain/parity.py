"""What another runtime or precision changes: the same frames judged by torch in float32 and by what a line is set to.

A runtime in float32 has to give torch's scores; one of reduced precision may change verdicts, counted with an exact
interval, up to what the rules allow. Both are rules on evidence: too few frames refuse and say how many more it takes.
"""

from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.statistics import Rate, one_sided_upper, rate, samples_for_share
from inspect_pipeline.errors import BadDataError

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameParity:
    """One frame by torch (``wanted``) and by the runtime (``found``); ``difference`` is the largest of any score.

    Scores are in multiples of the threshold; above 1 their difference counts relative to the score.
    """

    frame: str
    wanted: Verdict
    found: Verdict
    difference: float

    @property
    def flipped(self) -> bool:
        """Whether the verdict is another one."""
        return self.wanted is not self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """A runtime beside torch in float32. ``exact``: it computes in float32 too, so that it has to give the same.

    ``unjudged`` are frames that could not be judged, each with its reason; ``batch_difference`` is the largest
    difference, relative to the largest value, between descriptors of tiles given together and one by one.
    """

    runtime: str
    exact: bool
    frames: tuple[FrameParity, ...]
    unjudged: tuple[str, ...] = ()
    batch_difference: float | None = None

    @property
    def flips(self) -> Rate:
        """Frames with another verdict."""
        return rate(sum(each.flipped for each in self.frames), len(self.frames))

    @property
    def escapes(self) -> int:
        """Frames that alarm by torch and pass here."""
        return sum(each.wanted is not Verdict.PASS and each.found is Verdict.PASS for each in self.frames)

    @property
    def difference(self) -> float:
        """The largest difference of any score of any frame."""
        return max((each.difference for each in self.frames), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityRules:
    """How far a runtime may differ from torch in float32.

    In float32 scores may differ by ``max_difference`` and no verdict may, on ``min_frames`` frames at least. In a
    reduced precision at most ``max_flips`` of the verdicts may change: the one-sided 95% bound must lie below. Up to
    ``frames`` of the line are judged by both.
    """

    max_difference: float = 1e-4
    max_flips: float = 0.05
    min_frames: int = 5
    frames: int = 125

    def __post_init__(self) -> None:
        if not (0.0 < self.max_flips < 1.0 and 0.0 < self.max_difference < 1.0 and 1 <= self.min_frames <= self.frames):
            raise BadDataError(
                f"parity rules {self}: the shares must lie between 0 and 1, min_frames between 1 and frames"
            )


def parity_reasons(parity: Parity | None, rules: ParityRules) -> list[str]:
    """Return why the runtime may not judge, each reason with the name of the rule first; None is torch itself."""
    if parity is None:
        return []
    reasons = [f"parity: {parity.runtime} did not judge {text}" for text in parity.unjudged[:_SHOWN]]
    if len(parity.unjudged) > _SHOWN:
        reasons.append(f"parity: and {len(parity.unjudged) - _SHOWN} frames more were not judged by {parity.runtime}")
    batch = parity.batch_difference
    if batch is not None and not batch <= rules.max_difference:
        reasons.append(
            f"parity: {parity.runtime} describes tiles given together differently than one by one (by {batch:.2g}, at "
            f"most {rules.max_difference:g} is allowed)"
        )
    return reasons + (_exact_reasons(parity, rules) if parity.exact else _flip_reasons(parity, rules))


def _exact_reasons(parity: Parity, rules: ParityRules) -> list[str]:
    reasons = []
    missing = rules.min_frames - len(parity.frames)
    if missing > 0:
        reasons.append(f"parity: {len(parity.frames)} frames were judged by {parity.runtime} and torch; {missing} more")
        reasons[-1] += " are needed"
    if not parity.difference <= rules.max_difference:
        reasons.append(
            f"parity: scores of {parity.runtime} differ from torch by {parity.difference:.2g}, at most "
            f"{rules.max_difference:g} is allowed"
        )
    if parity.flips.count:
        reasons.append(f"parity: {parity.runtime} changes {parity.flips.count} of {parity.flips.trials} verdicts")
    return reasons


def _flip_reasons(parity: Parity, rules: ParityRules) -> list[str]:
    flips, frames = parity.flips.count, parity.flips.trials
    if one_sided_upper(flips, frames) <= rules.max_flips:
        return []
    seen = f"parity: {parity.runtime} changes {flips} of {frames} verdicts"
    if flips and flips / frames > rules.max_flips:
        return [f"{seen} of torch in float32, at most {rules.max_flips:.0%} are allowed"]
    needed = samples_for_share(flips, rules.max_flips)
    more = f"{needed - frames} more frames that it does not change are needed"
    return [f"{seen}, which does not bear out at most {rules.max_flips:.0%} with 95% confidence; {more}"]


def parity_to(parity: Parity | None) -> dict[str, Any] | None:
    """Return the figures as plain JSON, the rate with its exact 95% interval."""
    if parity is None:
        return None
    flips = parity.flips
    return {
        "runtime": parity.runtime,
        "exact": parity.exact,
        "flips": {"count": flips.count, "of": flips.trials, "interval": [flips.low, flips.high]},
        "escapes": parity.escapes,
        "flipped": [each.frame for each in parity.frames if each.flipped],
        "difference": parity.difference,
        "batch_difference": parity.batch_difference,
        "unjudged": list(parity.unjudged),
    }
