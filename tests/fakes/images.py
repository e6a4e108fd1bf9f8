"""The image store in memory."""

import hashlib
import time
from collections.abc import Callable, Iterator

from inspect_pipeline.errors import AlteredError, BadDataError, NotFoundError


class InMemoryImages:
    """Content-addressed bytes in a dictionary; ``written`` counts the writes, ``put_at_s`` says when each was put."""

    def __init__(self, *, now_s: Callable[[], float] = time.time) -> None:
        self.contents: dict[str, bytes] = {}
        self.put_at_s: dict[str, float] = {}
        self.written = 0
        self._now_s = now_s

    def put(self, content: bytes | bytearray | memoryview, *, suffix: str, derived: bool = False) -> str:
        if not (suffix.isascii() and suffix.isalnum() and suffix == suffix.lower() and len(suffix) <= 8):
            raise BadDataError(f"suffix {suffix!r} cannot be used; give 1 to 8 small letters or digits, without a dot")
        if not memoryview(content).c_contiguous:
            raise BadDataError("the content is no contiguous block of memory; give a C-contiguous copy of it")
        kept = bytes(content)
        address = f"{hashlib.sha256(kept).hexdigest()}.{suffix}"
        self.written += address not in self.contents
        self.contents.setdefault(address, kept)
        self.put_at_s[address] = self._now_s()
        return address

    def get(self, address: str) -> bytes:
        try:
            content = self.contents[address]
        except KeyError:
            raise NotFoundError(f"there is no image {address}") from None
        if hashlib.sha256(content).hexdigest() != address.split(".", maxsplit=1)[0]:
            raise AlteredError(f"image {address} was altered")
        return content

    def has(self, address: str) -> bool:
        return address in self.contents

    def size_bytes(self, address: str) -> int | None:
        return len(self.contents[address]) if address in self.contents else None

    def addresses(self) -> Iterator[tuple[str, int, float]]:
        for address in sorted(self.contents):
            if address in self.contents:
                yield address, len(self.contents[address]), self.put_at_s.get(address, 0.0)

    def delete(self, address: str, *, older_than_s: float, now_s: float) -> bool:
        if address not in self.contents or now_s - self.put_at_s.get(address, 0.0) <= older_than_s:
            return False
        del self.contents[address]
        self.put_at_s.pop(address, None)
        return True
