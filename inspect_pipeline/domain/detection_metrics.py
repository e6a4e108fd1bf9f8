"""How well scores tell defective from good, and marked regions from the rest; pure functions of scores.

A higher score is a stronger alarm. ``normals`` and ``defects`` are scores of whole images. Every threshold here is read
off the scores that are judged, so these figures rank detectors; they are not what a detector's own threshold gives.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

Scores = Sequence[float] | NDArray[np.float64] | NDArray[np.float32]
Floats = NDArray[np.float64]


def image_auroc(normals: Scores, defects: Scores) -> float:
    """Return the probability that a defective image scores above a good one; a tie counts as half.

    Raises BadDataError when either side is empty or a score is not finite.
    """
    low, high = _finite(normals, "normals"), _finite(defects, "defects")
    low.sort()
    below, up_to = np.searchsorted(low, high, side="left"), np.searchsorted(low, high, side="right")
    return float((below + up_to).sum() / (2.0 * low.size * high.size))


def average_precision(normals: Scores, defects: Scores) -> float:
    """Return the mean precision over the steps of recall, the defects being what is looked for.

    Equal scores are one step, so that the order of the input changes nothing; without a ranking it is the share of
    defects. Raises BadDataError when either side is empty or a score is not finite.
    """
    low, high = _finite(normals, "normals"), _finite(defects, "defects")
    scores = np.concatenate([low, high])
    hit = np.concatenate([np.zeros(low.size), np.ones(high.size)])
    steps, hits = _steps(scores, hit)
    _, alarms = _steps(scores, np.ones(scores.size))
    gained = np.diff(hits, prepend=0.0)
    return float((gained * hits / alarms).sum() / high.size) if steps.size else 0.0


def escape_at(normals: Scores, defects: Scores, overkill: float) -> float | None:
    """Return the share of defects that escape where at most ``overkill`` of these normals alarm.

    An image alarms above the threshold, which is itself the score of a normal. None with fewer than 1 / overkill
    normals: one alarm would be more than was allowed, and none says nothing about it. Raises BadDataError when either
    side is empty, a score is not finite, or unless 0 < overkill < 1.
    """
    if not 0.0 < overkill < 1.0:
        raise BadDataError(f"escape at an overkill of {overkill} is not defined; give a share between 0 and 1")
    low, high = _finite(normals, "normals"), _finite(defects, "defects")
    if low.size * overkill < 1.0 - 1e-9:
        return None
    threshold = allowed_threshold(low, allowed=math.floor(low.size * overkill + 1e-9))
    return float((high <= threshold).mean())


def allowed_threshold(negatives: Scores, *, allowed: int) -> float:
    """Return the lowest threshold that at most ``allowed`` of the scores exceed: minus infinity where all may.

    It is the next highest score itself, which does not alarm.
    """
    array = np.sort(np.asarray(negatives, dtype=np.float64))
    return float(array[array.size - allowed - 1]) if allowed < array.size else -math.inf


def aupro(
    scores: Floats | NDArray[np.float32], good_px: Floats, covered: Floats, *, most_false: float = 0.3
) -> float | None:
    """Return the area under the per-region overlap up to a share ``most_false`` of false pixels, divided by it.

    One entry a cell of the score maps of all images, each (n,): ``good_px`` counts the cell's pixels that no region
    marks, ``covered`` adds up which share of each region (0 to 1) lies in the cell, so that it sums to the number of
    regions and a small region counts as much as a large one (Bergmann et al., CVPR 2019). All pixels of a cell have
    its score. A perfect map gives 1, chance ``most_false`` / 2. None where nothing is marked or everything is. Raises
    BadDataError for arrays that do not fit each other, or a score that is not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not (values.ndim == 1 and values.shape == good_px.shape == covered.shape and np.isfinite(values).all()):
        raise BadDataError("aupro needs scores, good pixels and coverage of the same cells, all finite")
    regions, all_good = float(covered.sum()), float(good_px.sum())
    if regions <= 0.0 or all_good <= 0.0:
        return None
    false = np.concatenate([[0.0], _steps(values, good_px)[1] / all_good])
    overlap = np.concatenate([[0.0], _steps(values, covered)[1] / regions])
    inside = false <= most_false
    last = float(np.interp(most_false, false, overlap)) if not inside.all() else float(overlap[-1])
    x, y = np.append(false[inside], most_false), np.append(overlap[inside], last)
    return float(np.trapezoid(y, x)) / most_false


def _steps(scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the distinct scores, highest first, and the weight at or above each of them."""
    order = np.argsort(-scores, kind="stable")
    ranked, total = scores[order], np.cumsum(weights[order], dtype=np.float64)
    last = np.append(np.diff(ranked) != 0.0, True)
    return ranked[last], total[last]


def _finite(scores: Scores, name: str) -> Floats:
    array = np.array(scores, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise BadDataError(f"scores of {name} are empty or not finite; nothing can be measured from them")
    return array
