"""The image store in memory."""

import hashlib

from inspect_pipeline.errors import AlteredError, BadDataError, NotFoundError


class InMemoryImages:
    """Content-addressed bytes in a dictionary; ``written`` counts the writes."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.written = 0

    def put(self, content: bytes, *, suffix: str) -> str:
        if not (suffix.isascii() and suffix.isalnum() and suffix == suffix.lower() and len(suffix) <= 8):
            raise BadDataError(f"suffix {suffix!r} cannot be used; give 1 to 8 small letters or digits, without a dot")
        address = f"{hashlib.sha256(content).hexdigest()}.{suffix}"
        self.written += address not in self.contents
        self.contents.setdefault(address, content)
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
