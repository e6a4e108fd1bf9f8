"""Image files by the hash of their content; the file is on the disk before its address is given out."""

import hashlib
import re
import time
from pathlib import Path

from inspect_pipeline.errors import AlteredError, BadDataError, NotFoundError, StorageError
from inspect_pipeline.store.durable_files import clean_leftovers, make_folder, write_durably
from inspect_pipeline.store.failures import disk_errors

_SUFFIX = re.compile(r"[a-z0-9]{1,8}")
_ADDRESS = re.compile(r"(?P<hash>[0-9a-f]{64})\.[a-z0-9]{1,8}")
_INCOMING = "incoming"


class FileImageStore:
    """Files ``<root>/<2 digits>/<2 digits>/<sha256>.<suffix>``; half-written ones lie in ``<root>/incoming``.

    Temporary files lie in one folder, so that those of a killed process are found at once among 65,536 folders.
    """

    def __init__(self, root: Path) -> None:
        """Open the store, making its folder and removing what killed writers left. Raises StorageError."""
        self._root = root.absolute()
        self._incoming = self._root / _INCOMING
        with disk_errors(self._root):
            self._incoming.mkdir(parents=True, exist_ok=True)
        clean_leftovers(self._incoming, now_s=time.time())

    def put(self, content: bytes, *, suffix: str) -> str:
        """Store bytes and return their address; known bytes are not written again.

        Raises BadDataError for a suffix that is not 1 to 8 small letters or digits; DiskFullError, StorageError.
        """
        if not _SUFFIX.fullmatch(suffix):
            raise BadDataError(f"suffix {suffix!r} cannot be used; give 1 to 8 small letters or digits, without a dot")
        address = f"{hashlib.sha256(content).hexdigest()}.{suffix}"
        path = self._path(address)
        if not _is_whole(path, size=len(content)):
            make_folder(path.parent, below=self._root)
            write_durably(path, content, staging=self._incoming)
        return address

    def get(self, address: str) -> bytes:
        """Return the bytes. Raises NotFoundError, AlteredError when they no longer match the address."""
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise NotFoundError(
                f"{address[:100]!r} is no address of an image; one is 64 hex digits, a dot and a suffix"
            )
        path = self._path(address)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no image {address} in {self._root}; ingest it again") from None
        except OSError as error:
            raise StorageError(f"{path} cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != match["hash"]:
            raise AlteredError(f"{path} was altered: its content no longer matches its name; restore it from a backup")
        return content

    def has(self, address: str) -> bool:
        """Whether the bytes are there."""
        return _ADDRESS.fullmatch(address) is not None and self._path(address).is_file()

    def _path(self, address: str) -> Path:
        return self._root / address[:2] / address[2:4] / address


def _is_whole(path: Path, *, size: int) -> bool:
    """Whether the file is there with its size; a shorter one (a damaged disk) is written again."""
    try:
        return path.stat().st_size == size
    except OSError:
        return False
