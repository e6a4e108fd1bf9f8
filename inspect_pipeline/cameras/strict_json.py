"""A JSON file read strictly: bounded, UTF-8, one object, no key twice, no NaN; every refusal names file and line."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from inspect_pipeline.cameras.folder_listing import StillBeingWrittenError, read_complete, shown, size_and_time
from inspect_pipeline.errors import BadDataError, BadImageError

T = TypeVar("T")
_LONGEST_SHOWN = 80
_LONGEST_CAUSE = 200


class JsonFile:
    """One object of a JSON file, its values taken by key and check.

    Raises BadDataError naming file, line and what is wrong: larger than ``largest_bytes``, no regular file, no UTF-8,
    no JSON object; StillBeingWrittenError where it changed while it was read.
    """

    def __init__(self, path: Path, *, largest_bytes: int) -> None:
        self.name = shown(path.name)
        self._text = self._read(path, largest_bytes)
        document = self._parsed()
        if not isinstance(document, dict):
            raise BadDataError(f"{self.name}:1: holds no JSON object; give {{...}} with the facts of the frame")
        self.document: dict[str, Any] = document

    def get(self, check: Callable[[Any], T], document: Mapping[str, Any], key: str) -> T | None:
        """Return the checked value of a key, None where it is not there or null; BadDataError where it is wrong."""
        value = document.get(key)
        if value is None:
            return None
        try:
            return check(value)
        except ValueError as error:
            self.refuse(key, f"is {_short(repr(value), _LONGEST_SHOWN)}; give {error}")

    def refuse(self, key: str, what: str) -> NoReturn:
        """Raise BadDataError for a key, with the first line of the file that names it."""
        wanted = json.dumps(key, ensure_ascii=False)
        lines = (number for number, line in enumerate(self._text.splitlines(), start=1) if wanted in line)
        line = next(lines, None)
        where = self.name if line is None else f"{self.name}:{line}"
        raise BadDataError(f"{where}: {_short(ascii(key), _LONGEST_SHOWN)} {what}")

    def _read(self, path: Path, largest_bytes: int) -> str:
        seen = size_and_time(path)
        if seen is not None and seen[0] > largest_bytes:
            raise BadDataError(f"{self.name}: larger than {largest_bytes} bytes; no sidecar is")
        try:
            return read_complete(path, path.parent, seen=seen).decode("utf-8-sig")
        except StillBeingWrittenError:
            raise
        except BadImageError as error:  # its message begins with the name
            raise BadDataError(str(error)) from error
        except UnicodeDecodeError as error:
            raise BadDataError(f"{self.name}: not UTF-8 text (byte {error.start}); save it as UTF-8 JSON") from error

    def _parsed(self) -> object:
        try:
            return json.loads(self._text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            raise BadDataError(f"{self.name}:{error.lineno}: no valid JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:
            cause = _short(str(error), _LONGEST_CAUSE)
            raise BadDataError(f"{self.name}: no valid sidecar ({cause})") from error


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twin = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {_short(ascii(twin), _LONGEST_SHOWN)} stands there twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON knows")


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
