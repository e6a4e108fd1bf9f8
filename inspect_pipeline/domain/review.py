"""Which findings wait for a person, how much an answer would tell, and which of them are alike.

An item's informativeness is its information density (Settles and Craven, An analysis of active learning strategies for
sequence labeling tasks, 2008): uncertainty times representativeness to the power ``DENSITY``. Representativeness there
is the mean likeness to all that wait. Here what is in another group counts as not alike, and what is in the same one as
alike as the item is to the group's leader; so within a group it is that likeness, and a group's own value is that of
its best item times its size to the same power. Counting needs no pass over all pairs, and a queue can have a million.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.explanation import Explanation, NamedBy
from inspect_pipeline.domain.findings import Finding
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import LifeCycle

DENSITY = 0.5
"""How much the number of like findings counts: a group a hundred times as large counts ten times."""

CONFIRMATION = 0.25
"""What the answer to a clearly named finding counts beside that to an unknown or doubtful one: mostly it says yes."""

POINT_DIMS = 64
POINT_FORM = "signs-1"
"""How points are made. Whoever changes what ``point_of`` gives counts this up; old points meet no new ones."""

_SAME_SHARE = 0.5
_NEUTRAL = 0.5
_UNSURE = frozenset({LifeCycle.CANDIDATE, LifeCycle.PROVISIONAL})

Points = NDArray[np.float32]


class Reason(StrEnum):
    """Why a finding waits: no known type, a name that hardly leads the runner-up, or a type that still only warns."""

    UNKNOWN = "unknown"
    DOUBTFUL = "doubtful"
    PROVISIONAL = "provisional"


def reason_to_wait(finding: Finding, *, doubt_margin: float) -> Reason | None:
    """Return why the finding waits, None where an approved type was named with a clear lead.

    Types that are not yet approved wait as well: only answers to them give the held-out labels that approval needs.
    """
    if not finding.known:
        return Reason.UNKNOWN
    margin = None if finding.explanation is None else finding.explanation.margin
    if margin is not None and margin < doubt_margin:
        return Reason.DOUBTFUL
    return Reason.PROVISIONAL if finding.life_cycle in _UNSURE else None


def uncertainty(finding: Finding) -> float:
    """Return how little is known of a finding, in [0, 1]: the mean of its novelty and its ambiguity.

    Novelty is r / (1 + r), r how far beyond the open-set bound it lies (1: on it), or its score where nothing was
    compared. Ambiguity is 1 / (1 + m), m its lead over the runner-up, one half where there is no other type.
    """
    return (_novelty(finding) + _ambiguity(finding.explanation)) / 2.0


def worth_asking(finding: Finding, reason: Reason) -> float:
    """Return the uncertainty of a finding that waits for a reason, in [0, 1]; confirmations count for less."""
    return uncertainty(finding) * (CONFIRMATION if reason is Reason.PROVISIONAL else 1.0)


def informativeness(doubt: float, likeness: float) -> float:
    """Return an item's informativeness within its group from its uncertainty and its cosine to the leader."""
    return float(doubt * max(min(likeness, 1.0), 0.0) ** DENSITY)


def group_value(best: float, size: int) -> float:
    """Return what a group is worth: that of its most informative item times its size to the power ``DENSITY``."""
    return float(best * size**DENSITY)


def same_region(one: Roi, other: Roi) -> bool:
    """Whether two boxes of a frame mean one region: they share half of the smaller one."""
    return one.overlap_px(other) >= _SAME_SHARE * min(one.area_px, other.area_px)


def point_of(vector: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return a region's raw vector (d) as a point of length 1 (``POINT_DIMS``, float16) that keeps cosines roughly.

    A random projection by signs (Achlioptas, Database-friendly random projections, 2003) that is the same on every
    machine: the signs come from a hash. A cosine c is off by (1 - c^2) / 8 (one standard deviation).
    """
    found = np.asarray(vector, dtype=np.float32) @ _signs(len(vector))
    length = float(np.linalg.norm(found))
    return (found / length if length > 0.0 else found).astype(np.float16)


def joined(points: Points, leaders: Points, *, likeness: float, most: int) -> list[tuple[int, float]]:
    """Return of each point (n, k), in order, the number of its group and the cosine to that group's leader.

    Leader clustering (Hartigan, Clustering Algorithms, 1975): a point joins the group of the nearest leader if their
    cosine is at least ``likeness``, else it leads a new one, numbered on from ``leaders`` (m, k). One pass, and no item
    ever moves, so groups can grow while people look at them. From ``most`` groups on every point joins the nearest.
    """
    room = np.zeros((len(leaders) + len(points), points.shape[1]), dtype=np.float32)
    room[: len(leaders)] = leaders
    count, found = len(leaders), []
    for point in points:
        cosines = room[:count] @ point
        nearest = int(cosines.argmax()) if count else -1
        if count and (cosines[nearest] >= likeness or count >= most):
            found.append((nearest, float(min(max(cosines[nearest], -1.0), 1.0))))
            continue
        room[count] = point
        found.append((count, 1.0))
        count += 1
    return found


def as_points(stored: Sequence[bytes]) -> Points:
    """Return stored points (float16 bytes) as float32 (n, ``POINT_DIMS``)."""
    return np.frombuffer(b"".join(stored), dtype=np.float16).reshape(-1, POINT_DIMS).astype(np.float32)


def _novelty(finding: Finding) -> float:
    beyond = _beyond(finding.explanation)
    beyond = max(finding.score, 0.0) if beyond is None else beyond
    return 1.0 if np.isinf(beyond) else beyond / (1.0 + beyond)


def _beyond(told: Explanation | None) -> float | None:
    """Return how far beyond its open-set bound a region lies (1: on it), None where there was no bound."""
    if told is None or told.limit is None or told.distance is None or told.limit <= 0.0:
        return None
    if told.named_by is NamedBy.REGION:
        return told.distance / told.limit
    # Named by a channel both are likenesses: the smaller, the stranger.
    return told.limit / told.distance if told.distance > 0.0 else np.inf


def _ambiguity(explanation: Explanation | None) -> float:
    if explanation is None or explanation.margin is None:
        return _NEUTRAL
    return 1.0 / (1.0 + max(explanation.margin, 0.0))


@lru_cache(maxsize=4)
def _signs(length: int) -> NDArray[np.float32]:
    """Return a matrix (length, ``POINT_DIMS``) of +1 and -1 that depends on nothing but its size."""
    drawn = hashlib.shake_256(f"{POINT_FORM} {length}".encode()).digest(length * POINT_DIMS // 8)
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8)).reshape(length, POINT_DIMS)
    return bits.astype(np.float32) * np.float32(2.0) - np.float32(1.0)
