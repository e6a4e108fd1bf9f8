"""How meta-training is run; without torch, so that settings can be read in a moment."""

from dataclasses import dataclass, field
from typing import Literal

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.augmentation_settings import Augmentation
from inspect_pipeline.learning.loss_settings import LossSettings
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.training.optimization import Optimization


@dataclass(frozen=True, slots=True, kw_only=True)
class OuterLoop:
    """How long and how fast to learn; ``decay`` draws the head back to the identity.

    Episodes to validate and to decide on are numbers in all; the ``folds`` share them. ``tasks_at_once`` are computed
    together, the gradients of a step added up (0: all at once); the numbers are the same, the memory is less.
    ``precision`` is that of matrix products and convolutions; ``compiler`` that of torch.compile, for methods of first
    order.
    """

    steps: int = 200
    tasks_per_step: int = 16
    learning_rate: float = 0.01
    decay: float = 1e-3
    folds: int = 4
    validate_every: int = 20
    patience: int = 4
    validation_episodes: int = 200
    decision_episodes: int = 800
    tasks_at_once: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    compiler: Literal["none", "inductor", "aot_eager"] = "none"
    sampling: Sampling = field(default_factory=Sampling)
    loss: LossSettings = field(default_factory=LossSettings)
    optimization: Optimization = field(default_factory=Optimization)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if min(self.steps, self.tasks_per_step, self.validate_every, self.patience) < 1 or self.folds < 2:
            raise BadDataError("the outer loop needs 1 or more steps, tasks and patience, and 2 or more folds")
        if min(self.validation_episodes, self.decision_episodes) < 2 * self.folds:
            raise BadDataError(f"the outer loop needs {2 * self.folds} or more episodes to validate and to decide on")
        if not (0.0 < self.learning_rate < 1.0 and self.decay >= 0.0):
            raise BadDataError(
                f"a learning rate of {self.learning_rate} or decay of {self.decay} cannot be used; "
                "give a rate between 0 and 1 and a decay of 0 or more"
            )
        if self.tasks_at_once < 0 or self.precision not in ("float32", "bfloat16"):
            raise BadDataError(
                f"{self.tasks_at_once} tasks at once in {self.precision} cannot be computed; "
                "give 0 or more, and float32 or bfloat16"
            )
        if self.compiler not in ("none", "inductor", "aot_eager"):
            raise BadDataError(f"compiler {self.compiler!r} is not known; choose none, inductor or aot_eager")
