"""The few-shot methods by name, and the frozen baselines that each must beat."""

from collections.abc import Callable, Mapping

from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.protonet import ProtoNet
from inspect_pipeline.learning.ridge import Ridge

_TRAINABLE: Mapping[str, Callable[[int], Method]] = {
    "protonet": ProtoNet.untrained,
    "r2d2": Ridge.untrained,
}
_FROZEN: Mapping[str, Callable[[int], Method]] = {
    "nearest_prototype": lambda dims: ProtoNet.untrained(dims, name="nearest_prototype"),
    "ridge": lambda dims: Ridge.untrained(dims, name="ridge"),
}


def method_names() -> tuple[str, ...]:
    """Return the names of the methods that can be meta-trained."""
    return tuple(_TRAINABLE)


def untrained(name: str, dims: int) -> Method:
    """Return a method or frozen baseline for descriptors of that length. Raises NotFoundError for another name."""
    known = {**_TRAINABLE, **_FROZEN}
    if name not in known:
        raise NotFoundError(f"there is no method {name!r}; choose one of {', '.join(known)}")
    return known[name](dims)


def frozen_baselines(dims: int) -> tuple[Method, ...]:
    """Return the heads on frozen features that need no training."""
    return tuple(build(dims) for build in _FROZEN.values())
