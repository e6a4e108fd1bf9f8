"""What was made last is kept, up to so many bytes; what several ask for at once is made once."""

import threading
import time

import pytest

from inspect_pipeline.services.bounded_cache import BoundedCache


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache: BoundedCache[bytes] = BoundedCache(limit_bytes=10, size_of=len)
    made: list[str] = []

    def get(key: str, size: int = 4) -> None:
        cache.get(key, lambda: made.append(key) or bytes(size))  # type: ignore[func-returns-value]

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]
    assert cache.held_bytes == 8
    get("huge", 11)
    get("a")
    assert made == ["a", "b", "c", "b", "huge"]


def test_several_that_ask_at_once_wait_for_one_that_makes() -> None:
    cache: BoundedCache[bytes] = BoundedCache(limit_bytes=10, size_of=len)
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        time.sleep(0.05)
        return b"x"

    threads = [threading.Thread(target=cache.get, args=("a", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_what_could_not_be_made_is_tried_again() -> None:
    cache: BoundedCache[bytes] = BoundedCache(limit_bytes=10, size_of=len)

    def fails() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("a", fails)
    assert cache.get("a", lambda: b"x") == b"x"
