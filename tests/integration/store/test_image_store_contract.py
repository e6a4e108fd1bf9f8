"""What every image store promises; the same tests on the fake, files, fsspec's memory and the S3 protocol."""

import hashlib
import time
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.services.ports import ImageStore
from inspect_pipeline.services.retention import PrunableImages
from inspect_pipeline.store.image_stores import open_image_store
from tests.fakes.images import InMemoryImages

_HASH = hashlib.sha256(b"pixels").hexdigest()
_DAY_S = 86400.0
S3 = pytest.param("s3", marks=pytest.mark.required_in_ci)


class _Store(ImageStore, PrunableImages):
    """What the contract needs of a store; never made."""


@pytest.fixture(params=["fake", "files", "memory", S3])
def images(request: pytest.FixtureRequest) -> object:
    """An empty store of each kind."""
    if request.param == "fake":
        return InMemoryImages()
    if request.param == "files":
        return open_image_store(str(request.getfixturevalue("tmp_path") / "images"))
    if request.param == "memory":
        return open_image_store(f"memory://{uuid4().hex}/images")
    return open_image_store(f"s3://{request.getfixturevalue('s3_bucket')}/line 1/images")


def test_the_address_is_the_hash_of_the_bytes_and_the_suffix(images: _Store) -> None:
    assert images.put(b"pixels", suffix="png") == f"{_HASH}.png"
    assert images.get(f"{_HASH}.png") == b"pixels"
    assert images.has(f"{_HASH}.png")
    assert images.size_bytes(f"{_HASH}.png") == 6


@given(content=st.binary(max_size=300))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_come_back_as_they_were(images: _Store, content: bytes) -> None:
    assert images.get(images.put(content, suffix="bin")) == content


def test_arrays_and_buffers_are_stored_as_their_bytes(images: _Store) -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6)
    address = images.put(memoryview(pixels), suffix="raw")
    assert images.get(address) == pixels.tobytes()
    assert images.put(bytearray(pixels.tobytes()), suffix="raw") == address
    assert images.get(images.put(memoryview(np.zeros((0, 3), np.uint8)), suffix="raw")) == b""
    with pytest.raises(BadDataError, match="contiguous"):
        images.put(memoryview(pixels[:, ::2]), suffix="raw")


def test_the_same_bytes_have_the_same_address(images: _Store) -> None:
    assert images.put(b"x", suffix="png") == images.put(b"x", suffix="png")
    assert images.put(b"x", suffix="png") != images.put(b"x", suffix="tif")


@pytest.mark.parametrize("suffix", ["", ".png", "p/g", "..", "png\n", "PNG", "ü", "averylongsuffix", "a b"])
def test_a_suffix_that_is_not_small_letters_and_digits_is_refused(images: _Store, suffix: str) -> None:
    with pytest.raises(BadDataError, match="suffix"):
        images.put(b"x", suffix=suffix)


@pytest.mark.parametrize(
    "address",
    ["", f"{_HASH}.png", f"{_HASH}", "../../../etc/passwd", f"{_HASH}.png\n", f"{_HASH}.p/../x", "/etc/passwd"],
)
def test_what_is_not_there_is_not_found(images: _Store, address: str) -> None:
    assert not images.has(address)
    assert images.size_bytes(address) is None
    assert not images.delete(address, older_than_s=0.0, now_s=time.time() + _DAY_S)
    with pytest.raises(NotFoundError):
        images.get(address)


def test_every_image_is_listed_with_its_size_and_time(images: _Store) -> None:
    before = time.time()
    addresses = {images.put(bytes([number]) * (number + 1), suffix="png"): number + 1 for number in range(20)}
    found = list(images.addresses())
    assert [(address, size) for address, size, _ in found] == sorted(addresses.items())
    assert all(before - 2.0 < put_at_s < time.time() + 2.0 for _, _, put_at_s in found)


def test_an_empty_store_lists_nothing(images: _Store) -> None:
    assert list(images.addresses()) == []


def test_only_an_image_that_is_old_enough_is_deleted(images: _Store) -> None:
    address, other = images.put(b"pixels", suffix="png"), images.put(b"others", suffix="png")
    assert not images.delete(address, older_than_s=2 * _DAY_S, now_s=time.time() + _DAY_S)
    assert images.has(address)
    assert images.delete(address, older_than_s=_DAY_S / 2, now_s=time.time() + _DAY_S)
    assert not images.has(address)
    assert not images.delete(address, older_than_s=0.0, now_s=time.time() + _DAY_S)
    assert [found for found, _, _ in images.addresses()] == [other]
    assert images.put(b"pixels", suffix="png") == address
    assert images.get(address) == b"pixels"


def test_derived_bytes_are_stored_as_any_others(images: _Store) -> None:
    address = images.put(b"a thumbnail", suffix="png", derived=True)
    assert address == images.put(b"a thumbnail", suffix="png")
    assert images.get(address) == b"a thumbnail"
