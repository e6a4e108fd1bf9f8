"""What every image store promises; the same tests on the fake and on files."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.services.ports import ImageStore
from inspect_pipeline.store.images import FileImageStore
from tests.fakes.images import InMemoryImages

_HASH = hashlib.sha256(b"pixels").hexdigest()


@pytest.fixture(params=["fake", "files"])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> ImageStore:
    return InMemoryImages() if request.param == "fake" else FileImageStore(tmp_path / "images")


def test_the_address_is_the_hash_of_the_bytes_and_the_suffix(images: ImageStore) -> None:
    assert images.put(b"pixels", suffix="png") == f"{_HASH}.png"
    assert images.get(f"{_HASH}.png") == b"pixels"
    assert images.has(f"{_HASH}.png")


@given(content=st.binary(max_size=300))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_come_back_as_they_were(images: ImageStore, content: bytes) -> None:
    assert images.get(images.put(content, suffix="bin")) == content


def test_the_same_bytes_have_the_same_address(images: ImageStore) -> None:
    assert images.put(b"x", suffix="png") == images.put(b"x", suffix="png")
    assert images.put(b"x", suffix="png") != images.put(b"x", suffix="tif")


@pytest.mark.parametrize("suffix", ["", ".png", "p/g", "..", "png\n", "PNG", "ü", "averylongsuffix", "a b"])
def test_a_suffix_that_is_not_small_letters_and_digits_is_refused(images: ImageStore, suffix: str) -> None:
    with pytest.raises(BadDataError, match="suffix"):
        images.put(b"x", suffix=suffix)


@pytest.mark.parametrize(
    "address",
    ["", f"{_HASH}.png", f"{_HASH}", "../../../etc/passwd", f"{_HASH}.png\n", f"{_HASH}.p/../x", "/etc/passwd"],
)
def test_what_is_not_there_is_not_found(images: ImageStore, address: str) -> None:
    assert not images.has(address)
    with pytest.raises(NotFoundError):
        images.get(address)
