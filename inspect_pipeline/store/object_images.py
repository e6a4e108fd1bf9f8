"""Images in an object store (S3 and what speaks its protocol) or on any other file system of fsspec, by URL."""

import errno
import importlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]

from inspect_pipeline.errors import ConfigError, DiskFullError, NotFoundError, StorageError
from inspect_pipeline.store.addresses import Content, address_of, flat, is_address, place_of, refuse_altered
from inspect_pipeline.store.failures import without_secrets

REFRESH_AFTER_S = 3600.0
"""Known bytes last put longer ago than this are put again, so that retention sees them as recent."""

LEFTOVER_AGE_S = 3600.0
"""Half-written objects of killed writers are removed once they are this old."""

_WHOLE_OR_NOT = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
_RETRIES_ITSELF = _WHOLE_OR_NOT
_PASSWORD = re.compile(r"//.*:.*@", re.DOTALL)  # a secret may hold slashes
_WAITS_S = (0.2, 0.8, 3.2)
_TRANSIENT = frozenset(
    {
        *(errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH),
        *(errno.EIO, errno.ENETUNREACH, errno.EPIPE, errno.ETIMEDOUT),
    }
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")
# Errors of the back ends that are no OSError; a module that is not installed has thrown none.
_OTHER_ERRORS = (("botocore.exceptions", "BotoCoreError"), ("botocore.exceptions", "ClientError"))
_FIRST_DIGITS = frozenset(f"{number:02x}" for number in range(256))

_T = TypeVar("_T")


class ObjectImageStore:
    """Objects ``<url>/<2 digits>/<2 digits>/<sha256>.<suffix>``, the layout of ``FileImageStore``.

    On S3, Google and Azure an object is there whole or not at all. Elsewhere it is written under ``<url>/incoming`` and
    then moved. Credentials, region and endpoint come from the environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_DEFAULT_REGION``, ``AWS_ENDPOINT_URL``); S3 tries again by itself
    (``AWS_MAX_ATTEMPTS``, ``AWS_RETRY_MODE``), what does not is asked up to 4 times.

    There is no lock: see ``delete`` for what that means.
    """

    def __init__(
        self, url: str, *, now_s: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Open the store; nothing is asked of an object store yet. ``now_s`` in seconds since the epoch.

        Raises ConfigError for a URL that holds a password, is of an unknown kind, needs a package that is not installed
        or names no bucket; StorageError.
        """
        self._scheme = _checked_scheme(url)
        self._fs, self._root = _opened(url, scheme=self._scheme)
        self._shown = without_secrets(url)
        self._now_s, self._sleep = now_s, sleep
        self._waits_s = () if self._scheme in _RETRIES_ITSELF else _WAITS_S
        self._errors: tuple[type[Exception], ...] = (OSError, *_other_errors())
        if self._scheme not in _WHOLE_OR_NOT:
            self._clean_leftovers()

    def put(self, content: Content, *, suffix: str, derived: bool = False) -> str:  # noqa: ARG002 - all are as safe
        """Store bytes and return their address; known bytes that were put lately are not written again.

        Raises BadDataError for a suffix that is not 1 to 8 small letters or digits; DiskFullError, StorageError.
        """
        view = flat(content)
        address = address_of(view, suffix=suffix)
        known = self._info(address)
        if known is None or known["size"] != len(view) or abs(self._now_s() - self._time_s(known)) > REFRESH_AFTER_S:
            self._write(self._key(address), bytes(view))
        return address

    def get(self, address: str) -> bytes:
        """Return the bytes. Raises NotFoundError, AlteredError when they no longer match the address."""
        key = self._key(address)
        try:
            content = self._asked(lambda: bytes(self._fs.cat_file(key)))
        except FileNotFoundError as error:
            self._refuse_missing_bucket(error)
            raise NotFoundError(f"there is no image {address} in {self._shown}; ingest it again") from None
        refuse_altered(content, address, where=f"{self._shown}/{place_of(address)}")
        return content

    def has(self, address: str) -> bool:
        """Whether the bytes are there. Raises StorageError."""
        return self._info(address) is not None

    def size_bytes(self, address: str) -> int | None:
        """Return the size of an object, None where it is not there. Raises StorageError."""
        known = self._info(address)
        return None if known is None else int(known["size"])

    def addresses(self) -> Iterator[tuple[str, int, float]]:
        """Yield (address, bytes, last put in seconds since the epoch) of every object, by address.

        Asks for 1/256 of the store at a time, so that memory stays small. Raises StorageError.
        """
        for folder in self._folders():
            found = self._listed(folder)
            for key in sorted(found):
                address = key.rpartition("/")[2]
                if is_address(address) and key == self._key(address):
                    yield address, int(found[key]["size"]), self._time_s(found[key])

    def delete(self, address: str, *, older_than_s: float, now_s: float) -> bool:
        """Remove an object last put more than ``older_than_s`` before ``now_s`` (since the epoch); whether it was.

        False where it is not there or was put since. Weaker than a local folder: only the grace period protects. Bytes
        older than it that are put again between the look at their age and their removal, one request apart, are lost;
        so ``older_than_s`` has to be well above REFRESH_AFTER_S. Raises StorageError.
        """
        known = self._info(address)
        if known is None or now_s - self._time_s(known) <= older_than_s:
            return False
        try:
            self._asked(lambda: self._fs.rm_file(self._key(address)))
        except FileNotFoundError:  # another one removed it
            return False
        return True

    def _key(self, address: str) -> str:
        return f"{self._root}/{place_of(address)}"

    def _write(self, key: str, content: bytes) -> None:
        try:
            if self._scheme in _WHOLE_OR_NOT:
                self._asked(lambda: self._fs.pipe_file(key, content))
            else:
                self._asked(lambda: self._write_beside(key, content))
        except FileNotFoundError as error:
            raise StorageError(f"{self._shown} cannot be written ({_line(error)}); create the bucket first") from error

    def _write_beside(self, key: str, content: bytes) -> None:
        temporary = f"{self._root}/incoming/{uuid4().hex}.tmp"
        self._fs.makedirs(temporary.rpartition("/")[0], exist_ok=True)
        self._fs.makedirs(key.rpartition("/")[0], exist_ok=True)
        self._fs.pipe_file(temporary, content)
        self._fs.mv(temporary, key)

    def _info(self, address: str) -> Mapping[str, Any] | None:
        if not is_address(address):
            return None
        try:
            found: Mapping[str, Any] = self._asked(lambda: self._fs.info(self._key(address)))
        except FileNotFoundError as error:
            self._refuse_missing_bucket(error)
            return None
        return found if found["type"] == "file" else None

    def _folders(self) -> list[str]:
        """Return those of the 256 folders that are there, by name."""
        try:
            found = self._asked(lambda: self._fs.ls(self._root, detail=False))
        except FileNotFoundError as error:
            self._refuse_missing_bucket(error)
            return []
        folders = (str(folder).rstrip("/") for folder in found)
        return sorted(folder for folder in folders if folder.rpartition("/")[2] in _FIRST_DIGITS)

    def _listed(self, folder: str) -> Mapping[str, Mapping[str, Any]]:
        try:
            found: Mapping[str, Mapping[str, Any]] = self._asked(lambda: self._fs.find(folder, detail=True))
        except FileNotFoundError as error:
            self._refuse_missing_bucket(error)
            return {}
        return found

    def _clean_leftovers(self) -> None:
        for key, known in self._listed(f"{self._root}/incoming").items():
            if key.endswith(".tmp") and self._now_s() - self._time_s(known) > LEFTOVER_AGE_S:
                self._asked(lambda key=key: self._fs.rm_file(key))  # type: ignore[misc]

    def _time_s(self, known: Mapping[str, Any]) -> float:
        for name in _TIMES:
            moment = known.get(name)
            if isinstance(moment, datetime):
                return moment.timestamp()
            if isinstance(moment, int | float):
                return float(moment)
        raise StorageError(f"{self._shown} does not tell when an object was written; keep images in another store")

    def _asked(self, action: Callable[[], _T]) -> _T:
        """Return what the back end answers, asked again after a transient error; FileNotFoundError is an answer."""
        for wait_s in (*self._waits_s, None):
            try:
                return action()
            except FileNotFoundError:
                raise
            except self._errors as error:
                if wait_s is None or getattr(error, "errno", None) not in _TRANSIENT:
                    raise self._failure(error) from error
                self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _failure(self, error: Exception) -> StorageError:
        number = getattr(error, "errno", None)
        if number in _FULL:
            return DiskFullError(f"no space left in {self._shown}; free some and run again, nothing half-written")
        if isinstance(error, PermissionError):
            return StorageError(f"{self._shown} refused ({_line(error)}); check the credentials in the environment")
        return StorageError(
            f"{self._shown} failed ({_line(error)}); check the address, the network and the credentials"
        )

    def _refuse_missing_bucket(self, error: FileNotFoundError) -> None:
        """Raise StorageError where not the object but its bucket is missing: that says nothing about the object."""
        response = getattr(error.__cause__, "response", None)
        if isinstance(response, Mapping) and response.get("Error", {}).get("Code") == "NoSuchBucket":
            raise StorageError(f"{self._shown}: there is no such bucket; create it or correct the URL") from error


def _checked_scheme(url: str) -> str:
    if _PASSWORD.search(url):
        raise ConfigError("the URL of an image store must hold no password or key; give them in the environment")
    scheme, separator, _ = url.partition("://")
    if not separator or "::" in url or "?" in url or "#" in url:
        raise ConfigError(f"{without_secrets(url)!r} is no URL of an image store; write s3://BUCKET/PREFIX or a folder")
    return scheme.lower()


def _opened(url: str, *, scheme: str) -> tuple[Any, str]:
    try:
        # Listings that are remembered would hide what other processes do.
        fs, root = fsspec.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        install = "pip install 'inspect-pipeline[s3]'" if scheme in ("s3", "s3a") else "install it"
        raise ConfigError(f"{scheme}:// needs a package that is not installed ({_line(error)}); {install}") from error
    except ValueError as error:
        raise ConfigError(
            f"{scheme}:// is no known kind of store ({_line(error)}); write s3://BUCKET/PREFIX"
        ) from error
    except OSError as error:
        raise StorageError(f"{without_secrets(url)} cannot be reached ({_line(error)})") from error
    root = str(root).rstrip("/")
    if not root:
        raise ConfigError(f"{without_secrets(url)!r} names no bucket or folder; write {scheme}://BUCKET/PREFIX")
    return fs, root


def _other_errors() -> tuple[type[Exception], ...]:
    found = []
    for module, name in _OTHER_ERRORS:
        try:
            found.append(getattr(importlib.import_module(module), name))
        except ModuleNotFoundError:
            continue
    return tuple(found)


def _line(error: Exception) -> str:
    return without_secrets(str(error) or type(error).__name__)
