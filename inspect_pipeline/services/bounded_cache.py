"""What was made last and is likely asked for again, up to so many bytes; for threads that ask at the same time."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Values by key; those not used for longest go first. What several ask for at once is made once."""

    def __init__(self, *, limit_bytes: int, size_of: Callable[[Value], int]) -> None:
        """Hold at most ``limit_bytes``, each value as large as ``size_of`` says."""
        self._limit_bytes, self._size_of = limit_bytes, size_of
        self._held: OrderedDict[str, Value] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return the value of a key, made where it is not held. What ``make`` raises goes to whoever asked."""
        with self._lock:
            found = self._used(key)
            making = self._making.setdefault(key, threading.Lock())
        if found is not None:
            return found
        with making:
            with self._lock:
                found = self._used(key)
            if found is not None:
                return found
            try:
                made = make()
                with self._lock:
                    self._keep(key, made)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return made

    @property
    def held_bytes(self) -> int:
        """How much is held."""
        return self._bytes

    def _used(self, key: str) -> Value | None:
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key]

    def _keep(self, key: str, value: Value) -> None:
        size = self._size_of(value)
        if size > self._limit_bytes or key in self._held:
            return
        self._held[key] = value
        self._bytes += size
        while self._bytes > self._limit_bytes:
            self._bytes -= self._size_of(self._held.popitem(last=False)[1])
