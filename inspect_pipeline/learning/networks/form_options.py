"""The options of a form, read strictly: of the right type, and none that nobody asks for."""

from collections.abc import Mapping
from typing import NoReturn

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Option


class FormOptions:
    """Options by name; ``done`` refuses those that were not read."""

    def __init__(self, options: Mapping[str, Option], *, what: str) -> None:
        self._left, self._what = dict(options), what

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text. Raises BadDataError where it is none, or missing without a default."""
        value = self._taken(name, default)
        if not isinstance(value, str):
            self._refused(name, value, "a text")
        return value

    def count(self, name: str, default: int) -> int:
        """Return a whole number. Raises BadDataError where it is none."""
        value = self._taken(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            self._refused(name, value, "a whole number")
        return value

    def number(self, name: str, default: float) -> float:
        """Return a number. Raises BadDataError where it is none."""
        value = self._taken(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._refused(name, value, "a number")
        return float(value)

    def done(self) -> None:
        """Raise BadDataError for an option that nobody asked for."""
        if self._left:
            raise BadDataError(f"{self._what} has no option {min(self._left)!r}; leave it out")

    def _taken(self, name: str, default: Option | None) -> Option:
        value = self._left.pop(name, default)
        if value is None:
            raise BadDataError(f"{self._what} needs the option {name!r}; give it")
        return value

    def _refused(self, name: str, value: Option, wanted: str) -> NoReturn:
        raise BadDataError(f"option {name} of {self._what} is {value!r}, {wanted} is needed")
