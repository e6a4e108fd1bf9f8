"""The flows by name, imported when asked for: Prefect takes a second, and reads its environment as it is imported."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inspect_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from prefect import Flow

FLOW_NAMES = ("ingest", "meta_train", "adapt", "promote", "reteach", "score", "monitor", "retention", "demo")


def flow_named(name: str, *, where: str = "") -> "Flow[..., dict[str, Any]]":
    """Return the flow. Raises ConfigError for an unknown name; ``where`` says who asked."""
    if name not in FLOW_NAMES:
        raise ConfigError(f"{where}there is no flow {name!r}; known are {', '.join(FLOW_NAMES)}")
    found: Flow[..., dict[str, Any]] = getattr(import_module(f"flows.{name}"), name)
    return found
