"""Content addresses: ``<sha256>.<suffix>``, the same in every image store."""

import hashlib
import re

from inspect_pipeline.errors import AlteredError, BadDataError, NotFoundError

Content = bytes | bytearray | memoryview
"""What can be stored: bytes, or a C-contiguous view of any shape (an array through ``memoryview``); never copied."""

_SUFFIX = re.compile(r"[a-z0-9]{1,8}")
_ADDRESS = re.compile(r"(?P<digest>[0-9a-f]{64})\.[a-z0-9]{1,8}")


def flat(content: Content) -> memoryview:
    """Return the bytes as a flat view of u8, without a copy. Raises BadDataError for one that is not contiguous."""
    view = memoryview(content)
    if not view.c_contiguous:
        raise BadDataError("the content is no contiguous block of memory; give a C-contiguous copy of it")
    return view.cast("B") if view.nbytes else memoryview(b"")


def address_of(content: memoryview, *, suffix: str) -> str:
    """Return ``<sha256>.<suffix>``. Raises BadDataError for a suffix that is not 1 to 8 small letters or digits.

    Hashing releases the interpreter lock, so several threads hash at once.
    """
    if not _SUFFIX.fullmatch(suffix):
        raise BadDataError(f"suffix {suffix!r} cannot be used; give 1 to 8 small letters or digits, without a dot")
    return f"{hashlib.sha256(content).hexdigest()}.{suffix}"


def is_address(text: str) -> bool:
    """Whether the text has the form of an address."""
    return _ADDRESS.fullmatch(text) is not None


def place_of(address: str) -> str:
    """Return ``<2 digits>/<2 digits>/<address>``, the place below the root. Raises NotFoundError for no address."""
    if not is_address(address):
        raise NotFoundError(f"{address[:100]!r} is no address of an image; one is 64 hex digits, a dot and a suffix")
    return f"{address[:2]}/{address[2:4]}/{address}"


def refuse_altered(content: bytes, address: str, *, where: str) -> None:
    """Raise AlteredError where the bytes are not those of the address."""
    if hashlib.sha256(content).hexdigest() != address.partition(".")[0]:
        raise AlteredError(f"{where} was altered: its content no longer matches its name; restore it from a backup")
