"""The adaptations by name. A new one is a class that fits ``adaptation.Adaptation``, and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import Adaptation, Adapted, Deadline, Start
from inspect_pipeline.learning.gradient_head import INNER_RATE, HeadSteps
from inspect_pipeline.learning.lora import Lora, LoraSettings
from inspect_pipeline.learning.residual_adapter import Residual, ResidualSettings
from inspect_pipeline.learning.shaping import Shaping
from inspect_pipeline.learning.support_views import Context, SupportViews, ViewSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientHead:
    """Refines every direction by a few gradient steps, at the learned inner rate where history gave one."""

    steps: HeadSteps
    name: str = "gradient_head"

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:  # noqa: ARG002 - nothing to seed
        """Return the start with the steps that the fit will make; nothing is trained here, and nothing is random."""
        rate = start.dense.get(INNER_RATE)
        steps = self.steps if rate is None else replace(self.steps, rate=float(rate))
        return Adapted(backbone=start.backbone, patches=start.patches, shaping=Shaping(steps=steps))


_BUILT: Mapping[str, Callable[[], Adaptation]] = {
    "gradient_head": lambda: GradientHead(steps=HeadSteps()),
    "residual": lambda: Residual(settings=ResidualSettings()),
    "lora": lambda: Lora(settings=LoraSettings()),
    "support_views": lambda: SupportViews(settings=ViewSettings()),
    "context": Context,
}


def adaptation_names() -> tuple[str, ...]:
    """Return the names that ``build_adaptation`` knows; ``closed_form`` is none of them, for it adapts nothing."""
    return tuple(_BUILT)


def build_adaptation(name: str) -> Adaptation:
    """Return the adaptation with its measured constants. Raises BadDataError for a name that is none."""
    if name not in _BUILT:
        raise BadDataError(f"no adaptation {name!r}; name one of {', '.join(_BUILT)}")
    return _BUILT[name]()
