"""What a search tries: axes of numbers and choices, by default those of the outer loop and of the method's options."""

from collections.abc import Mapping, Sequence

from inspect_pipeline.domain.search import Axis, Option
from inspect_pipeline.errors import BadDataError

OUTER = ("learning_rate", "decay", "tasks_per_step", "steps")
"""The axes that are settings of the outer loop; all others are options of the method."""


def default_axes(defaults: Mapping[str, Option]) -> tuple[Axis, ...]:
    """Return rate, decay and tasks a step of the outer loop, and the numbers and switches among a method's options."""
    outer = (
        Axis(name="learning_rate", low=1e-4, high=1e-1, log=True),
        Axis(name="decay", low=1e-5, high=1e-1, log=True),
        Axis(name="tasks_per_step", choices=(4, 8, 16, 32)),
    )
    found = [_around(name, value) for name, value in defaults.items()]
    return (*outer, *(axis for axis in found if axis is not None))


def parsed_axes(words: Sequence[str], defaults: Mapping[str, Option]) -> tuple[Axis, ...]:
    """Return axes given as ``KEY=LOW:HIGH``, ``KEY=LOW:HIGH:log`` or ``KEY=A,B,C``. Raises BadDataError."""
    return tuple(_parsed(word, defaults) for word in words)


def _around(name: str, value: Option) -> Axis | None:
    if isinstance(value, bool):
        return Axis(name=name, choices=(False, True))
    if isinstance(value, int) and value > 0:
        return Axis(name=name, low=max(1, value // 2), high=2 * value, whole=True)
    if isinstance(value, float) and value > 0.0:
        return Axis(name=name, low=value / 10.0, high=10.0 * value, log=True)
    return None


def _parsed(word: str, defaults: Mapping[str, Option]) -> Axis:
    name, sign, given = word.partition("=")
    known = {"learning_rate": 0.01, "decay": 0.001, "tasks_per_step": 16, "steps": 200, **defaults}
    if not sign or name not in known:
        raise BadDataError(f"space {word!r} names nothing to search; give KEY=LOW:HIGH of: {', '.join(known)}")
    kind = type(known[name])
    try:
        return _axis(name, given, kind)
    except ValueError as error:
        raise BadDataError(
            f"space {word!r} cannot be read; give {name}=LOW:HIGH, {name}=LOW:HIGH:log or {name}=A,B,C"
        ) from error


def _axis(name: str, given: str, kind: type) -> Axis:
    ends = given.split(":")
    if len(ends) == 1:
        return Axis(name=name, choices=tuple(_value(text, kind) for text in given.split(",")))
    log = ends[2:] == ["log"]
    if ends[2:] not in ([], ["log"]) or kind not in (int, float):
        raise ValueError(given)
    return Axis(name=name, low=float(ends[0]), high=float(ends[1]), log=log, whole=kind is int)


def _value(text: str, kind: type) -> Option:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    return int(text) if kind is int else float(text) if kind is float else text
