"""What good material looks like: a shrunk Gaussian of patch descriptors, fitted from sums that can be added up."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError


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
    return Moments(count=len(rows), total=rows.sum(dim=0), outer=rows.T @ rows)


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


def fit_normality(good: Moments, *, shrinkage: float, power: float = 1.0) -> Normality:
    """Return the whitening of good patches: covariance shrunk by ``shrinkage`` towards its mean eigenvalue.

    ``power`` 1 is full whitening, 0 none (Ledoit and Wolf, J. Multivar. Anal. 88, 2004, for the shrinkage). A
    constant channel is harmless. Raises BadDataError for fewer than 2 patches or for patches that are all alike.
    """
    if good.count < 2:
        raise BadDataError("normality needs at least 2 good patches of 16 x 16 px; label larger known-good regions")
    covariance = good.covariance
    scale = float(covariance.diagonal().mean())
    if not scale > 1e-12:
        raise BadDataError("the known-good regions are one flat grey; nothing can be learned from them")
    eye = torch.eye(len(covariance), dtype=torch.float64)
    shrunk = (1.0 - shrinkage) * covariance + shrinkage * scale * eye
    values, vectors = torch.linalg.eigh(shrunk)
    factor = (values.clamp(min=1e-12) / scale).pow(-0.5 * power) / scale**0.5
    return Normality(mean=good.mean, whitening=(vectors * factor) @ vectors.T)


def distance(whitened: Tensor) -> Tensor:
    """Return the Mahalanobis distance (...) of whitened patches (..., d)."""
    return whitened.square().sum(dim=-1).sqrt()
