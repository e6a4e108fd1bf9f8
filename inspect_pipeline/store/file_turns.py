"""Turns on a subject among the processes of one machine: the kernel's file lock, which ends with its process."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inspect_pipeline.errors import StorageError

_POLL_S = 0.05


@contextmanager
def file_turn(folder: Path, subject: str, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Give True when the turn is ours until the block ends, False when another still holds it after ``wait_s``.

    Raises StorageError when the folder cannot be written.
    """
    name = hashlib.sha256(subject.encode()).hexdigest()[:24]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"{folder}: no lock file can be made ({error.strerror}); check the workspace") from error
    try:
        yield _taken(handle, until_s=time.monotonic() + wait_s)
    finally:
        os.close(handle)


def _taken(handle: int, *, until_s: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
            time.sleep(_POLL_S)
        else:
            return True
