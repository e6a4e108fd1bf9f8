"""JSON beside images: what the camera knew of a frame or of a whole coil; read strictly, refused by name and line.

``<stem>.json`` beside an image holds the facts of that frame; ``coil.json`` holds those of the folder: the same keys as
defaults, ``expected_lines``, and under ``frames`` the facts of single files by name.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from inspect_pipeline.errors import BadDataError

COIL_SIDECAR = "coil.json"
T = TypeVar("T")
_LARGEST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """What a sidecar says of one frame; None where it says nothing. ``captured_at`` is UTC."""

    first_line: int | None = None
    sequence: int | None = None
    captured_at: datetime | None = None
    mm_per_px_across: float | None = None
    mm_per_px_along: float | None = None
    camera: str | None = None
    valid_lines: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilFacts:
    """What ``coil.json`` says: defaults for every frame, the coil's length in lines, and facts of single files."""

    defaults: FrameFacts = field(default_factory=FrameFacts)
    expected_lines: int | None = None
    frames: Mapping[str, FrameFacts] = field(default_factory=dict)


def read_frame_sidecar(path: Path) -> FrameFacts:
    """Return the facts of one frame. Raises BadDataError naming file, line and what is wrong."""
    text, document = _document(path)
    return _frame_facts(document, path, text)


def read_coil_sidecar(path: Path) -> CoilFacts:
    """Return the facts of the folder. Raises BadDataError naming file, line and what is wrong."""
    text, document = _document(path)
    expected, frames = document.pop("expected_lines", None), document.pop("frames", {})
    if not isinstance(frames, dict) or not all(isinstance(facts, dict) for facts in frames.values()):
        _refuse(path, text, "frames", "is no object of file names to facts")
    return CoilFacts(
        defaults=_frame_facts(document, path, text),
        expected_lines=None if expected is None else _checked(_whole, expected, "expected_lines", path, text),
        frames={name: _frame_facts(facts, path, text) for name, facts in frames.items()},
    )


def _document(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise BadDataError(f"{path.name}: larger than {_LARGEST_BYTES} bytes; no sidecar is")
        text = path.read_text(encoding="utf-8-sig")
        document = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except OSError as error:
        raise BadDataError(f"{path.name}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path.name}: not UTF-8 text (byte {error.start}); save it as UTF-8 JSON") from error
    except json.JSONDecodeError as error:
        raise BadDataError(f"{path.name}:{error.lineno}: no valid JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{path.name}: no valid sidecar ({error})") from error
    if not isinstance(document, dict):
        raise BadDataError(f"{path.name}:1: holds no JSON object; give {{...}} with the facts of the frame")
    return text, document


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twins = sorted({key for key, _ in pairs if [name for name, _ in pairs].count(key) > 1})
        raise ValueError(f"key {twins[0]!r} stands there twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON knows")


def _frame_facts(document: Mapping[str, Any], path: Path, text: str) -> FrameFacts:
    known = [one.name for one in fields(FrameFacts)]
    for key in document:
        if key not in known:
            _refuse(path, text, key, f"is unknown; the keys are {', '.join(known)}")
    return FrameFacts(
        first_line=_get(_whole, document, "first_line", path, text),
        sequence=_get(_whole, document, "sequence", path, text),
        captured_at=_get(_moment, document, "captured_at", path, text),
        mm_per_px_across=_get(_length, document, "mm_per_px_across", path, text),
        mm_per_px_along=_get(_length, document, "mm_per_px_along", path, text),
        camera=_get(_name, document, "camera", path, text),
        valid_lines=_get(_whole, document, "valid_lines", path, text),
    )


def _get(check: Callable[[Any], T], document: Mapping[str, Any], key: str, path: Path, text: str) -> T | None:
    value = document.get(key)
    return None if value is None else _checked(check, value, key, path, text)


def _checked(check: Callable[[Any], T], value: Any, key: str, path: Path, text: str) -> T:
    try:
        return check(value)
    except ValueError as error:
        _refuse(path, text, key, f"is {value!r}; give {error}")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError("a whole number of 0 or more")
    return value


def _length(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ValueError("millimetres above 0")
    return float(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 80:
        raise ValueError("a name of 1 to 80 characters")
    return value.strip()


def _moment(value: Any) -> datetime:
    wanted = 'a time with its zone, as in "2026-01-31T12:00:00+00:00"'
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 - one kind of refusal, worded by the caller
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(wanted) from error
    if moment.tzinfo is None:
        raise ValueError(wanted)
    return moment.astimezone(UTC)


def _refuse(path: Path, text: str, key: str, what: str) -> NoReturn:
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if f'"{key}"' in line]
    where = f"{path.name}:{lines[0]}" if lines else path.name
    raise BadDataError(f"{where}: {key!r} {what}")
