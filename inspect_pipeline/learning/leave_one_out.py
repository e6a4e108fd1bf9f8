"""Every sample judged by a detector that was taught without it, thresholds included."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.learning.calibration import Calibration, calibrate
from inspect_pipeline.learning.crossfit import CrossFitted
from inspect_pipeline.learning.dense_fit import Variant
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import Support

MISSED = "missed"
Floats = NDArray[np.float64]
_WITHOUT_SAMPLES = 0.3  # a cosine between a region's deviation and the type; used where nothing could be left out


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """One left-out sample: found in any channel, found when its type is the only one, and what it was named.

    ``found_alone`` is without the other types, ``found_by_normality`` without any type, at the same promise.
    ``likeness`` is the cosine to its own type at the peak, ``anomaly`` its anomaly in multiples of the threshold.
    """

    support: int
    defect_type: str
    found: bool
    found_alone: bool
    found_by_normality: bool
    named: str
    likeness: float
    anomaly: float


def judge_left_out(
    crossed: CrossFitted,
    supports: Sequence[Support],
    variants: Sequence[Variant],
    names: Sequence[str],
    *,
    promise: Promise,
    settings: DetectorSettings,
) -> list[LeftOut]:
    """Return the verdict on every sample. A type's only sample is judged by the normality and the other types."""
    without = _without(variants, names)
    places = range(len(names))
    limits: dict[tuple[int, bool], tuple[Calibration, Calibration]] = {}
    results = []
    normality = _calibrated(crossed, [0], promise, settings)
    for number, support in enumerate(supports):
        t = next(t for t in places if number in variants[t].supports)
        own = without.get(number)
        first, others = [] if own is None else [own], [k for k in places if k != t]
        if (t, own is None) not in limits:  # a type has one scale, whichever sample it lacks
            columns = [0, *(1 + k for k in (*first, *others))]
            limits[t, own is None] = (
                _calibrated(crossed, columns, promise, settings),
                _calibrated(crossed, columns[: 1 + len(first)], promise, settings),
            )
        full, alone = limits[t, own is None]
        raw = crossed.final.maps(support.patches, settings.smoothing_patches, [*first, *others])
        has_bank = crossed.final.bank is not None
        deviation = crossed.final.deviation(support.patches, settings.smoothing_patches) if has_bank else raw[0]
        peaks = raw.flatten(1).amax(dim=1).double().numpy()
        values = _values(peaks, full)
        results.append(
            LeftOut(
                support=number,
                defect_type=names[t],
                found=bool(values.max() >= 1.0),
                found_alone=bool(_values(peaks, alone).max() >= 1.0),
                found_by_normality=bool(_values(peaks, normality).max() >= 1.0),
                named=_named(values, [names[k] for k in ([t] * len(first) + others)]),
                likeness=_likeness(raw, deviation, crossed, own),
                anomaly=float(values[0]),
            )
        )
    return results


def _without(variants: Sequence[Variant], names: Sequence[str]) -> dict[int, int]:
    """Return, for every sample, the number of the variant of its type that lacks it."""
    whole = {variant.defect_type: set(variant.supports) for variant in variants[: len(names)]}
    found = {}
    for place in range(len(names), len(variants)):
        (missing,) = whole[variants[place].defect_type] - set(variants[place].supports)
        found[missing] = place
    return found


def _calibrated(
    crossed: CrossFitted, columns: Sequence[int], promise: Promise, settings: DetectorSettings
) -> Calibration:
    handicaps = [settings.anomaly_handicap] + [0.0] * (len(columns) - 1)
    picked = list(columns)
    return calibrate(crossed.scores[:, picked], crossed.floors[picked], handicaps=handicaps, overkill=promise.overkill)


def _values(raw: Floats, calibration: Calibration) -> Floats:
    """Return the first raw scores in multiples of the limits of the calibration's channels."""
    pairs = zip(raw, calibration.channels, strict=False)
    return np.array([(score - channel.floor) * channel.gain for score, channel in pairs])


def _named(values: Floats, names: Sequence[str]) -> str:
    if values.max() < 1.0:
        return MISSED
    if len(names) and values[1:].max() >= 1.0:
        return names[int(values[1:].argmax())]
    return UNKNOWN_TYPE


def _likeness(raw: torch.Tensor, deviation: torch.Tensor, crossed: CrossFitted, own: int | None) -> float:
    if own is None:
        return float("nan")
    evidence, whole = raw[1].flatten(), deviation.flatten()
    peak = int(evidence.argmax())
    return float((evidence[peak] + crossed.final.directions[own].bias) / whole[peak].clamp(min=1e-6))


def open_set_bound(left_out: Sequence[LeftOut], *, share: float) -> float:
    """Return the least cosine for a type's name: ``share`` of what its left-out samples reach in the median."""
    reached = [one.likeness for one in left_out if np.isfinite(one.likeness)]
    return share * float(np.median(reached)) if reached else share * _WITHOUT_SAMPLES
