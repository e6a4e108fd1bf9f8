"""The few-shot methods by name, each with its paper, and the frozen baselines that each must beat."""

from collections.abc import Mapping

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.embedding import ChannelScales, Embedding, Option
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.baseline_entries import BASELINES
from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.gradient_entries import GRADIENT
from inspect_pipeline.learning.methods.metric_entries import METRIC

CATALOG: Mapping[str, MethodEntry] = {**METRIC, **GRADIENT, **BASELINES}
_ALWAYS_BESIDE = ("nearest_prototype", "ridge", "shrinkage_lda")


def method_names() -> tuple[str, ...]:
    """Return the names of the methods that can be meta-trained."""
    return tuple(name for name, entry in CATALOG.items() if entry.learned != "nothing")


def build_method(name: str, embedding: Embedding, options: Mapping[str, Option] | None = None) -> Method:
    """Return a method or frozen baseline as it starts. Raises NotFoundError for a name, BadDataError for an option."""
    entry = CATALOG.get(name)
    if entry is None:
        raise NotFoundError(f"there is no method {name!r}; choose one of {', '.join(CATALOG)}")
    given = options or {}
    unknown = sorted(given.keys() - entry.defaults.keys())
    if unknown:
        known = ", ".join(entry.defaults) or "none"
        raise BadDataError(f"method {name} has no option {unknown[0]!r}; its options are: {known}")
    return entry.build(embedding, {**entry.defaults, **given})


def untrained(name: str, dims: int) -> Method:
    """Return a method or frozen baseline for descriptors of that length. Raises NotFoundError for another name."""
    return build_method(name, ChannelScales.identity(dims))


def frozen_baselines(dims: int) -> tuple[Method, ...]:
    """Return the heads on frozen features that need no training and stand beside every claim."""
    return tuple(untrained(name, dims) for name in _ALWAYS_BESIDE)
