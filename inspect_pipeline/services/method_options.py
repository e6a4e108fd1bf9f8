"""Options of a method as they are typed, ``KEY=VALUE``, turned into values of the kind that the catalog's have."""

from collections.abc import Mapping, Sequence
from typing import Any

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.methods.catalog import CATALOG
from inspect_pipeline.learning.methods.entry import MethodEntry

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def entry_of(method: str) -> MethodEntry:
    """Return what the catalog says of a method. Raises NotFoundError."""
    if method not in CATALOG:
        raise NotFoundError(f"there is no method {method!r}; choose one of {', '.join(CATALOG)}")
    return CATALOG[method]


def method_details() -> list[dict[str, Any]]:
    """Return of every method and baseline its name, paper, what it learns from and its options with their defaults."""
    return [
        {"name": name, "paper": entry.paper, "learned": entry.learned, "options": dict(entry.defaults)}
        for name, entry in CATALOG.items()
    ]


def parsed_options(method: str, words: Sequence[str]) -> dict[str, Option]:
    """Return the options given as ``KEY=VALUE``. Raises BadDataError for an unknown key or a value of another kind."""
    defaults = entry_of(method).defaults
    options: dict[str, Option] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or key not in defaults:
            known = ", ".join(f"{name}={default}" for name, default in defaults.items()) or "none"
            raise BadDataError(f"option {word!r} is none of method {method}; give KEY=VALUE of: {known}")
        options[key] = _value(method, key, value, defaults[key])
    return options


def checked_options(method: str, options: Mapping[str, Option]) -> dict[str, Option]:
    """Return options from a settings file, whole numbers taken for fractions where those are meant."""
    return parsed_options(method, [f"{key}={value}" for key, value in options.items()])


def _value(method: str, key: str, text: str, default: Option) -> Option:
    try:
        if isinstance(default, bool):
            return _WORDS[text.lower()]
        if isinstance(default, int):
            return int(text)
        return float(text) if isinstance(default, float) else text
    except (KeyError, ValueError) as error:
        kind = "true or false" if isinstance(default, bool) else f"a number such as {default}"
        raise BadDataError(f"option {key} of method {method} is {text!r}; give {kind}") from error
