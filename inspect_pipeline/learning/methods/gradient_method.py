"""What the methods of gradient descent share: their head, their start, and the one ``adapt`` over the inner loop."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypedDict

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.inner_loop import descend, differentiable, zero_head
from inspect_pipeline.learning.inner_loop_settings import InnerLoop
from inspect_pipeline.learning.inner_model import BIAS, WEIGHT, Fast, LinearClassifier, Model, TaskStack, usable
from inspect_pipeline.learning.losses import Loss, loss_named
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.weight_files import checked_tensors

LENGTH, RATE = "log_length", "rate."
_START_LENGTH = 10.0**0.5  # of centred descriptors: distances are then those of a ProtoNet of temperature 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradientMethod:
    """An embedding and a linear head that are stepped on the supports; ``own`` are learned tensors beside them.

    ``own`` holds at least ``log_length`` (), by which descriptors are scaled before the head. ``settled`` are the
    settings that make a method what it is, and are no options of it.
    """

    settled: ClassVar[Mapping[str, Option]] = {}

    embedding: Embedding
    settings: InnerLoop
    own: Mapping[str, Tensor]
    name: str

    def options(self) -> dict[str, Option]:
        """Return the settings of the inner loop that are left to choose."""
        return {name: value for name, value in self.settings.options().items() if name not in self.settled}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self.own}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        given = checked_tensors(head, self.head(), what=f"the head of {self.name}")
        embedding = self.embedding.with_tensors({name: given[name] for name in self.embedding.tensors()})
        return replace(self, embedding=embedding, own={name: given[name] for name in self.own})

    def with_steps(self, steps: int) -> Self:
        """Return the same method with that number of inner steps outside training, 0 or more."""
        return replace(self, settings=replace(self.settings, steps_at_test=steps))

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> LinearClassifier:
        """Return the stepped classifier of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        steps, order = self.settings.steps_in_use, self.settings.order
        return self.path(support, labels, way=way, steps=steps, order=order)[-1]

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries after the steps of training, the same at any ``progress``."""
        return query_objective(self.with_steps(self.settings.steps), tasks, loss=loss)

    def path(
        self, support: Tensor, labels: Tensor, *, way: int, steps: int, order: int, every: bool = False
    ) -> list[LinearClassifier]:
        """Return the classifier after ``steps`` steps or, with ``every``, all of them from the start on."""
        with differentiable():
            model = self.model()
            tasks = TaskStack.of(support, labels, way=way, sample_ndim=self.embedding.sample_ndim)
            start = self.start(model, tasks)
            return descend(
                model, tasks, start, self.rate, settings=self.settings, steps=steps, order=order, every=every
            )

    def model(self) -> Model:
        """Return what is stepped, as a function of the stepped tensors."""
        embedding = self.stepped_embedding()
        return Model(
            embedding=embedding,
            fixed={name: usable(each) for name, each in embedding.tensors().items() if not self.settings.picks(name)},
            log_length=usable(self.own[LENGTH]),
            centres=self.settings.features == "centred",
            at_once=self.settings.tasks_at_once,
        )

    def start(self, model: Model, tasks: TaskStack) -> Fast:
        """Return the stepped tensors of each task before the first step."""
        return {**self.stepped(model, tasks), **zero_head(tasks, model.embedding.dims)}

    def stepped(self, model: Model, tasks: TaskStack) -> dict[str, Tensor]:
        """Return the embedding's stepped tensors as they start, the same for every task."""
        return {
            name: usable(tensor).expand(len(tasks), *tensor.shape)
            for name, tensor in model.embedding.tensors().items()
            if name not in model.fixed
        }

    def stepped_embedding(self) -> Embedding:
        """Return the embedding whose tensors are stepped."""
        return self.embedding

    def rate(self, name: str, step: int) -> Tensor | float:
        """Return the rate of a stepped tensor at a step: ``Rates`` of the inner loop."""
        return self.settings.rate


def settings_for(kind: type[GradientMethod], options: Mapping[str, Option], embedding: Embedding) -> InnerLoop:
    """Return the settings of a method. Raises BadDataError for a value of no use, or a pattern that names no tensor."""
    settings = InnerLoop.of({**options, **kind.settled})
    loss_named(settings.loss)
    unmatched = settings.unmatched(embedding.tensors())
    if unmatched:
        known = ", ".join(embedding.tensors())
        raise BadDataError(f"stepped = {unmatched!r} names no tensor of the embedding; its tensors are {known}")
    return settings


def start_length(settings: InnerLoop, embedding: Embedding) -> Tensor:
    """Return the log of the length of what the head sees at the start: that of the descriptors where they are raw."""
    value = math.log(_START_LENGTH) if settings.features == "centred" else 0.0
    return torch.full((), value, **_like(embedding))


def stepped_shapes(settings: InnerLoop, embedding: Embedding) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all stepped tensors, those of the head without the classes: these share everything."""
    picked = {name: tuple(each.shape) for name, each in embedding.tensors().items() if settings.picks(name)}
    return {**picked, WEIGHT: (embedding.dims,), BIAS: ()}


def equal_rates(shapes: Mapping[str, tuple[int, ...]], settings: InnerLoop, embedding: Embedding) -> dict[str, Tensor]:
    """Return a learned rate for each of the shapes, all the same at the start, under ``rate.<name>``."""
    return {f"{RATE}{name}": torch.full(shape, settings.rate, **_like(embedding)) for name, shape in shapes.items()}


class _Like(TypedDict):
    dtype: torch.dtype
    device: torch.device


def _like(embedding: Embedding) -> _Like:
    like = next(iter(embedding.tensors().values()), torch.zeros(()))
    return {"dtype": like.dtype, "device": like.device}
