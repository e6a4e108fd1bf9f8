"""What good material looks like: a shrunk Gaussian of patch descriptors, fitted from sums that can be added up."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError

_BLOCKS = 4
_QUIET = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Count, sum (d) and sum of outer products (d, d) of patches, float64; they add up over units and coils."""

    count: int
    total: Tensor
    outer: Tensor

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(count=self.count + other.count, total=self.total + other.total, outer=self.outer + other.outer)

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(count=self.count - other.count, total=self.total - other.total, outer=self.outer - other.outer)

    @property
    def mean(self) -> Tensor:
        """The mean patch (d)."""
        return self.total / self.count

    @property
    def covariance(self) -> Tensor:
        """The covariance (d, d), divided by the count."""
        return self.outer / self.count - torch.outer(self.mean, self.mean)


def moments(patches: Tensor) -> Moments:
    """Return the moments of patches (..., d)."""
    rows = patches.reshape(-1, patches.shape[-1]).double()
    return Moments(count=len(rows), total=rows.sum(dim=0), outer=_outer(rows))


def _outer(rows: Tensor) -> Tensor:
    """Return ``rows.T @ rows`` (d, d): one triangle in blocks, mirrored, which is two thirds of the work."""
    side = rows.shape[1]
    outer = rows.new_empty(side, side)
    for begin, end in blocks(side):
        outer[begin:end, :end] = rows[:, begin:end].T @ rows[:, :end]
        outer[:begin, begin:end] = outer[begin:end, :begin].T
    return outer


def blocks(side: int) -> list[tuple[int, int]]:
    """Return the borders of the four parts that a triangular product of that many rows is made in."""
    edges = [side * part // _BLOCKS for part in range(_BLOCKS + 1)]
    return [(begin, end) for begin, end in pairwise(edges) if end > begin]


def summed(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together. Raises BadDataError when there is none."""
    every = list(parts)
    if not every:
        raise BadDataError("normality needs at least one known-good region; label some")
    result = every[0]
    for part in every[1:]:
        result = result + part
    return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Normality:
    """A whitening: ``(x - mean) @ whitening.T`` has unit covariance on good patches. float64 ``mean`` (d), (d, d)."""

    mean: Tensor
    whitening: Tensor

    def whiten(self, patches: Tensor) -> Tensor:
        """Return patches (..., d) in the metric of good material, float32."""
        return (patches - self.mean.float()) @ self.whitening.float().T


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """The axes of good patches: eigenvectors ``vectors`` (d, d) of their shrunk covariance, in columns; all float64.

    ``mean`` (d) is the mean patch, ``lengths`` (d) are one over the standard deviation along each axis, ``variances``
    (d) what the covariance before shrinkage is there in the metric of good material: 0 to about 1.
    """

    mean: Tensor
    vectors: Tensor
    lengths: Tensor
    variances: Tensor


def shrunk_covariance(good: Moments, *, shrinkage: float) -> Tensor:
    """Return the covariance (d, d) of good patches shrunk by ``shrinkage`` towards its mean eigenvalue.

    (Ledoit and Wolf, J. Multivar. Anal. 88, 2004.) Raises BadDataError for fewer than 2 patches or for patches that
    are all alike.
    """
    if good.count < 2:
        raise BadDataError("normality needs at least 2 good patches of 16 x 16 px; label larger known-good regions")
    covariance = good.covariance
    scale = float(covariance.diagonal().mean())
    if not scale > 1e-12:
        raise BadDataError("the known-good regions are one flat grey; nothing can be learned from them")
    shrunk = (1.0 - shrinkage) * covariance
    shrunk.diagonal().add_(shrinkage * scale)
    return shrunk


def spectrum(mean: Tensor, shrunk: Tensor, *, shrinkage: float) -> Spectrum:
    """Return the axes of good patches of that mean (d) and ``shrunk_covariance`` (d, d)."""
    values, vectors = torch.linalg.eigh(shrunk)
    held = values.clamp(min=1e-12)
    added = shrinkage * float(shrunk.diagonal().mean())  # shrinking leaves the mean eigenvalue
    own = ((values - added) / (1.0 - shrinkage)).clamp(min=0.0)
    # Row by row, as they come back from bytes: another layout in memory rounds otherwise.
    return Spectrum(mean=mean, vectors=vectors.contiguous(), lengths=held.rsqrt(), variances=own / held)


def fit_normality(good: Moments, *, shrinkage: float, power: float = 1.0) -> Normality:
    """Return the symmetric whitening of good patches by their ``shrunk_covariance``.

    ``power`` 1 is full whitening, 0 none. A constant channel is harmless. Raises BadDataError for fewer than 2 patches
    or for patches that are all alike.
    """
    shrunk = shrunk_covariance(good, shrinkage=shrinkage)
    axes = spectrum(good.mean, shrunk, shrinkage=shrinkage)
    scale = float(shrunk.diagonal().mean()) ** 0.5
    return whitening_of(replace(axes, lengths=(axes.lengths * scale).pow(power) / scale))


def whitening_of(axes: Spectrum) -> Normality:
    """Return the symmetric whitening along these axes."""
    return Normality(mean=axes.mean, whitening=(axes.vectors * axes.lengths) @ axes.vectors.T)


def quiet_of(anomaly: Tensor) -> Tensor:
    """Return how anomalous the most normal tenth of a raw anomaly map (h, w) is: a defect elsewhere leaves it alone."""
    return anomaly.flatten().float().quantile(_QUIET)


def distance(whitened: Tensor) -> Tensor:
    """Return the Mahalanobis distance (...) of whitened patches (..., d)."""
    return whitened.square().sum(dim=-1).sqrt()
