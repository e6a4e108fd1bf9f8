"""What lies in a folder of images: names in the order people count, and bytes of files that are safe and complete.

A file is opened once, no link followed, and judged by what was opened: nobody can swap it between look and read.
"""

import errno
import io
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

from inspect_pipeline.errors import BadDataError, BadImageError, NotFoundError

_PARTIAL_SUFFIXES = (".part", ".tmp", ".crdownload", ".filepart")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_LARGEST_FILE_BYTES = 1 << 30
_DIGITS = re.compile(r"(\d+)")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe must not wait for its writer
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

Look = Callable[[io.BufferedReader, int], None]
"""Called with the opened file and its size before it is read; raises BadImageError to refuse it."""


class StillBeingWrittenError(BadImageError):
    """The file changed while it was looked at; it is left for the next run."""


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a sort key under which ``frame 2`` comes before ``frame 10``, whatever the letters' case."""
    parts = _DIGITS.split(unicodedata.normalize("NFC", name).casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), name


def shown(name: str) -> str:
    """Return the name in normal form C as it can be printed and stored, every other name as another text.

    Bytes that are no UTF-8, control and direction characters and backslashes are escaped.
    """
    return unicodedata.normalize("NFC", "".join(_shown_letter(letter) for letter in name))


def _shown_letter(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    if letter.isprintable() and letter != "\\":
        return letter
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def visible_names(folder: Path) -> list[str]:
    """Return the names in a folder in natural order, without hidden and system files.

    Hidden are names that begin with a dot; system files are those of file browsers (Thumbs.db, desktop.ini).

    Raises NotFoundError where there is no such folder, BadDataError where it is a file or cannot be listed.
    """
    return sorted(names_in(folder), key=natural_key)


def names_in(folder: Path) -> list[str]:
    """Return the same names in no order. Raises as ``visible_names``."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError as error:
        raise NotFoundError(f"{folder}: no such folder; check the path") from error
    except NotADirectoryError as error:
        raise BadDataError(f"{folder} is a file; give the folder that holds the images") from error
    except OSError as error:
        raise BadDataError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from error
    return [name for name in names if is_visible(name)]


def is_visible(name: str) -> bool:
    """Whether the name is neither hidden nor that of a system file."""
    return not name.startswith(".") and name.casefold() not in _SYSTEM_FILES


def is_partial(name: str) -> bool:
    """Whether the name says that the file is still being written."""
    return name.casefold().endswith(_PARTIAL_SUFFIXES)


def without_partial(name: str) -> str:
    """Return the name that the file will have when it is written."""
    suffix = next((one for one in _PARTIAL_SUFFIXES if name.casefold().endswith(one)), "")
    return name[: len(name) - len(suffix)]


def size_and_time(path: Path) -> tuple[int, int] | None:
    """Return (bytes, modification time in ns), None where it is gone or a link leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def read_complete(path: Path, root: Path, *, seen: tuple[int, int] | None, look: Look | None = None) -> bytes:
    """Return the bytes of a regular file under ``root`` that did not change since it was ``seen`` nor meanwhile.

    ``look`` may refuse it by its first bytes, before it is read.

    Raises BadImageError with the reason: a folder, a link that leads outside or nowhere, a device or pipe, too large,
    no permission; StillBeingWrittenError where size or time changed.
    """
    try:
        with _file(path, root) as file:
            before = _regular(path, os.fstat(file.fileno()))
            if before != seen:
                raise _still_written(path)
            if look is not None:
                look(file, before[0])
                file.seek(0)
            content = file.read(before[0] + 1)  # one more, to notice a file that grows: never to its end
            if _regular(path, os.fstat(file.fileno())) != before or len(content) != before[0]:
                raise _still_written(path)
    except OSError as error:
        raise BadImageError(f"{shown(path.name)}: cannot be read ({error.strerror})") from error
    return content


def _file(path: Path, root: Path) -> io.BufferedReader:
    descriptor = _opened(path, root)
    try:
        _regular(path, os.fstat(descriptor))  # Python opens no folder, and would not say so
        return open(descriptor, "rb")  # noqa: PTH123 - what is open already
    except (BadImageError, OSError):
        os.close(descriptor)
        raise


def _opened(path: Path, root: Path) -> int:
    """Return a descriptor of the file; a link is resolved once and its target opened without following another."""
    try:
        return os.open(path, _OPEN)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise BadImageError(f"{shown(path.name)}: no regular file (a pipe, socket or device)") from error
        if error.errno != errno.ELOOP or not path.is_symlink():
            raise
    return _target(path, root)


def _target(path: Path, root: Path) -> int:
    name, whole = shown(path.name), root.resolve()
    try:
        target = path.resolve(strict=True)
    except RuntimeError as error:
        raise BadImageError(f"{name}: a link that leads to itself") from error
    except OSError as error:
        loops = error.errno == errno.ELOOP
        raise BadImageError(f"{name}: a link that leads {'to itself' if loops else 'nowhere'}") from error
    if not target.is_relative_to(whole):
        raise BadImageError(f"{name}: a link that leads outside the folder; copy the image here")
    return _opened_below(whole, target.relative_to(whole).parts)


def _opened_below(root: Path, parts: tuple[str, ...]) -> int:
    """Return a descriptor of ``parts`` below the folder, opened step by step so that no step can become a link."""
    here = os.open(root, _OPEN_FOLDER)
    for part in parts:
        try:
            below = os.open(part, _OPEN, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here


def _regular(path: Path, status: os.stat_result) -> tuple[int, int]:
    """Return (bytes, modification time in ns) of what was opened; refuse what is no file of pixels."""
    name = shown(path.name)
    if stat.S_ISDIR(status.st_mode):
        raise BadImageError(f"{name}: a folder, no image; ingest it on its own")
    if not stat.S_ISREG(status.st_mode):
        raise BadImageError(f"{name}: no regular file (a pipe, socket or device)")
    if status.st_size > _LARGEST_FILE_BYTES:
        raise BadImageError(f"{name}: {status.st_size} bytes, more than the {_LARGEST_FILE_BYTES} allowed")
    return status.st_size, status.st_mtime_ns


def _still_written(path: Path) -> StillBeingWrittenError:
    return StillBeingWrittenError(f"{shown(path.name)}: still being written; ingest again when it is done")
