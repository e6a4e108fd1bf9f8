"""Values out of parsed documents, each refused with its place where it is not what it should be."""

import json
import math
from collections.abc import Mapping
from typing import Any

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.records import MOST_BYTES

_SLACK_PX = 1e-3  # what percentages and rounded decimals lose
_LARGEST_PX = 1 << 27


def decoded(content: bytes, name: str) -> str:
    """Return the text of a file. Raises BadDataError where it is too large or no UTF-8."""
    if len(content) > MOST_BYTES:
        raise BadDataError(f"{name} has {len(content)} bytes, more than the {MOST_BYTES} allowed; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(f"{name}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def parsed_json(content: bytes, name: str) -> Any:
    """Return the document of a JSON file. Raises BadDataError with line and column."""
    try:
        return json.loads(decoded(content, name), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise BadDataError(f"{name}:{error.lineno}:{error.colno}: no valid JSON ({error.msg})") from error
    except RecursionError as error:
        raise BadDataError(f"{name}: nested too deeply to be a file of labels") from error
    except ValueError as error:  # a constant, or a number of thousands of digits
        raise BadDataError(f"{name}: no valid JSON ({str(error)[:80]})") from error


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def entry(parent: Any, key: str, where: str) -> Any:
    """Return what an object holds under a key. Raises BadDataError where it is no object or lacks it."""
    if not isinstance(parent, Mapping):
        raise BadDataError(f"{where}: no object")
    if key not in parent:
        raise BadDataError(f"{where}: no {key!r}")
    return parent[key]


def entries(parent: Any, key: str, where: str) -> list[Any]:
    """Return the list that an object holds under a key."""
    found = entry(parent, key, where)
    return listed(found, f"{where}.{key}")


def listed(value: Any, where: str) -> list[Any]:
    """Return the value, which must be a list."""
    if not isinstance(value, list):
        raise BadDataError(f"{where}: no list")
    return value


def text(value: Any, where: str) -> str:
    """Return the value, which must be a text that is not empty and can be stored."""
    if not isinstance(value, str) or not value:
        raise BadDataError(f"{where}: no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadDataError(f"{where}: {value!a} is no Unicode") from error
    return value


def number(value: Any, where: str) -> float:
    """Return the value, or the number that its text says; finite."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise BadDataError(f"{where}: {value[:20]!r} is no number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadDataError(f"{where}: {str(value)[:20]} is no number")
    return float(value)


def whole(value: Any, where: str, *, least: int = 0) -> int:
    """Return the value as a whole number of at least ``least`` and at most 134 million."""
    found = number(value, where)
    if found != int(found) or not least <= found <= _LARGEST_PX:
        raise BadDataError(f"{where}: {found:g} is no whole number from {least} to {_LARGEST_PX}")
    return int(found)


def box(left: float, top: float, right: float, bottom: float, where: str) -> Roi:
    """Return the smallest box of whole pixels around these borders. Raises BadDataError for an empty one."""
    if not all(-1.0 <= side <= _LARGEST_PX for side in (left, top, right, bottom)):
        raise BadDataError(f"{where}: box {left:g}, {top:g} to {right:g}, {bottom:g} lies outside any image")
    try:
        return Roi(
            top=max(math.floor(top + _SLACK_PX), 0),
            left=max(math.floor(left + _SLACK_PX), 0),
            bottom=math.ceil(bottom - _SLACK_PX),
            right=math.ceil(right - _SLACK_PX),
        )
    except BadDataError as error:
        raise BadDataError(f"{where}: {error}") from error
