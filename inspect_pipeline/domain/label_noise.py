"""Which labels are likely wrong: confident learning on names that were cross-validated.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, Journal of Artificial
Intelligence Research 70, 2021. A label counts as an error where the probability of another type reaches what that type
usually has on regions that were given it; the margin between the two ranks them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

_LEAST = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A region whose name is doubted: its place in what was given, the name suggested, and by how much that leads.

    ``margin`` is the probability of the suggestion less that of the given name, from -1 to 1.
    """

    place: int
    suggested: str
    margin: float


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores (n, t) of a ridge on 0 and 1 as probabilities: cut at 0 and made to sum to 1."""
    positive = np.clip(scores, _LEAST, None)
    shares: NDArray[np.float64] = positive / positive.sum(axis=1, keepdims=True)
    return shares


def doubts(given: Sequence[str], names: Sequence[str], shares: NDArray[np.float64]) -> list[Doubt]:
    """Return the doubted labels, the surest first; ``shares`` (n, t) are left-out probabilities of ``names``.

    Raises BadDataError where they do not belong together.
    """
    if shares.shape != (len(given), len(names)) or not set(given) <= set(names):
        raise BadDataError(f"{len(given)} labels and {len(names)} names do not fit probabilities {shares.shape}")
    if not given or len(names) < 2:
        return []
    own = np.array([names.index(name) for name in given])
    limits = np.array([shares[own == t, t].mean() if (own == t).any() else 1.0 for t in range(len(names))])
    confident = np.where(shares >= limits, shares, -np.inf)
    best = confident.argmax(axis=1)
    rows = np.arange(len(given))
    wrong = np.isfinite(confident[rows, best]) & (best != own)
    margin = shares[rows, best] - shares[rows, own]
    found = [Doubt(place=int(n), suggested=names[best[n]], margin=float(margin[n])) for n in np.flatnonzero(wrong)]
    return sorted(found, key=lambda doubt: (-doubt.margin, doubt.place))
