"""What every feature store promises; the same tests on the fake and on files. Then what only files can go through."""

import hashlib
import os
from pathlib import Path
from typing import Protocol

import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.ports import FeatureStore
from inspect_pipeline.store.features import FileFeatureStore
from tests.fakes.features import InMemoryFeatures


class _Measured(FeatureStore, Protocol):
    def size_bytes(self) -> int: ...


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture(params=["fake", "files"])
def features(request: pytest.FixtureRequest, tmp_path: Path) -> _Measured:
    """An empty store of each kind that holds at most 1000 bytes."""
    if request.param == "fake":
        return InMemoryFeatures(limit_bytes=1000)
    return FileFeatureStore(tmp_path / "features", limit_bytes=1000)


def test_what_was_put_comes_back_and_the_last_put_counts(features: _Measured) -> None:
    assert features.get(key(0)) is None
    features.put(key(0), b"first")
    assert features.get(key(0)) == b"first"
    features.put(key(1), b"")
    assert features.get(key(1)) == b""


def test_more_than_the_limit_is_never_held(features: _Measured) -> None:
    for number in range(30):
        features.put(key(number), bytes([number]) * 100)
        assert features.size_bytes() <= 1000
    assert features.get(key(29)) == bytes([29]) * 100
    assert features.get(key(0)) is None


def test_what_was_used_stays_longer_than_what_was_only_put(features: _Measured) -> None:
    for number in range(10):
        features.put(key(number), bytes(100))
    assert features.get(key(0)) is not None
    features.put(key(10), bytes(100))
    assert features.get(key(0)) is not None
    assert features.get(key(1)) is None


def test_bytes_beyond_the_limit_alone_are_not_kept_and_push_nothing_out(features: _Measured) -> None:
    features.put(key(0), bytes(100))
    features.put(key(1), bytes(1001))
    assert features.get(key(1)) is None
    assert features.get(key(0)) == bytes(100)


@pytest.mark.parametrize("wrong", ["", "a" * 63, "A" * 64, "../" + "a" * 61])
def test_a_key_of_another_form_is_refused(features: _Measured, wrong: str) -> None:
    with pytest.raises(BadDataError, match="64 small hex digits"):
        features.put(wrong, b"x")
    with pytest.raises(BadDataError, match="64 small hex digits"):
        features.get(wrong)


# Files ----------------------------------------------------------------------------------------------------------------


def the_file(root: Path) -> Path:
    (file,) = root.glob("??/*.safetensors")
    return file


@pytest.mark.parametrize("damage", [b"", b"tensorz", b"tensors and more"])
def test_a_damaged_entry_counts_as_not_there_and_is_removed(tmp_path: Path, damage: bytes) -> None:
    features = FileFeatureStore(tmp_path, limit_bytes=1000)
    features.put(key(0), b"tensors")
    the_file(tmp_path).write_bytes(damage)
    assert features.get(key(0)) is None
    assert list(tmp_path.glob("??/*")) == []
    features.put(key(0), b"tensors")
    assert features.get(key(0)) == b"tensors"


def test_a_store_that_is_opened_again_knows_its_entries_and_their_order(tmp_path: Path) -> None:
    first = FileFeatureStore(tmp_path, limit_bytes=1000)
    for number in range(9):
        first.put(key(number), bytes([number]) * 100)
        os.utime(the_file_of(tmp_path, number), ns=(number, number))
    again = FileFeatureStore(tmp_path, limit_bytes=1000)
    assert again.get(key(0)) == bytes(100)
    again.put(key(20), bytes(150))
    assert again.get(key(1)) is None
    assert again.get(key(0)) == bytes(100)


def the_file_of(root: Path, number: int) -> Path:
    (file,) = root.glob(f"??/{key(number)}.*")
    return file


def test_what_a_killed_writer_left_is_removed_and_never_an_entry(tmp_path: Path) -> None:
    features = FileFeatureStore(tmp_path, limit_bytes=1000)
    left = tmp_path / "incoming" / f"elsewhere.1.{'0' * 32}.tmp"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert features.size_bytes() == 0
    FileFeatureStore(tmp_path, limit_bytes=1000)
    assert not left.exists()


def test_two_stores_on_one_folder_hold_the_limit_together(tmp_path: Path) -> None:
    one, other = (FileFeatureStore(tmp_path, limit_bytes=1000) for _ in range(2))
    for number in range(20):
        (one, other)[number % 2].put(key(number), bytes(100))
    one.put(key(100), bytes(900))
    assert one.size_bytes() <= 1000
    assert other.get(key(100)) == bytes(900)


def test_a_store_without_room_for_a_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="holds nothing"):
        FileFeatureStore(tmp_path, limit_bytes=0)
