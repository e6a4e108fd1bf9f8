"""A detector tried on labels that never taught it: what it found of each region, what it said of each good unit.

The rules of the gate on that are pure: they compare with the promise, with what is asked for approved types, and with
the champion on the very same regions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.statistics import (
    Rate,
    one_sided_upper,
    rate,
    samples_for_share,
    sign_test,
)
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import BadDataError

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionTried:
    """What a detector made of a labelled defect: whether it ``knows`` the type, found the region, gave it its name."""

    label: str
    defect_type: str
    severity: int | None
    golden: bool
    knows: bool
    found: bool
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodTried:
    """Whether a detector alarmed on a unit that is known to be good, and what it took it for."""

    label: str
    golden: bool
    alarmed: bool
    taken_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One detector on all of a line's labels for the gate, in the order of their ids.

    ``unjudged`` are frames that could not be judged, each with its reason; ``seconds_per_mpx`` the time of a frame a
    megapixel; ``mib`` the size of the bundle; ``memory_mib`` what judging a frame took at its peak beside what was
    taken already, None where the system does not tell.
    """

    regions: tuple[RegionTried, ...]
    goods: tuple[GoodTried, ...]
    unjudged: tuple[str, ...] = ()
    seconds_per_mpx: float | None = None
    mib: float | None = None
    memory_mib: float | None = None

    def recall(self, defect_type: str, *, severity: int | None = None) -> Rate:
        """Return how many regions of a type were found, of all severities or of one."""
        own = [each for each in self.regions if each.defect_type == defect_type]
        own = own if severity is None else [each for each in own if each.severity == severity]
        return rate(sum(each.found for each in own), len(own))

    def taken_for(self, defect_type: str) -> Rate:
        """Return how many good units were taken for a type."""
        return rate(sum(defect_type in each.taken_for for each in self.goods), len(self.goods))

    @property
    def overkill(self) -> Rate:
        """Good units that alarm."""
        return rate(sum(each.alarmed for each in self.goods), len(self.goods))

    @property
    def unknown(self) -> Rate:
        """Regions of types that the detector does not know, found all the same."""
        own = [each for each in self.regions if not each.knows]
        return rate(sum(each.found for each in own), len(own))


def trial_to(trial: Trial | None) -> dict[str, Any] | None:
    """Return the figures of a trial as plain JSON, rates with their exact 95% intervals."""
    if trial is None:
        return None
    return {
        "recall": {name: _rate_to(trial.recall(name)) for name in sorted({one.defect_type for one in trial.regions})},
        "recall_by_severity": {
            name: {str(severity): _rate_to(trial.recall(name, severity=severity)) for severity in severities}
            for name, severities in _severities(trial).items()
        },
        "overkill": _rate_to(trial.overkill),
        "overkill_by_type": {
            name: _rate_to(trial.taken_for(name)) for name in sorted({n for one in trial.goods for n in one.taken_for})
        },
        "unknown_found": _rate_to(trial.unknown),
        "unjudged": list(trial.unjudged),
        "seconds_per_mpx": trial.seconds_per_mpx,
        "mib": trial.mib,
        "memory_mib": trial.memory_mib,
    }


def _severities(trial: Trial) -> dict[str, list[int]]:
    """Return the severities that the regions of each type have, where people gave any."""
    found: dict[str, set[int]] = {}
    for one in trial.regions:
        if one.severity is not None:
            found.setdefault(one.defect_type, set()).add(one.severity)
    return {name: sorted(found[name]) for name in sorted(found)}


def _rate_to(value: Rate) -> dict[str, Any]:
    return {"count": value.count, "of": value.trials, "interval": [value.low, value.high]}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRules:
    """What is asked of a detector on labels that never taught it.

    Of an approved type at most ``max_escape`` of the regions may escape, of those of severity ``severe_from`` or more
    ``max_escape_severe``: the one-sided 95% bound must lie below. A loss against the champion counts from a one-sided
    sign test of ``max_chance`` on.
    """

    max_escape: float = 0.3
    max_escape_severe: float = 0.15
    severe_from: int = 3
    max_chance: float = 0.05
    max_seconds_per_mpx: float = 5.0
    max_mib: float = 256.0
    max_memory_mib: float = 4096.0

    def __post_init__(self) -> None:
        shares = (self.max_escape, self.max_escape_severe, self.max_chance)
        budgets = (self.max_seconds_per_mpx, self.max_mib, self.max_memory_mib)
        if not all(0.0 < share < 1.0 for share in shares) or min(budgets) <= 0.0:
            raise BadDataError(f"trial rules {self}: shares must lie between 0 and 1, time and size above 0")


def trial_reasons(
    challenger: Trial,
    champion: Trial | None,
    *,
    stages: Mapping[str, LifeCycle],
    left_out: Mapping[str, Rate],
    promised_overkill: float | None,
    rules: TrialRules,
) -> list[str]:
    """Return why the challenger may not come into force, each reason with the name of its rule first.

    ``stages`` are the types of the line; ``left_out`` what leave-one-out said of each type. Without any label for the
    gate only approved types are asked for evidence.
    """
    reasons = [f"unjudged: {text}" for text in challenger.unjudged[:_SHOWN]]
    if len(challenger.unjudged) > _SHOWN:
        reasons.append(f"unjudged: and {len(challenger.unjudged) - _SHOWN} frames more")
    reasons += _golden(challenger)
    reasons += _overkill(challenger, promised_overkill)
    approved = [name for name, stage in sorted(stages.items()) if stage is LifeCycle.APPROVED]
    for name in approved:
        reasons += _escape(challenger, name, rules)
    if champion is not None:
        reasons += _losses(challenger, champion, rules)
    reasons += _calibration(challenger, left_out)
    reasons += _budget(challenger, rules)
    return reasons


def _golden(trial: Trial) -> list[str]:
    missed = [each.label for each in trial.regions if each.golden and not each.found]
    alarmed = [each.label for each in trial.goods if each.golden and each.alarmed]
    found = [("is not found", missed), ("is good and alarms", alarmed)]
    return [f"golden set: label {labels[0]} {what}{_more(labels)}" for what, labels in found if labels]


def _more(labels: Sequence[str]) -> str:
    return f", and {len(labels) - 1} more" if len(labels) > 1 else ""


def _overkill(trial: Trial, promised: float | None) -> list[str]:
    if promised is None or not trial.goods or trial.overkill.low <= promised:
        return []
    seen = trial.overkill
    return [
        f"held-out overkill: {seen.count} of {seen.trials} known-good units alarm (at least {seen.low:.1%} with 95% "
        f"confidence), promised at most {promised:.1%}"
    ]


def _escape(trial: Trial, name: str, rules: TrialRules) -> list[str]:
    own = [each for each in trial.regions if each.defect_type == name]
    severe = [each for each in own if each.severity is not None and each.severity >= rules.severe_from]
    reasons = _bounded(own, f"escape of approved type {name!r}", at_most=rules.max_escape)
    if severe:
        what = f"escape of approved type {name!r} at severity {rules.severe_from} or more"
        reasons += _bounded(severe, what, at_most=rules.max_escape_severe)
    return reasons


def _bounded(regions: Sequence[RegionTried], what: str, *, at_most: float) -> list[str]:
    missed = sum(not each.found for each in regions)
    if one_sided_upper(missed, len(regions)) <= at_most:
        return []
    needed = samples_for_share(missed, at_most)
    if missed and missed / len(regions) > at_most:
        return [f"{what}: {missed} of {len(regions)} held-out regions escape, at most {at_most:.0%} are allowed"]
    return [
        f"{what}: {missed} of {len(regions)} held-out regions escape, which does not bear out at most {at_most:.0%} "
        f"with 95% confidence; label {needed - len(regions)} more that are found"
    ]


def _losses(challenger: Trial, champion: Trial, rules: TrialRules) -> list[str]:
    """Return where the challenger is worse than the champion on the same regions, beyond chance."""
    pairs = list(zip(champion.regions, challenger.regions, strict=True))
    known = [(a, b) for a, b in pairs if a.knows]
    strange = [(a, b) for a, b in pairs if not a.knows and not b.knows]
    goods = zip(champion.goods, challenger.goods, strict=True)
    compared = [
        ("forgetting: regions of known types", [(a.found, b.found) for a, b in known]),
        ("forgetting: names of known types", [(a.named, b.named) for a, b in known]),
        ("unknowns: regions of types that neither knows", [(a.found, b.found) for a, b in strange]),
        ("more overkill than the champion: good units", [(not a.alarmed, not b.alarmed) for a, b in goods]),
    ]
    reasons = []
    for what, outcomes in compared:
        lost = sum(before and not after for before, after in outcomes)
        gained = sum(after and not before for before, after in outcomes)
        if sign_test(lost, gained) <= rules.max_chance:
            reasons.append(f"{what} that the champion gets right are lost {lost} times, {gained} are gained")
    return reasons


def _calibration(trial: Trial, left_out: Mapping[str, Rate]) -> list[str]:
    reasons = []
    for name, said in sorted(left_out.items()):
        real = trial.recall(name)
        if real.trials and real.high < said.low:
            reasons.append(
                f"calibration: leave-one-out says that at least {said.low:.0%} of {name!r} are found, of the held-out "
                f"regions at most {real.high:.0%} are ({real.count} of {real.trials})"
            )
    return reasons


def _budget(trial: Trial, rules: TrialRules) -> list[str]:
    reasons = []
    if trial.seconds_per_mpx is not None and trial.seconds_per_mpx > rules.max_seconds_per_mpx:
        reasons.append(
            f"speed: {trial.seconds_per_mpx:.2f} s a megapixel, at most {rules.max_seconds_per_mpx:g} are allowed"
        )
    if trial.mib is not None and trial.mib > rules.max_mib:
        reasons.append(f"size: the bundle has {trial.mib:.0f} MiB, at most {rules.max_mib:g} are allowed")
    if trial.memory_mib is not None and trial.memory_mib > rules.max_memory_mib:
        reasons.append(
            f"memory: judging a frame takes {trial.memory_mib:.0f} MiB, at most {rules.max_memory_mib:g} are allowed"
        )
    return reasons
