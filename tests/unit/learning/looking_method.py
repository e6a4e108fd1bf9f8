"""A method that notes what it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Classifier, Method, Objective
from inspect_pipeline.learning.tasks import Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """A frozen baseline that notes how many unlabelled samples it was shown."""

    inner: Method
    shown: list[int]

    @property
    def name(self) -> str:
        return "looking"

    @property
    def embedding(self) -> Embedding:
        return self.inner.embedding

    def options(self) -> Mapping[str, Option]:
        return {}

    def head(self) -> dict[str, Tensor]:
        return self.inner.head()

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        return replace(self, inner=self.inner.with_head(head))

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> Classifier:
        self.shown.append(0 if unlabelled is None else unlabelled.shape[1])
        return self.inner.adapt(support, labels, way=way)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        return self.inner.objective(tasks, loss=loss, progress=progress)
