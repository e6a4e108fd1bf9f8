"""Files that are there whole or not at all, also after a power cut."""

import contextlib
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from inspect_pipeline.store.failures import disk_errors

LEFTOVER_AGE_S = 600.0
_TEMPORARY = re.compile(r"(?P<host>[A-Za-z0-9-]*)\.(?P<pid>\d+)\.[0-9a-f]{32}\.tmp")


def write_durably(
    path: Path,
    content: bytes | memoryview,
    *,
    staging: Path | None = None,
    lock: Path | None = None,
    derived: bool = False,
) -> None:
    """Write the file in full or not at all: temporary file, fsync, rename, fsync of the folder.

    A ``derived`` file can be made anew, so nothing waits for the disk: a power cut may lose or empty it.

    The temporary file lies in ``staging`` (same file system), by default beside ``path``. With ``lock`` the rename
    waits for whoever holds that file for itself alone, see ``locked``. Raises DiskFullError or StorageError; no
    temporary file is left then.
    """
    temporary = (staging or path.parent) / f"{_host()}.{os.getpid()}.{uuid4().hex}.tmp"
    with disk_errors(path):
        try:
            _write_new(temporary, content, sync=not derived)
            with contextlib.nullcontext() if lock is None else locked(lock, alone=False):
                temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        if not derived:
            sync_folder(path.parent)


@contextlib.contextmanager
def locked(lock: Path, *, alone: bool) -> Iterator[None]:
    """Hold a lock file, shared or ``alone``, among processes and threads; a holder that dies lets go of it.

    Raises OSError where the file cannot be made.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def make_folder(folder: Path, *, below: Path, derived: bool = False) -> None:
    """Make ``folder`` and those between it and ``below``, each entry safe on the disk unless ``derived``."""
    with disk_errors(folder):
        missing = [each for each in (folder, *folder.parents) if each.is_relative_to(below) and not each.is_dir()]
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            if not derived:
                sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries safe on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clean_leftovers(folder: Path, *, now_s: float) -> int:
    """Remove temporary files whose writer died (on this host) or that are old; return how many.

    ``now_s`` is in seconds since the epoch. A file that another process takes away meanwhile is no error.
    """
    removed = 0
    for path in folder.glob("*.tmp"):
        match = _TEMPORARY.fullmatch(path.name)
        with contextlib.suppress(OSError):
            if match and (_writer_died(match) or now_s - path.stat().st_mtime > LEFTOVER_AGE_S):
                path.unlink()
                removed += 1
    return removed


def _write_new(path: Path, content: bytes | memoryview, *, sync: bool) -> None:
    # Not tempfile: that makes files only their owner can read, and the web page may run as another user.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if not sync:
            return
        os.fsync(file.fileno())
        # What streams to the disk is not read again soon: its pages are given back, so that a coil does not push
        # everything else out of the memory, and the next file is written into pages that are at hand.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _writer_died(match: re.Match[str]) -> bool:
    if match["host"] != _host():
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", socket.gethostname())
