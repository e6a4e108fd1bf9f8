"""The features of a camera behind Aravis."""

from typing import Any

from inspect_pipeline.cameras.genicam_features import Value, fitted
from inspect_pipeline.errors import ConfigError


class AravisNodes:
    """Fits ``NodeMap``. Aravis is told to check access and range, which it does not by itself."""

    def __init__(self, device: Any, *, aravis: Any, glib: Any) -> None:
        self._device = device
        self._aravis = aravis
        self._error: type[Exception] = glib.Error
        device.set_range_check_policy(aravis.RangeCheckPolicy.ENABLE)
        device.set_access_check_policy(aravis.AccessCheckPolicy.ENABLE)

    def has(self, name: str) -> bool:
        """Return whether the camera has that feature now."""
        try:
            return bool(self._device.is_feature_available(name))
        except self._error as error:
            raise ConfigError(f"{name} cannot be asked for: {_said(error)}") from error

    def get(self, name: str) -> Value:
        """Return the value of a feature. Raises ConfigError where it cannot be read."""
        kind = self._kind(name)
        read = {
            str: self._device.get_string_feature_value,
            bool: self._device.get_boolean_feature_value,
            float: self._device.get_float_feature_value,
            int: self._device.get_integer_feature_value,
        }[kind]
        try:
            return kind(read(name))
        except self._error as error:
            raise ConfigError(f"{name} cannot be read: {_said(error)}") from error

    def set(self, name: str, value: Value) -> None:
        """Set a feature. Raises ConfigError, saying why, where the camera refuses."""
        kind = self._kind(name)
        write = {
            str: self._device.set_string_feature_value,
            bool: self._device.set_boolean_feature_value,
            float: self._device.set_float_feature_value,
            int: self._device.set_integer_feature_value,
        }[kind]
        try:
            write(name, fitted(value, kind))
        except self._error as error:
            raise ConfigError(_said(error)) from error

    def allowed(self, name: str) -> str:
        """Return what a feature takes, in words."""
        kind = self._kind(name)
        try:
            if isinstance(self._device.get_feature(name), self._aravis.GcEnumeration):
                return f"one of {', '.join(self._device.dup_available_enumeration_feature_values_as_strings(name))}"
            if kind is int:
                low, high = self._device.get_integer_feature_bounds(name)
                return f"{low} to {high} in steps of {self._device.get_integer_feature_increment(name)}"
            if kind is float:
                low, high = self._device.get_float_feature_bounds(name)
                return f"{low:g} to {high:g}"
        except self._error as error:
            return f"what is not known ({_said(error)})"
        return "True or False" if kind is bool else "text"

    def _kind(self, name: str) -> type[Value]:
        node, aravis = self._device.get_feature(name), self._aravis
        if node is None:
            raise ConfigError(f"the camera has no feature {name}")
        kinds: list[tuple[Any, type[Value]]] = [
            (aravis.GcEnumeration, str),
            (aravis.GcBoolean, bool),
            (aravis.GcFloat, float),
            (aravis.GcInteger, int),
            (aravis.GcString, str),
        ]
        for interface, kind in kinds:
            if isinstance(node, interface):
                return kind
        raise ConfigError(f"{name} is a {type(node).__name__}, which has no value")


def _said(error: Exception) -> str:
    return str(getattr(error, "message", error)).strip()
