"""Images in object stores: altered objects, missing buckets, refused credentials, broken networks, killed writers."""

import errno
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from inspect_pipeline.errors import AlteredError, ConfigError, DiskFullError, NotFoundError, StorageError
from inspect_pipeline.store.addresses import place_of
from inspect_pipeline.store.image_stores import open_image_store
from inspect_pipeline.store.images import FileImageStore
from inspect_pipeline.store.object_images import LEFTOVER_AGE_S, REFRESH_AFTER_S, ObjectImageStore
from tests.integration.store.s3_server import S3Server

S3 = pytest.param("s3", marks=pytest.mark.required_in_ci)
_DAY_S = 86400.0


@pytest.fixture(params=["memory", S3])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return f"memory://{uuid4().hex}/images"
    return f"s3://{request.getfixturevalue('s3_bucket')}/images"


def raw(url: str, address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the file system behind a store and the key of an image."""
    fs, root = fsspec.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    return fs, f"{root}/{place_of(address)}"


def test_an_altered_object_is_refused(url: str) -> None:
    store = ObjectImageStore(url)
    address = store.put(b"pixels", suffix="png")
    fs, key = raw(url, address)
    fs.pipe_file(key, b"pixelz")
    with pytest.raises(AlteredError, match=f"{address} was altered"):
        store.get(address)


def test_an_object_of_the_wrong_size_is_written_again(url: str) -> None:
    store = ObjectImageStore(url)
    address = store.put(b"pixels", suffix="png")
    fs, key = raw(url, address)
    fs.pipe_file(key, b"pix")
    assert store.get(store.put(b"pixels", suffix="png")) == b"pixels"


def test_known_bytes_are_written_again_only_when_they_were_put_long_ago(url: str) -> None:
    address = ObjectImageStore(url).put(b"pixels", suffix="png")
    fs, key = raw(url, address)
    fs.pipe_file(key, b"pixelz")  # of the same size, so that a second write shows
    lately = ObjectImageStore(url, now_s=lambda: time.time() + REFRESH_AFTER_S - 60.0)
    lately.put(b"pixels", suffix="png")
    assert fs.cat_file(key) == b"pixelz"
    much_later = ObjectImageStore(url, now_s=lambda: time.time() + REFRESH_AFTER_S + 60.0)
    much_later.put(b"pixels", suffix="png")
    assert fs.cat_file(key) == b"pixels"


def test_what_is_no_image_is_not_listed(url: str) -> None:
    store = ObjectImageStore(url)
    address = store.put(b"pixels", suffix="png")
    fs, key = raw(url, address)
    folder, _, name = key.rpartition("/")
    for other in (f"{folder}/notes.txt", f"{folder}/deeper/{name}", f"{folder.rpartition('/')[0]}/{name}"):
        fs.pipe_file(other, b"x")
    assert [found for found, _, _ in store.addresses()] == [address]


def test_a_folder_is_laid_out_like_a_bucket(tmp_path: Path) -> None:
    address = FileImageStore(tmp_path / "images").put(b"pixels", suffix="png")
    store = ObjectImageStore(f"local://{tmp_path}/images")
    assert store.get(address) == b"pixels"
    other = store.put(b"others", suffix="png")
    assert FileImageStore(tmp_path / "images").get(other) == b"others"
    assert [found for found, _, _ in store.addresses()] == sorted([address, other])


@pytest.mark.required_in_ci
def test_a_missing_bucket_is_an_error_and_not_a_missing_image(s3_environment: S3Server) -> None:
    store = open_image_store(f"s3://no-bucket-{uuid4().hex}/images")
    address = "0" * 64 + ".png"
    asked: list[Callable[[], object]] = [
        lambda: store.put(b"pixels", suffix="png"),
        lambda: store.get(address),
        lambda: store.has(address),
        lambda: list(store.addresses()),
    ]
    for ask in asked:
        with pytest.raises(StorageError, match=r"no such bucket|create the bucket") as caught:
            ask()
        assert not isinstance(caught.value, NotFoundError)
        assert "\n" not in str(caught.value)


@pytest.fixture
def strict_server(s3_server: S3Server) -> Iterator[S3Server]:
    yield s3_server
    s3_server.check_credentials_after(float("inf"))


@pytest.mark.required_in_ci
def test_wrong_credentials_are_refused_in_one_line_without_them(s3_bucket: str, strict_server: S3Server) -> None:
    store = open_image_store(f"s3://{s3_bucket}/images")
    address = store.put(b"pixels", suffix="png")
    strict_server.check_credentials_after(0)
    for ask in (lambda: store.put(b"x", suffix="png"), lambda: store.get(address), lambda: list(store.addresses())):
        with pytest.raises(StorageError, match=r"refused .*check the credentials in the environment") as caught:
            ask()
        assert "top-secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.required_in_ci
def test_no_credentials_at_all_are_told(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageError, match="Unable to locate credentials"):
        open_image_store(f"s3://{s3_bucket}/images").put(b"x", suffix="png")


@pytest.mark.required_in_ci
def test_a_server_that_is_not_there_is_a_storage_error(
    s3_environment: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        store = open_image_store("s3://bucket/images")
        with pytest.raises(StorageError, match=r"s3://bucket/images failed \(Could not connect") as caught:
            store.put(b"x", suffix="png")
    assert "\n" not in str(caught.value)


class _Flaky:
    """Fails so many times, then does what it stands for."""

    def __init__(self, action: Callable[..., object], *, failures: int, error: OSError) -> None:
        self.action, self.left, self.error, self.calls = action, failures, error, 0

    def __call__(self, *args: object) -> object:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return self.action(*args)


def _flaky_store(monkeypatch: pytest.MonkeyPatch, *, failures: int, code: int) -> tuple[ObjectImageStore, list[float]]:
    waits: list[float] = []
    store = ObjectImageStore(f"memory://{uuid4().hex}/images", sleep=waits.append)
    flaky = _Flaky(store._fs.pipe_file, failures=failures, error=OSError(code, "it broke"))
    monkeypatch.setattr(store._fs, "pipe_file", flaky)
    return store, waits


def test_a_transient_error_is_tried_again_with_longer_and_longer_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    store, waits = _flaky_store(monkeypatch, failures=3, code=errno.ECONNRESET)
    assert store.get(store.put(b"pixels", suffix="png")) == b"pixels"
    assert waits == sorted(set(waits))
    assert len(waits) == 3


def test_the_tries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    store, waits = _flaky_store(monkeypatch, failures=100, code=errno.ETIMEDOUT)
    with pytest.raises(StorageError, match="it broke"):
        store.put(b"pixels", suffix="png")
    assert len(waits) == 3


def test_an_error_that_stays_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store, waits = _flaky_store(monkeypatch, failures=1, code=errno.ENOSPC)
    with pytest.raises(DiskFullError, match="no space left in memory://"):
        store.put(b"pixels", suffix="png")
    assert waits == []


def test_a_writer_killed_before_the_move_leaves_no_image_and_its_rest_is_removed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"memory://{uuid4().hex}/images"
    store = ObjectImageStore(url)

    def killed(_from: str, _to: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store._fs, "mv", killed)
        with pytest.raises(KeyboardInterrupt):
            store.put(b"pixels", suffix="png")
    fs, root = fsspec.url_to_fs(url)
    assert list(store.addresses()) == []
    assert len(fs.find(f"{root}/incoming")) == 1
    ObjectImageStore(url)
    assert len(fs.find(f"{root}/incoming")) == 1
    ObjectImageStore(url, now_s=lambda: time.time() + LEFTOVER_AGE_S + 60.0)
    assert fs.find(f"{root}/incoming") == []


@pytest.mark.parametrize(
    "url",
    ["s3://KEY:top-secret@bucket/images", "sftp://me:top-secret@host/images", "s3://KEY:top/secret@bucket"],
)
def test_a_url_that_holds_a_secret_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="no password or key") as caught:
        open_image_store(url)
    assert "secret" not in str(caught.value)
    assert "KEY" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nosuch://bucket/images", "nosuch:// is no known kind"),
        ("s3://", "names no bucket"),
        ("memory://", "names no bucket"),
        ("simplecache::s3://bucket", "is no URL of an image store"),
        ("s3://bucket/images?versionId=3", "is no URL of an image store"),
        ("gs://bucket/images", "gs:// needs a package that is not installed"),
        ("file://elsewhere/images", "names no folder of this machine"),
        ("file:///", "names no folder of this machine"),
        ("", "has no address"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_says_what_to_write(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        open_image_store(url)


def test_a_path_and_a_file_url_are_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "the images"
    address = open_image_store(str(folder)).put(b"pixels", suffix="png")
    by_url = open_image_store(folder.as_uri())
    assert isinstance(by_url, FileImageStore)
    assert by_url.get(address) == b"pixels"


def test_a_removal_waits_for_the_grace_period_after_a_second_put(url: str) -> None:
    now_s = time.time() + 10 * _DAY_S
    store = ObjectImageStore(url, now_s=lambda: now_s)
    address = store.put(b"pixels", suffix="png")
    assert not store.delete(address, older_than_s=11 * _DAY_S, now_s=now_s)
    assert store.delete(address, older_than_s=_DAY_S, now_s=now_s)
    assert not store.has(address)
