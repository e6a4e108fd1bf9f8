"""Good material and types fitted without a fold of good units, in the form that is quickest to score these with.

The metric is a triangle instead of the symmetric whitening of ``normality.py``: distances and projections are the same
in any square root of the covariance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.learning.dense_features import smoothed
from inspect_pipeline.learning.memory_bank import MemoryBank
from inspect_pipeline.learning.normality import Spectrum, blocks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldFit:
    """``mean`` (d), ``triangle`` (d, d), a lower inverse root of the covariance, and ``planes`` (d, t), all float32."""

    mean: Tensor
    triangle: Tensor
    planes: Tensor
    bank: MemoryBank | None

    def maps(self, patches: Tensor, smoothing: int) -> Tensor:
        """Return smoothed raw scores (1 + t, h, w) of patches (h, w, d), as ``Fit.maps`` does."""
        centred = (patches - self.mean).flatten(0, 1)
        anomaly = self._distance(centred) if self.bank is None else self.bank.distance(patches).flatten()
        planes = torch.cat([anomaly[:, None], centred @ self.planes], dim=1).T
        return smoothed(planes.reshape(-1, *patches.shape[:2]), smoothing)

    def _distance(self, centred: Tensor) -> Tensor:
        """Return the Mahalanobis distance (n) of patches less the mean (n, d)."""
        squares = torch.zeros(len(centred))
        for begin, end in blocks(len(self.triangle)):
            squares += (centred[:, :end] @ self.triangle[begin:end, :end].T).square().sum(dim=1)
        return squares.sqrt()


def fold_fit(axes: Spectrum, weights: Sequence[Tensor], *, bank: MemoryBank | None = None) -> FoldFit:
    """Return the form for scoring of the types' weights (d) along ``axes``, float64."""
    root = torch.linalg.cholesky(axes.covariance)
    eye = torch.eye(len(root), dtype=torch.float64)
    directions = (axes.vectors * axes.lengths) @ torch.stack(list(weights), dim=1) if weights else eye[:, :0]
    return FoldFit(
        mean=axes.mean.float(),
        triangle=torch.linalg.solve_triangular(root, eye, upper=False).float(),
        planes=directions.float(),
        bank=bank,
    )
