"""Options of a method as the values that they must be; each refusal says what would do."""

from collections.abc import Mapping, Sequence

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Option


def chosen(options: Mapping[str, Option], name: str, among: Sequence[str]) -> str:
    """Return an option that is one of a few words. Raises BadDataError."""
    value = options[name]
    if not isinstance(value, str) or value not in among:
        raise BadDataError(f"{name} = {value!r} cannot be used; choose one of {', '.join(among)}")
    return value


def whole(options: Mapping[str, Option], name: str, *, least: int) -> int:
    """Return an option that is a whole number of ``least`` or more. Raises BadDataError."""
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadDataError(f"{name} = {value!r} cannot be used; give a whole number of {least} or more")
    return value


def number(options: Mapping[str, Option], name: str, *, low: float, high: float) -> float:
    """Return an option that is a number from ``low`` to ``high``. Raises BadDataError."""
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadDataError(f"{name} = {value!r} cannot be used; give a number from {low:g} to {high:g}")
    return float(value)


def switch(options: Mapping[str, Option], name: str) -> bool:
    """Return an option that is true or false. Raises BadDataError."""
    value = options[name]
    if not isinstance(value, bool):
        raise BadDataError(f"{name} = {value!r} cannot be used; give true or false")
    return value
