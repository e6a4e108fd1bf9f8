"""Image files by the hash of their content; the file is on the disk before its address is given out."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from inspect_pipeline.errors import NotFoundError, StorageError
from inspect_pipeline.store.addresses import Content, address_of, flat, is_address, place_of, refuse_altered
from inspect_pipeline.store.durable_files import clean_leftovers, locked, make_folder, write_durably
from inspect_pipeline.store.failures import disk_errors

_INCOMING = "incoming"
_LOCK = "lock"
_HEX_DIGITS = "0123456789abcdef"


class FileImageStore:
    """Files ``<root>/<2 digits>/<2 digits>/<sha256>.<suffix>``; half-written ones lie in ``<root>/incoming``.

    Temporary files lie in one folder, so that those of a killed process are found at once among 65,536 folders. The
    time of a file says when it was last put. A lock file keeps a put that finds its bytes there apart from a deletion
    that finds them old: one of the two sees what the other did.
    """

    def __init__(self, root: Path) -> None:
        """Open the store, making its folder and removing what killed writers left. Raises StorageError."""
        self._root = root.absolute()
        self._incoming = self._root / _INCOMING
        self._lock = self._incoming / _LOCK
        with disk_errors(self._root):
            self._incoming.mkdir(parents=True, exist_ok=True)
        clean_leftovers(self._incoming, now_s=time.time())

    def put(self, content: Content, *, suffix: str, derived: bool = False) -> str:
        """Store bytes and return their address; known bytes are not written again, their file becomes a recent one.

        ``derived`` bytes (a thumbnail) do not wait for the disk: a power cut may lose them, and they are made anew.
        Raises BadDataError for a suffix that is not 1 to 8 small letters or digits; DiskFullError, StorageError.
        """
        view = flat(content)
        address = address_of(view, suffix=suffix)
        path = self._root / place_of(address)
        if not self._refreshed(path, size_bytes=len(view)):
            make_folder(path.parent, below=self._root, derived=derived)
            write_durably(path, view, staging=self._incoming, lock=self._lock, derived=derived)
        return address

    def get(self, address: str) -> bytes:
        """Return the bytes. Raises NotFoundError, AlteredError when they no longer match the address."""
        path = self._root / place_of(address)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no image {address} in {self._root}; ingest it again") from None
        except OSError as error:
            raise StorageError(f"{path} cannot be read ({error.strerror})") from error
        refuse_altered(content, address, where=str(path))
        return content

    def has(self, address: str) -> bool:
        """Whether the bytes are there."""
        return self.size_bytes(address) is not None

    def size_bytes(self, address: str) -> int | None:
        """Return the size of a file, None where it is not there."""
        if not is_address(address):
            return None
        found = _stat(self._root / place_of(address))
        return None if found is None else found.st_size

    def addresses(self) -> Iterator[tuple[str, int, float]]:
        """Yield (address, bytes, last put in seconds since the epoch) of every file, by address; others are left out.

        One folder at a time, so that a million files need no memory. Raises StorageError.
        """
        for first in _HEX_DIGITS:
            for second in _HEX_DIGITS:
                for folder in _entries(self._root / f"{first}{second}"):
                    yield from self._files_in(folder)

    def delete(self, address: str, *, older_than_s: float, now_s: float) -> bool:
        """Remove a file last put more than ``older_than_s`` before ``now_s`` (since the epoch); whether it was removed.

        False where it is not there or was put since. The removal may come back after a power cut. Raises StorageError.
        """
        if not self.has(address):
            return False
        path = self._root / place_of(address)
        with disk_errors(path), locked(self._lock, alone=True):
            found = _stat(path)
            if found is None or now_s - found.st_mtime <= older_than_s:
                return False
            path.unlink()
            return True

    def _refreshed(self, path: Path, *, size_bytes: int) -> bool:
        """Whether the file is there with its size, recent from now on; a shorter one (a damaged disk) is not."""
        if not _is_whole(path, size_bytes=size_bytes):
            return False
        with disk_errors(path), locked(self._lock, alone=False):
            if not _is_whole(path, size_bytes=size_bytes):  # deleted before the lock was ours
                return False
            os.utime(path)
            return True

    def _files_in(self, folder: Path) -> Iterator[tuple[str, int, float]]:
        for path in _entries(folder):
            found = _stat(path)
            if is_address(path.name) and found is not None and path == self._root / place_of(path.name):
                yield path.name, found.st_size, found.st_mtime


def _is_whole(path: Path, *, size_bytes: int) -> bool:
    found = _stat(path)
    return found is not None and found.st_size == size_bytes


def _stat(path: Path) -> os.stat_result | None:
    """Return what is known of a file, None where there is none."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be looked at ({error.strerror})") from error


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name; a file and a folder that is not there hold nothing."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"{folder} cannot be read ({error.strerror}); make the folder readable") from error
