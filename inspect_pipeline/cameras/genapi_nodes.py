"""The features of a camera behind a GenTL producer, through the GenApi of the genicam wheel."""

from typing import Any

from inspect_pipeline.cameras.genicam_features import Value, fitted
from inspect_pipeline.errors import ConfigError

_KINDS: dict[str, type[Value]] = {
    "IInteger": int,
    "IFloat": float,
    "IBoolean": bool,
    "IEnumeration": str,
    "IString": str,
}


class GenApiNodes:
    """Fits ``NodeMap``."""

    def __init__(self, node_map: Any, *, genapi: Any) -> None:
        self._nodes = node_map
        self._error: type[Exception] = genapi.GenericException
        access = genapi.EAccessMode
        self._usable = (access.RO, access.RW, access.WO)

    def has(self, name: str) -> bool:
        """Return whether the camera has that feature now."""
        return bool(self._nodes.has_node(name)) and self._nodes.get_node(name).get_access_mode() in self._usable

    def get(self, name: str) -> Value:
        """Return the value of a feature. Raises ConfigError where it cannot be read."""
        node, kind = self._node(name)
        try:
            return kind(node.value)
        except self._error as error:
            raise ConfigError(f"{name} cannot be read: {_said(error)}") from error

    def set(self, name: str, value: Value) -> None:
        """Set a feature. Raises ConfigError, saying why, where the camera refuses."""
        node, kind = self._node(name)
        try:
            node.value = fitted(value, kind)
        except self._error as error:
            raise ConfigError(_said(error)) from error

    def allowed(self, name: str) -> str:
        """Return what a feature takes, in words."""
        node, kind = self._node(name)
        try:
            if type(node).__name__ == "IEnumeration":
                return f"one of {', '.join(node.symbolics)}"
            if kind is int:
                return f"{node.min} to {node.max} in steps of {node.inc}"
            if kind is float:
                return f"{node.min:g} to {node.max:g}"
        except self._error as error:
            return f"what is not known ({_said(error)})"
        return "True or False" if kind is bool else "text"

    def _node(self, name: str) -> tuple[Any, type[Value]]:
        if not self._nodes.has_node(name):
            raise ConfigError(f"the camera has no feature {name}")
        node = self._nodes.get_node(name)
        kind = _KINDS.get(type(node).__name__)
        if kind is None:
            raise ConfigError(f"{name} is of kind {type(node).__name__}, which has no value")
        return node, kind


def _said(error: Exception) -> str:
    """Return the message of GenApi without where in its sources it was raised."""
    text = str(error).strip()
    return text.rpartition(" : ")[0] or text
