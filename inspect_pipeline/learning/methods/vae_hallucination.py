"""Supports hallucinated by a small variational autoencoder, fitted beside the real ones by ridge regression.

In the line of Wang, Girshick, Hebert, Hariharan 2018 (Low-shot learning from imaginary data) and Xu, Le 2022 (a
variational autoencoder of features): what is learned from historical types is how samples vary about their type's mean,
given that mean; a new type gets draws about its own. Until something is learned the draws are copies of the prototype.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import checked_labels, prototypes
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective
from inspect_pipeline.learning.methods.borrowed import balanced, loaded_ridge
from inspect_pipeline.learning.methods.logistic_regression import LinearClassifier
from inspect_pipeline.learning.methods.option_values import number, whole
from inspect_pipeline.learning.methods.residual_vae import decoded, evidence_loss, started_vae
from inspect_pipeline.learning.methods.task_space import parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

VAE_OPTIONS: Mapping[str, Option] = {
    "draws": 10,
    "weight": 1.0,
    "latent": 8,
    "hidden": 32,
    "left": 0.5,
    "evidence": 1.0,
    "seed": 0,
}
"""What is drawn and how it is learned.

``draws`` a type, which together weigh ``weight`` supports; the length ``latent`` of a code and the width ``hidden`` of
encoder and decoder; the variance that codes leave (``left``, of a descriptor's 1); the weight ``evidence`` of the bound
beside the queries' loss; the ``seed``.
"""

_START_TEMPERATURE, _START_PENALTY = 8.0, 0.5  # as ridge
_NOISES = 2**31  # the training's progress picks the noise of a step among so many


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VaeHallucination:
    """Ridge regression on supports and draws; ``own`` holds ``log_penalty``, ``log_temperature`` () and the VAE."""

    embedding: Embedding
    own: Mapping[str, Tensor] = field(repr=False)
    form: Mapping[str, Option]
    name: str = "vae_hallucination"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = VAE_OPTIONS) -> Self:
        """Return the method as it starts. Raises BadDataError for an option that cannot be used."""
        counts = {name: whole(options, name, least=1) for name in ("draws", "latent", "hidden")}
        seed = whole(options, "seed", least=0)
        vae = started_vae(embedding.dims, hidden=counts["hidden"], latent=counts["latent"], seed=seed)
        form: dict[str, Option] = {
            **counts,
            "weight": number(options, "weight", low=0.0, high=1e3),
            "left": number(options, "left", low=1e-4, high=1.0),
            "evidence": number(options, "evidence", low=0.0, high=100.0),
            "seed": seed,
        }
        start = {
            "log_penalty": torch.tensor(math.log(_START_PENALTY)),
            "log_temperature": torch.tensor(math.log(_START_TEMPERATURE)),
        }
        return cls(embedding=embedding, own={**start, **vae}, form=form)

    def options(self) -> dict[str, Option]:
        """Return the form of the autoencoder and how it is used."""
        return dict(self.form)

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self.own}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self.own, name=self.name)
        return replace(self, embedding=embedding, own=own)

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> LinearClassifier:
        """Return the weights of a task or a stack of tasks. Raises BadDataError for labels with a gap.

        The codes of the draws come from the seed and are the same for every class and task.
        """
        placed, space = placed_support(self.embedding, support, labels, way=way)
        targets = one_hot(checked_labels(labels, way), way).to(placed.dtype).expand(*placed.shape[:-1], way)
        drawn = self.draws(prototypes(placed, labels, way=way))
        names = torch.eye(way, dtype=placed.dtype, device=placed.device).repeat_interleave(drawn.shape[-2], dim=0)
        own, given = balanced(targets), (float(self.form["weight"]) / drawn.shape[-2]) ** 0.5
        rows = torch.cat([own * placed, given * drawn.flatten(-3, -2)], dim=-2)
        wanted = torch.cat([own * targets, given * names.expand(*placed.shape[:-2], -1, way)], dim=-2)
        weights = loaded_ridge(rows, wanted, loads=self.own["log_penalty"].exp())
        bias = torch.zeros_like(weights[..., :1, :])
        return LinearClassifier(space=space, weights=weights, bias=bias, scale=self.own["log_temperature"].exp())

    def draws(self, class_prototypes: Tensor) -> Tensor:
        """Return samples (..., way, draws, d) hallucinated about prototypes (..., way, d)."""
        count, latent = whole(self.form, "draws", least=1), whole(self.form, "latent", least=1)
        generator = torch.Generator().manual_seed(whole(self.form, "seed", least=0))
        codes = torch.randn(count, latent, generator=generator).to(class_prototypes)
        about = class_prototypes.unsqueeze(-2)
        return about + decoded(codes, about.expand(*about.shape[:-2], count, -1), self.own)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries plus the weighted evidence bound of all samples about their type's mean.

        The bound moves the autoencoder alone: an embedding could lower it by showing less. ``progress`` and the seed
        decide the noise of the codes; the bound's divergence has its whole weight from half of the training on.
        """
        classifier = self.adapt(tasks.support, tasks.support_labels, way=tasks.way)
        logits = classifier.score(tasks.query)
        labels = torch.cat([tasks.support_labels, tasks.query_labels], dim=-1)
        with torch.no_grad():
            samples = torch.cat([tasks.support, tasks.query], dim=1)
            placed, _ = placed_support(self.embedding, samples, labels, way=tasks.way)
            means = prototypes(placed, labels, way=tasks.way)
            condition = means[:, labels]
        bound = evidence_loss(
            placed - condition,
            condition,
            self.own,
            noise=self._noise(len(labels), progress).to(placed),
            left=float(self.form["left"]),
            warmth=min(2.0 * progress, 1.0),
        )
        return Objective(loss=loss(logits, tasks.query_labels) + float(self.form["evidence"]) * bound, logits=logits)

    def _noise(self, samples: int, progress: float) -> Tensor:
        seed = whole(self.form, "seed", least=0) * _NOISES + round(progress * (_NOISES - 1))
        return torch.randn(
            samples, whole(self.form, "latent", least=1), generator=torch.Generator().manual_seed(seed % 2**63)
        )
