"""What a command answers, as one JSON document."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from numbers import Integral, Real
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def plain(value: object) -> Any:
    """Return the value as plain JSON types: dataclasses become objects, times ISO 8601, not-a-number null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return _scalar(value)


def _scalar(value: object) -> str | int | float | bool | None:
    if isinstance(value, Enum):
        return _scalar(value.value)
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Real):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no place in a JSON answer")


def document_of(summary: object) -> Document:
    """Return a summary (a dataclass or mapping) as a JSON object."""
    document = plain(summary)
    if not isinstance(document, dict):
        raise TypeError(f"an answer is an object, not {type(summary).__name__}")
    return document


def to_json(document: Mapping[str, Any]) -> str:
    """Return the document as ASCII text, so that any terminal, pipe or log can carry it."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def _number(value: Real) -> int | float | None:
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None
