"""Drift of what a line sees and says, coil by coil, against the reference period of the detector in force.

The reference are the first coils that this detector judged. Each number of a coil has its control chart; the anomaly
scores of good material are also compared as a whole distribution, by a permutation of coils (frames of one coil are
alike, so coils are what may be exchanged: Fisher 1935; p-values after Phipson and Smyth 2010, which are never 0). All
tests share one stated rate of false alarms (Bonferroni).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.control_charts import (
    LEAST_REFERENCE,
    Charted,
    ChartPoint,
    ControlChart,
    chart_of_shares,
    chart_of_values,
)
from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.errors import BadDataError

WATCHED_MEASURES = ("focus", "mean", "contrast")
"""Of ``domain.capture.FrameMeasures``: what tells of lamp, lens and distance."""

_CHUNK = 2000
_LEAST_DISTINCT = 2.0  # permutations beyond the most extreme one that alpha lets alarm


class Signal(StrEnum):
    """What is watched."""

    ALARM_SHARE = "alarm share"
    UNKNOWN_SHARE = "unknown share"
    UNUSABLE_SHARE = "unusable share"
    GOOD_SCORE = "score of good material"
    FOCUS = "focus"
    MEAN = "mean"
    CONTRAST = "contrast"


class DriftKind(StrEnum):
    """How a signal left its reference: one coil at once, slowly over many, or in its distribution."""

    JUMP = "beyond its limits"
    CREEP = "moving average beyond its limits"
    SHAPE = "another distribution"


ADVICE: Mapping[Signal, str] = {
    Signal.ALARM_SHARE: "look at the newest findings: a real wave of defects, or label what is good and teach again",
    Signal.UNKNOWN_SHARE: "look at the unknown findings in the queue: a new defect type to teach, or new material",
    Signal.UNUSABLE_SHARE: "read the reasons on the coil's page; check trigger, encoder and cabling of the camera",
    Signal.GOOD_SCORE: "good material looks otherwise: check lamp and lens, then take good frames and teach again",
    Signal.FOCUS: "clean and focus the lens; check the distance to the strip",
    Signal.MEAN: "check lamp and exposure, and build a new flat field",
    Signal.CONTRAST: "check lamp, lens and the flat field",
}
"""What to do about each signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRules:
    """How a line is watched.

    The first ``reference_coils`` coils of a detector are its reference. ``false_alarm_share`` is the share of coils on
    which any of a line's tests alarms while nothing changes. ``smoothing`` is the weight of the newest coil in the
    moving average; ``recent_coils`` are compared with the reference as a distribution, by ``frames_a_coil`` good frames
    each. ``most_coils`` is how many of the newest coils are looked at beside the reference.
    """

    reference_coils: int = 20
    recent_coils: int = 5
    frames_a_coil: int = 24
    false_alarm_share: float = 0.01
    smoothing: float = 0.2
    most_coils: int = 200

    def __post_init__(self) -> None:
        if self.reference_coils < LEAST_REFERENCE or self.recent_coils < 2 or self.frames_a_coil < 1:
            raise BadDataError(
                f"watch: {self.reference_coils} reference_coils, {self.recent_coils} recent_coils, "
                f"{self.frames_a_coil} frames_a_coil tell nothing; give at least {LEAST_REFERENCE}, 2 and 1"
            )
        if not 0.0 < self.false_alarm_share < 0.5 or not 0.0 < self.smoothing <= 1.0:
            raise BadDataError(
                f"watch: false_alarm_share {self.false_alarm_share} must lie between 0 and 0.5, "
                f"smoothing {self.smoothing} between 0 and 1"
            )
        if self.most_coils < self.recent_coils:
            raise BadDataError(f"watch: most_coils {self.most_coils} is less than recent_coils {self.recent_coils}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilSeen:
    """What the watch knows of one coil: counts of frames, scores of good frames, means of measures.

    ``good_scores`` are the highest scores of frames that passed, in multiples of the threshold; ``measures`` the mean
    of each watched measure by (camera, measure).
    """

    coil: str
    captured: int
    unusable: int
    judged: int
    alarmed: int
    unknown: int
    good_scores: tuple[float, ...] = ()
    measures: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalName:
    """A signal, of one camera where it is measured by camera."""

    signal: Signal
    camera: str | None = None

    @property
    def text(self) -> str:
        """The name for people."""
        return self.signal.value if self.camera is None else f"{self.signal.value} of {self.camera}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAlarm:
    """One alarm: what left its reference, from ``since`` to ``until``, how strongly, and whether it still goes on.

    ``value`` is that of the strongest coil, ``centre`` that of the reference, ``low`` and ``high`` its limits.
    ``strength`` is in sigmas of the reference (for a distribution: its distance, 0 to 1); ``chance`` is given for a
    distribution only.
    """

    name: SignalName
    kind: DriftKind
    since: str
    until: str
    coils: int
    ongoing: bool
    value: float
    centre: float
    low: float
    high: float
    strength: float
    chance: float | None = None

    @property
    def key(self) -> str:
        """What makes it the same alarm at the next look; a distribution has no first coil, its window moves on."""
        if self.kind is DriftKind.SHAPE:
            return f"{self.name.text}: {self.kind.value}"
        return f"{self.name.text}: {self.kind.value} since {self.since}"

    @property
    def what_to_do(self) -> str:
        """What a person does about it."""
        return ADVICE[self.name.signal]

    @property
    def text(self) -> str:
        """The alarm in one line."""
        still = "" if self.ongoing else "; the newest coil is back within"
        size = "1 coil" if self.coils == 1 else f"{self.coils} coils"
        if self.kind is DriftKind.SHAPE:
            told = f"{self.key} over {self.since} to {self.until}: distance {self.strength:.2f}"
            return f"{told}, chance {self.chance or 0.0:.2g}; {self.what_to_do}"
        return (
            f"{self.key} ({size}): {self.value:.4g}, reference {self.centre:.4g} "
            f"[{self.low:.4g}, {self.high:.4g}], {self.strength:+.1f} sigma{still}; {self.what_to_do}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The charts of a line by signal, the alarms behind the reference, and what could not be watched, with reasons."""

    coils: tuple[str, ...]
    charts: Mapping[SignalName, Charted]
    alarms: tuple[DriftAlarm, ...]
    not_watched: tuple[str, ...]


def watch(
    coils: Sequence[CoilSeen], *, reference: int | None = None, rules: WatchRules, rng: np.random.Generator
) -> Drift:
    """Return the drift over ``coils`` in their order; the first ``reference`` (default: as the rules say) are it.

    What has too little data is in ``not_watched``, never taken for quiet.
    """
    first = rules.reference_coils if reference is None else reference
    names = signal_names(coils)
    alpha = rules.false_alarm_share / (2 * len(names) + 1)
    charts = {name: _chart(name, coils, first, alpha=alpha, smoothing=rules.smoothing) for name in names}
    alarms: list[DriftAlarm] = []
    silent: list[str] = []
    for name, chart in charts.items():
        if isinstance(chart, NotMeasured):
            silent.append(f"{name.text}: {chart.reason}")
            continue
        alarms += _alarms(name, chart, [one.coil for one in coils])
        if len(coils) > first and chart.points[-1].value is None:
            silent.append(f"{name.text}: coil {coils[-1].coil} has no value")
    shape = _shape(coils, first, alpha=alpha, rules=rules, rng=rng)
    if isinstance(shape, NotMeasured):
        silent.append(f"distribution of the {Signal.GOOD_SCORE.value}: {shape.reason}")
    elif shape is not None:
        alarms.append(shape)
    return Drift(coils=tuple(one.coil for one in coils), charts=charts, alarms=tuple(alarms), not_watched=tuple(silent))


def signal_names(coils: Sequence[CoilSeen]) -> list[SignalName]:
    """Return what is watched on these coils: shares and scores once, measures for every camera that any coil has."""
    shares = (Signal.ALARM_SHARE, Signal.UNKNOWN_SHARE, Signal.UNUSABLE_SHARE, Signal.GOOD_SCORE)
    cameras = sorted({camera for coil in coils for camera, _ in coil.measures})
    measured = [SignalName(signal=Signal(one), camera=camera) for camera in cameras for one in WATCHED_MEASURES]
    return [*(SignalName(signal=signal) for signal in shares), *measured]


def same_distribution(
    reference: Sequence[Sequence[float]],
    recent: Sequence[Sequence[float]],
    *,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return (distance, chance) of two groups of coils: Kolmogorov's distance of their mean distributions, and how
    likely one so large or larger is where coils of both come from the same line (permutation of whole coils).
    """
    groups = [np.asarray(values, dtype=np.float64) for values in (*reference, *recent)]
    if not reference or not recent or any(group.size == 0 for group in groups):
        raise BadDataError("a distribution of no value compares with nothing; give coils that have scores")
    grid = np.unique(np.concatenate(groups))
    curves = np.stack([np.searchsorted(np.sort(group), grid, side="right") / group.size for group in groups])
    seen = float(_distances(np.arange(len(groups)) >= len(reference), curves)[0])
    reached = 0
    for at in range(0, permutations, _CHUNK):
        rows = min(_CHUNK, permutations - at)
        ranks = np.argsort(rng.random((rows, len(groups))), axis=1)
        reached += int((_distances(ranks >= len(reference), curves) >= seen - 1e-12).sum())
    return seen, (1 + reached) / (permutations + 1)


def _distances(recent: NDArray[np.bool_], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return of each row (which coils are recent) the largest difference of the two mean curves."""
    rows = np.atleast_2d(recent).astype(np.float64)
    count = rows.sum(axis=1, keepdims=True)
    newer = rows @ curves / count
    older = (1.0 - rows) @ curves / (rows.shape[1] - count)
    return np.asarray(np.abs(newer - older).max(axis=1), dtype=np.float64)


def _chart(name: SignalName, coils: Sequence[CoilSeen], first: int, *, alpha: float, smoothing: float) -> Charted:
    counted = {
        Signal.ALARM_SHARE: [(one.alarmed, one.judged) for one in coils],
        Signal.UNKNOWN_SHARE: [(one.unknown, one.judged) for one in coils],
        Signal.UNUSABLE_SHARE: [(one.unusable, one.captured) for one in coils],
    }
    if name.signal in counted:
        return chart_of_shares(counted[name.signal], reference=first, alpha=alpha, smoothing=smoothing)
    if name.signal is Signal.GOOD_SCORE:
        values = [float(np.mean(one.good_scores)) if one.good_scores else None for one in coils]
    else:
        values = [one.measures.get((name.camera or "", name.signal.value)) for one in coils]
    return chart_of_values(values, reference=first, alpha=alpha, smoothing=smoothing)


def _alarms(name: SignalName, chart: ControlChart, coils: Sequence[str]) -> list[DriftAlarm]:
    found: list[DriftAlarm] = []
    beyond = [point.beyond for point in chart.points]
    crept = [point.crept for point in chart.points]
    for kind, out in ((DriftKind.JUMP, beyond), (DriftKind.CREEP, crept)):
        for begin, end in _runs(out, chart.reference):
            points = chart.points[begin:end]
            found.append(_alarm(name, chart, kind, coils[begin:end], points, ongoing=end == len(coils)))
    return found


def _alarm(
    name: SignalName,
    chart: ControlChart,
    kind: DriftKind,
    coils: Sequence[str],
    points: Sequence[ChartPoint],
    *,
    ongoing: bool,
) -> DriftAlarm:
    if kind is DriftKind.CREEP:
        strongest = max(points, key=lambda point: abs(point.average_strength))
        value, low, high = strongest.average or 0.0, strongest.average_low or 0.0, strongest.average_high or 0.0
        strength = strongest.average_strength
    else:
        strongest = max(points, key=lambda point: abs(point.strength))
        value, low, high, strength = strongest.value or 0.0, strongest.low, strongest.high, strongest.strength
    return DriftAlarm(
        name=name,
        kind=kind,
        since=coils[0],
        until=coils[-1],
        coils=len(points),
        ongoing=ongoing,
        value=value,
        centre=chart.centre,
        low=low,
        high=high,
        strength=strength,
    )


def _runs(out: Sequence[bool], reference: int) -> list[tuple[int, int]]:
    """Return (begin, end) of each unbroken run of coils that are out, behind the reference."""
    runs: list[tuple[int, int]] = []
    for at in range(reference, len(out)):
        if out[at] and runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], at + 1)
        elif out[at]:
            runs.append((at, at + 1))
    return runs


def _shape(
    coils: Sequence[CoilSeen], first: int, *, alpha: float, rules: WatchRules, rng: np.random.Generator
) -> DriftAlarm | NotMeasured | None:
    """Return the alarm of the newest coils' scores of good material, None where they are as before."""
    before = [one.good_scores for one in coils[:first] if one.good_scores]
    newest = [one for one in coils[first:] if one.good_scores][-rules.recent_coils :]
    if len(before) < LEAST_REFERENCE or len(newest) < rules.recent_coils:
        return NotMeasured(
            reason=f"{len(before)} coils of the reference and {len(newest)} after it have scores, "
            f"it needs {LEAST_REFERENCE} and {rules.recent_coils}"
        )
    if alpha * math.comb(len(before) + len(newest), len(newest)) < _LEAST_DISTINCT:
        return NotMeasured(
            reason=f"{len(before)} and {len(newest)} coils cannot tell with a false alarm in {1 / alpha:.0f}"
        )
    distance, chance = same_distribution(
        before, [one.good_scores for one in newest], permutations=math.ceil(4.0 / alpha), rng=rng
    )
    if chance > alpha:
        return None
    return DriftAlarm(
        name=SignalName(signal=Signal.GOOD_SCORE),
        kind=DriftKind.SHAPE,
        since=newest[0].coil,
        until=newest[-1].coil,
        coils=len(newest),
        ongoing=True,
        value=float(np.mean([np.mean(one.good_scores) for one in newest])),
        centre=float(np.mean([np.mean(one) for one in before])),
        low=0.0,
        high=1.0,
        strength=distance,
        chance=chance,
    )
