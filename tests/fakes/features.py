"""The feature store in memory."""

import re

from inspect_pipeline.errors import BadDataError


class InMemoryFeatures:
    """Bytes by key, the last used at the end; ``hits`` and ``misses`` count what was asked for."""

    def __init__(self, *, limit_bytes: int = 1 << 30) -> None:
        self.contents: dict[str, bytes] = {}
        self.hits, self.misses = 0, 0
        self._limit_bytes = limit_bytes

    def get(self, key: str) -> bytes | None:
        _check(key)
        content = self.contents.pop(key, None)
        if content is None:
            self.misses += 1
            return None
        self.hits += 1
        self.contents[key] = content
        return content

    def put(self, key: str, content: bytes) -> None:
        _check(key)
        if len(content) > self._limit_bytes:
            return
        self.contents.pop(key, None)
        self.contents[key] = content
        while self.size_bytes() > self._limit_bytes:
            del self.contents[next(iter(self.contents))]

    def size_bytes(self) -> int:
        return sum(map(len, self.contents.values()))


def _check(key: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise BadDataError(f"{key!r} is no key of features; one is 64 small hex digits")
