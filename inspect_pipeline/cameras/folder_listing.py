"""What lies in a folder of images: names in the order people count, and bytes of files that are safe and complete."""

import os
import re
import stat
import unicodedata
from pathlib import Path

from inspect_pipeline.errors import BadDataError, BadImageError, NotFoundError

_PARTIAL_SUFFIXES = (".part", ".tmp", ".crdownload", ".filepart")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_LARGEST_FILE_BYTES = 1 << 30
_DIGITS = re.compile(r"(\d+)")


class StillBeingWrittenError(BadImageError):
    """The file changed while it was looked at; it is left for the next run."""


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a sort key under which ``frame 2`` comes before ``frame 10``, whatever the letters' case."""
    parts = _DIGITS.split(unicodedata.normalize("NFC", name).casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), name


def shown(name: str) -> str:
    """Return the name in normal form C; bytes that are no UTF-8 and control characters are escaped for the ledger."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    clean = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
    return unicodedata.normalize("NFC", clean)


def visible_names(folder: Path) -> list[str]:
    """Return the names in a folder in natural order, without hidden and system files.

    Raises NotFoundError where there is no such folder, BadDataError where it is a file or cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError as error:
        raise NotFoundError(f"{folder}: no such folder; check the path") from error
    except NotADirectoryError as error:
        raise BadDataError(f"{folder} is a file; give the folder that holds the images") from error
    except OSError as error:
        raise BadDataError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from error
    kept = [name for name in names if not name.startswith(".") and name.casefold() not in _SYSTEM_FILES]
    return sorted(kept, key=natural_key)


def is_partial(name: str) -> bool:
    """Whether the name says that the file is still being written."""
    return name.casefold().endswith(_PARTIAL_SUFFIXES)


def size_and_time(path: Path) -> tuple[int, int] | None:
    """Return (bytes, modification time in ns), None where it is gone or a link leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def read_complete(path: Path, root: Path, *, seen: tuple[int, int] | None) -> bytes:
    """Return the bytes of a regular file under ``root`` that did not change since it was ``seen`` nor meanwhile.

    Raises BadImageError with the reason: a folder, a link that leads outside or nowhere, a device or pipe, too large,
    no permission; StillBeingWrittenError where size or time changed.
    """
    try:
        _refuse_strange(path, root)
        before = size_and_time(path)
        content = path.read_bytes()
    except OSError as error:
        raise BadImageError(f"{shown(path.name)}: cannot be read ({error.strerror})") from error
    if before != seen or size_and_time(path) != before or len(content) != (before or (0, 0))[0]:
        raise StillBeingWrittenError(f"{shown(path.name)}: still being written; ingest again when it is done")
    return content


def _refuse_strange(path: Path, root: Path) -> None:
    name = shown(path.name)
    if path.is_symlink():
        target = path.resolve()
        if not target.is_relative_to(root.resolve()):
            raise BadImageError(f"{name}: a link that leads outside the folder; copy the image here")
        if not target.exists():
            raise BadImageError(f"{name}: a link that leads nowhere")
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise BadImageError(f"{name}: a folder, no image; ingest it on its own")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        raise BadImageError(f"{name}: no regular file (a pipe, socket or device)")
    if status.st_size > _LARGEST_FILE_BYTES:
        raise BadImageError(f"{name}: {status.st_size} bytes, more than the {_LARGEST_FILE_BYTES} allowed")
