"""Names for regions: compared with the samples themselves, by ridge regression, with an open-set bound for each type.

A vector of ``region_crops`` is placed: both crops under the metric that history gives (``region_metric``), L2-normed,
beside the dense part. Ridge against the other types names it, its distance from the mean of the type's samples decides
whether it is a type at all. The bound comes from the samples, each measured without itself; since few samples lie
closer together than those to come, history says by how much to widen it.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.domain.explanation import Neighbour
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.heads import centred, prototypes, ridge_weights, task_mean
from inspect_pipeline.learning.region_crops import CROPS

_PENALTY = 0.1
_DENSE_SHARE = 0.35  # of the crops' length 1: 0.25 to 0.5 were within 0.3 points of each other
_BORROWED = 3.0  # samples that the spread of all types counts for beside a type's own
_NEIGHBOURS = 3
_PARTS = ("context", "window", "patches")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionPrior:
    """What history says of regions: ``metric`` (c, c) for each crop's vector, None for none, and ``reach``.

    ``reach`` is how many times as far as a type's own samples from each other a region of it may lie (95 of 100 do).
    """

    metric: Tensor | None
    reach: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SupportBank:
    """The samples: raw vectors (n, d) float32 of ``describe_regions``, with the type and the label of each."""

    vectors: Tensor
    types: tuple[str, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.vectors) == len(self.types) == len(self.labels) or not len(self.types):
            raise BadDataError(
                f"{len(self.vectors)} vectors, {len(self.types)} types and {len(self.labels)} labels are no bank of "
                "samples; give one of each a sample"
            )
        if not bool(torch.isfinite(self.vectors).all()):
            raise BadDataError("a sample's region has no finite description; label it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionName:
    """What a region is most like. ``known`` is False beyond the bound of the type: it stays unknown.

    ``margin`` is the lead over ``runner_up`` in ridge scores (about 1 between two clear samples), ``distance`` that
    from the mean of the type's samples, ``limit`` its bound (None: the type has too few samples for one).
    """

    defect_type: str
    known: bool
    runner_up: str | None
    margin: float | None
    distance: float
    limit: float | None
    neighbours: tuple[Neighbour, ...]
    contribution: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionHead:
    """The fitted head: placed samples (n, d), means (t, d), ridge ``weights`` (d, t) about ``centre`` (d), bounds."""

    metric: Tensor | None
    placed: Tensor
    means: Tensor
    weights: Tensor
    centre: Tensor
    names: tuple[str, ...]
    types: tuple[str, ...]
    labels: tuple[str, ...]
    limits: tuple[float | None, ...]
    crop_dims: int

    def name(self, vectors: Tensor) -> list[RegionName]:
        """Return the name of each region from its raw vector (m, d)."""
        if vectors.shape[-1] != self.placed.shape[-1]:
            raise BadDataError(
                f"regions of {vectors.shape[-1]} numbers meet samples of {self.placed.shape[-1]}; teach it again"
            )
        points = place(vectors, self.metric, crop_dims=self.crop_dims)
        scores = centred(points, self.centre) @ self.weights
        return [self._named(point, row) for point, row in zip(points, scores, strict=True)]

    def _named(self, point: Tensor, scores: Tensor) -> RegionName:
        order = scores.argsort(descending=True, stable=True).tolist()
        best, second = order[0], order[1] if len(order) > 1 else None
        distance = float((point - self.means[best]).norm())
        limit = self.limits[best]
        return RegionName(
            defect_type=self.names[best],
            known=limit is None or distance <= limit,
            runner_up=None if second is None else self.names[second],
            margin=None if second is None else float(scores[best] - scores[second]),
            distance=distance,
            limit=limit,
            neighbours=self._nearest(point),
            contribution={} if second is None else self._contribution(point, best, second),
        )

    def _nearest(self, point: Tensor) -> tuple[Neighbour, ...]:
        distances = (self.placed - point).norm(dim=1)
        nearest = distances.argsort(stable=True)[:_NEIGHBOURS].tolist()
        return tuple(
            Neighbour(label=self.labels[i], defect_type=self.types[i], distance=float(distances[i])) for i in nearest
        )

    def _contribution(self, point: Tensor, best: int, second: int) -> dict[str, float]:
        """Return what each part of the vector adds to the margin, as shares of all that is added or taken away."""
        each = centred(point[None], self.centre)[0] * (self.weights[:, best] - self.weights[:, second])
        edges = (0, self.crop_dims, CROPS * self.crop_dims, len(each))
        sums = [float(each[begin:end].sum()) for begin, end in pairwise(edges)]
        whole = max(sum(abs(value) for value in sums), 1e-12)
        return dict(zip(_PARTS, (value / whole for value in sums), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Return its tensors by name."""
        found = {"placed": self.placed, "means": self.means, "weights": self.weights, "centre": self.centre}
        return found if self.metric is None else {**found, "metric": self.metric}

    def fields(self) -> dict[str, Any]:
        """Return all else as plain JSON."""
        return {
            "names": list(self.names),
            "types": list(self.types),
            "labels": list(self.labels),
            "limits": list(self.limits),
            "crop_dims": self.crop_dims,
        }

    @classmethod
    def restored(cls, fields: dict[str, Any], tensors: dict[str, Tensor]) -> "RegionHead":
        """Return the head that ``fields`` and ``tensors`` describe. Raises KeyError for a missing part."""
        return cls(
            metric=tensors.get("metric"),
            placed=tensors["placed"],
            means=tensors["means"],
            weights=tensors["weights"],
            centre=tensors["centre"],
            names=tuple(fields["names"]),
            types=tuple(fields["types"]),
            labels=tuple(fields["labels"]),
            limits=tuple(fields["limits"]),
            crop_dims=fields["crop_dims"],
        )


def place(vectors: Tensor, metric: Tensor | None, *, crop_dims: int) -> Tensor:
    """Return raw vectors (n, d) where they are compared: crops under the metric and L2-normed, dense part beside."""
    crops, dense = vectors[:, : CROPS * crop_dims], vectors[:, CROPS * crop_dims :]
    if metric is not None:
        crops = (crops.reshape(-1, CROPS, crop_dims) @ metric).flatten(1)
    return torch.cat((normalize(crops, dim=1), _DENSE_SHARE * dense), dim=1)


def fit_region_head(bank: SupportBank, prior: RegionPrior, *, crop_dims: int) -> RegionHead:
    """Return the head of the samples; one type is enough. The order of the samples does not matter to any name."""
    names = tuple(sorted(set(bank.types)))
    labels = torch.tensor([names.index(name) for name in bank.types])
    placed = place(bank.vectors, prior.metric, crop_dims=crop_dims)
    way = len(names)
    centre = task_mean(placed, labels, way=way)
    return RegionHead(
        metric=prior.metric,
        placed=placed,
        means=prototypes(placed, labels, way=way),
        weights=ridge_weights(centred(placed, centre), labels, way=way, penalty=_PENALTY),
        centre=centre[0],
        names=names,
        types=bank.types,
        labels=bank.labels,
        limits=open_set_limits(placed, labels, way=way, reach=prior.reach),
        crop_dims=crop_dims,
    )


def open_set_limits(placed: Tensor, labels: Tensor, *, way: int, reach: float) -> tuple[float | None, ...]:
    """Return each type's bound: ``reach`` times its samples' median distance from the mean of the others of the type.

    A type's own median counts as many times as it has samples, that of all types three times; None where no type has
    two samples.
    """
    own = [left_out_distances(placed[labels == t]) for t in range(way)]
    every = torch.cat(own)
    if not len(every):
        return (None,) * way
    whole = float(every.median())
    return tuple(
        reach * (len(one) * (float(one.median()) if len(one) else 0.0) + _BORROWED * whole) / (len(one) + _BORROWED)
        for one in own
    )


def left_out_distances(samples: Tensor) -> Tensor:
    """Return the distance of each of a type's samples (n, d) from the mean of the others, (n); (0) for one sample."""
    count = len(samples)
    if count < 2:
        return samples.new_zeros(0)
    others = (samples.sum(dim=0, keepdim=True) - samples) / (count - 1)
    distances: Tensor = (samples - others).norm(dim=1)
    return distances


def left_out_names(head: RegionHead) -> list[str]:
    """Return what the ridge names each sample when it is left out, in the order of the samples.

    In closed form, with the centre and the weights of all: a left-out residual is (y - y_hat)_i / (1 - H_ii).
    A type's only sample is named after another type, or after itself where there is no other.
    """
    rows = centred(head.placed, head.centre)
    labels = torch.tensor([head.names.index(name) for name in head.types])
    counts = torch.bincount(labels, minlength=len(head.names)).float()
    weight = (counts.mean() / counts[labels])[:, None].sqrt()
    scaled = rows * weight
    gram = scaled @ scaled.T
    hat = gram @ torch.linalg.inv(gram + _PENALTY * torch.eye(len(gram)))
    targets = torch.nn.functional.one_hot(labels, len(head.names)).float() * weight
    residual = (targets - hat @ targets) / (1.0 - hat.diagonal())[:, None].clamp(min=1e-6)
    left_out = (targets - residual) / weight
    alone = counts[labels] < 2
    if len(head.names) > 1:
        left_out[alone, labels[alone]] = -torch.inf
    return [head.names[t] for t in left_out.argmax(dim=1).tolist()]
