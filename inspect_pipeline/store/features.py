"""What can be worked out again but costs time, kept by key in a folder that never grows beyond its limit."""

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.store.durable_files import clean_leftovers, make_folder, write_durably
from inspect_pipeline.store.failures import disk_errors

_INCOMING = "incoming"
_KEY = re.compile(r"[0-9a-f]{64}")
_KEPT_AFTER_EVICTION = 0.9  # room for what comes next, so that not every put looks through the whole folder


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    path: Path
    size_bytes: int
    used_at_ns: int


class FileFeatureStore:
    """Files ``<root>/<2 digits of the key>/<key>.<sha256 of the content>.safetensors``.

    The name says what the content must be: what no longer is, is removed and counts as not there. The time of a file
    says when it was last used; those not used for longest go first when the files hold more than ``limit_bytes``.
    Several processes may share the folder: an entry that another one took away is made anew by who needs it.
    """

    def __init__(self, root: Path, *, limit_bytes: int) -> None:
        """Open the store, making its folder and removing what killed writers left. Raises StorageError."""
        if limit_bytes < 1:
            raise BadDataError(f"features: a limit of {limit_bytes} bytes holds nothing; give at least 1")
        self._root = root.absolute()
        self._incoming = self._root / _INCOMING
        self._limit_bytes = limit_bytes
        with disk_errors(self._root):
            self._incoming.mkdir(parents=True, exist_ok=True)
        clean_leftovers(self._incoming, now_s=time.time())
        self._held_bytes: int | None = None  # not looked yet; other processes may add, so it is only a hint

    def get(self, key: str) -> bytes | None:
        """Return the bytes put under the key, None where there are none or what is there is damaged.

        Raises BadDataError for a key that is not 64 small hex digits, StorageError for a file that cannot be read.
        """
        for path in self._files_of(key):
            with disk_errors(path):
                try:
                    content = path.read_bytes()
                except FileNotFoundError:  # another process made room
                    continue
                if _name_of(key, content) == path.name:
                    with contextlib.suppress(FileNotFoundError):
                        os.utime(path)
                    return content
                path.unlink(missing_ok=True)
        return None

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes under the key: temporary file, fsync, rename; older entries go where room is needed.

        Bytes beyond the limit alone are not kept. Raises BadDataError for a wrong key; DiskFullError, StorageError.
        """
        folder = self._folder_of(key)
        if len(content) > self._limit_bytes:
            return
        make_folder(folder, below=self._root)
        write_durably(folder / _name_of(key, content), content, staging=self._incoming)
        held = self._held_bytes
        self._held_bytes = self.size_bytes() if held is None else held + len(content)
        if self._held_bytes > self._limit_bytes:
            self._make_room()

    def size_bytes(self) -> int:
        """Return how much all entries hold together."""
        return sum(entry.size_bytes for entry in self._entries())

    def _make_room(self) -> None:
        """Remove the entries not used for longest until the rest is well below the limit."""
        entries = sorted(self._entries(), key=lambda entry: (entry.used_at_ns, entry.path.name))
        held = sum(entry.size_bytes for entry in entries)
        if held > self._limit_bytes:
            newest = entries[-1].path
            for entry in entries:
                if held <= self._limit_bytes * _KEPT_AFTER_EVICTION or entry.path == newest:
                    break
                with disk_errors(entry.path):
                    entry.path.unlink(missing_ok=True)
                held -= entry.size_bytes
        self._held_bytes = held

    def _entries(self) -> Iterator[_Entry]:
        with disk_errors(self._root):
            for path in self._root.glob("??/*.safetensors"):
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield _Entry(path=path, size_bytes=found.st_size, used_at_ns=found.st_mtime_ns)

    def _files_of(self, key: str) -> list[Path]:
        with disk_errors(self._root):
            return sorted(self._folder_of(key).glob(f"{key}.*.safetensors"))

    def _folder_of(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise BadDataError(f"{key[:100]!r} is no key of features; one is 64 small hex digits")
        return self._root / key[:2]


def _name_of(key: str, content: bytes) -> str:
    return f"{key}.{hashlib.sha256(content).hexdigest()}.safetensors"
