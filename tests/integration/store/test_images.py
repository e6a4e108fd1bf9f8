"""Image files survive killed processes, full disks and altered bytes."""

import contextlib
import errno
import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inspect_pipeline.errors import DiskFullError, StorageError
from inspect_pipeline.store.catalog import open_catalog
from inspect_pipeline.store.durable_files import locked
from inspect_pipeline.store.images import FileImageStore
from tests.integration.store.ordinary_user import ordinary_user, read_only, readable_folder
from tests.integration.store.processes import at_once
from tests.integration.store.records import a_coil

_ADDRESS = hashlib.sha256(b"pixels").hexdigest() + ".png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "images"


def _files(root: Path) -> list[str]:
    files = (path for path in root.rglob("*") if path.is_file() and path != root / "incoming" / "lock")
    return sorted(str(path.relative_to(root)) for path in files)


def test_a_file_lies_two_folders_deep_under_its_hash_and_others_may_read_it(root: Path) -> None:
    FileImageStore(root).put(b"pixels", suffix="png")
    assert _files(root) == [f"{_ADDRESS[:2]}/{_ADDRESS[2:4]}/{_ADDRESS}"]
    assert (root / _ADDRESS[:2] / _ADDRESS[2:4] / _ADDRESS).stat().st_mode & 0o444 == 0o444


def test_known_bytes_are_not_written_again(root: Path) -> None:
    store = FileImageStore(root)
    path = root / _ADDRESS[:2] / _ADDRESS[2:4] / store.put(b"pixels", suffix="png")
    before = path.stat().st_ino
    store.put(b"pixels", suffix="png")
    assert path.stat().st_ino == before


def test_a_file_cut_short_by_a_damaged_disk_is_written_again(root: Path) -> None:
    store = FileImageStore(root)
    path = root / _ADDRESS[:2] / _ADDRESS[2:4] / store.put(b"pixels", suffix="png")
    path.write_bytes(b"pix")
    assert store.get(store.put(b"pixels", suffix="png")) == b"pixels"


def _aged(root: Path, address: str, *, days: float) -> Path:
    """Make a file look as if it was put so long ago."""
    path = root / address[:2] / address[2:4] / address
    long_ago = time.time() - days * 86400.0
    os.utime(path, (long_ago, long_ago))
    return path


def test_known_bytes_become_recent_by_a_put(root: Path) -> None:
    store = FileImageStore(root)
    path = _aged(root, store.put(b"pixels", suffix="png"), days=3.0)
    assert store.delete(store.put(b"pixels", suffix="png"), older_than_s=86400.0, now_s=time.time()) is False
    assert path.is_file()
    _aged(root, path.name, days=3.0)
    assert store.delete(path.name, older_than_s=86400.0, now_s=time.time()) is True
    assert not path.exists()


def test_files_that_are_no_images_are_neither_listed_nor_deleted(root: Path) -> None:
    store = FileImageStore(root)
    address = store.put(b"pixels", suffix="png")
    folder = root / address[:2] / address[2:4]
    (folder / "notes.txt").write_bytes(b"x")
    (root / address[:2] / address).write_bytes(b"a copy in the wrong folder")
    (root / "ff").touch()
    assert [found for found, _, _ in store.addresses()] == [address]


def _while_locked(root: Path, work: Callable[[], object], *, alone: bool) -> list[str]:
    """Return in which order a lock was left and a thread's work, started inside, was done."""
    events: list[str] = []

    def done() -> None:
        work()
        events.append("work done")

    thread = threading.Thread(target=done)
    with locked(root / "incoming" / "lock", alone=alone):
        thread.start()
        thread.join(timeout=0.05)
        events.append("lock left")
    thread.join(timeout=30.0)
    return events


def test_a_put_of_known_bytes_waits_for_a_removal_and_then_writes_them_again(root: Path) -> None:
    store = FileImageStore(root)
    path = _aged(root, store.put(b"pixels", suffix="png"), days=3.0)

    def removed_meanwhile() -> None:
        path.unlink()
        store.put(b"pixels", suffix="png")

    assert _while_locked(root, lambda: store.put(b"pixels", suffix="png"), alone=True) == ["lock left", "work done"]
    assert _while_locked(root, removed_meanwhile, alone=True) == ["lock left", "work done"]
    assert store.get(path.name) == b"pixels"


def test_a_removal_waits_for_puts_and_puts_do_not_wait_for_each_other(root: Path) -> None:
    store = FileImageStore(root)
    address = _aged(root, store.put(b"pixels", suffix="png"), days=3.0).name

    def remove() -> bool:
        return store.delete(address, older_than_s=86400.0, now_s=time.time())

    assert _while_locked(root, lambda: store.put(b"others", suffix="png"), alone=False) == ["work done", "lock left"]
    assert _while_locked(root, remove, alone=False) == ["lock left", "work done"]
    assert not store.has(address)


def test_a_file_that_a_put_found_is_never_removed_after_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileImageStore(root)
    path = _aged(root, store.put(b"pixels", suffix="png"), days=3.0)
    utime, seen = os.utime, []

    def remove_just_before(target: Path) -> None:
        thread = threading.Thread(
            target=lambda: seen.append(store.delete(path.name, older_than_s=86400.0, now_s=time.time()))
        )
        thread.start()
        thread.join(timeout=0.05)
        assert seen == []  # it waits for the put
        utime(target)
        threads.append(thread)

    threads: list[threading.Thread] = []
    monkeypatch.setattr(os, "utime", remove_just_before)
    store.put(b"pixels", suffix="png")
    threads[0].join(timeout=30.0)
    assert seen == [False]
    assert store.get(path.name) == b"pixels"


def _put_and_check(root: str, number: int) -> str:
    """Put the same old bytes over and over while the other process deletes them; return how many were lost."""
    store, lost = FileImageStore(Path(root)), 0
    for _ in range(200):
        if number == 0:
            address = store.put(b"pixels", suffix="png")
            lost += not store.has(address)
            _age_alone(Path(root), address)
        else:
            store.delete(_ADDRESS, older_than_s=86400.0, now_s=time.time())
    return str(lost)


def _age_alone(root: Path, address: str) -> None:
    with locked(root / "incoming" / "lock", alone=True), contextlib.suppress(FileNotFoundError):
        _aged(root, address, days=3.0)


def test_two_processes_that_put_and_delete_the_same_bytes_lose_none_that_was_just_put(root: Path) -> None:
    assert at_once(2, _put_and_check, str(root)) == ["0", "0"]


def test_altered_bytes_are_refused(root: Path) -> None:
    store = FileImageStore(root)
    store.put(b"pixels", suffix="png")
    (root / _ADDRESS[:2] / _ADDRESS[2:4] / _ADDRESS).write_bytes(b"pixelz")
    with pytest.raises(StorageError, match="altered"):
        store.get(_ADDRESS)


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, events = FileImageStore(root), []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append("fsync temp" if target.suffix == ".tmp" else f"fsync {target.name}")
        fsync(descriptor)

    def recorded_replace(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    store.put(b"pixels", suffix="png")
    new_folders = ["fsync images", f"fsync {_ADDRESS[:2]}"]
    assert events == [*new_folders, "fsync temp", "rename", f"fsync {_ADDRESS[2:4]}"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_disk_full_error_and_leaves_no_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = FileImageStore(root)

    def full(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("inspect_pipeline.store.durable_files.os.fsync", full)
    store_folder = root / _ADDRESS[:2] / _ADDRESS[2:4]
    store_folder.mkdir(parents=True)
    with pytest.raises(DiskFullError, match=r"no space left to write .*\.png; free some"):
        store.put(b"pixels", suffix="png")
    assert _files(root) == []


_ON_A_SMALL_DISK = """
import os, pathlib, sys
from inspect_pipeline.errors import DiskFullError
from inspect_pipeline.store.images import FileImageStore
disk = pathlib.Path(sys.argv[1])
store = FileImageStore(disk / "images")
small = store.put(b"x", suffix="png")
try:
    store.put(os.urandom(1_000_000), suffix="png")
except DiskFullError:
    assert [path.name for path in disk.rglob("*") if path.is_file() and path.name != "lock"] == [small]
    assert store.get(small) == b"x"
    print("as promised")
"""


def test_a_really_full_disk_leaves_no_file(tmp_path: Path) -> None:
    mount_and_run = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", mount_and_run, "sh", str(tmp_path), sys.executable, _ON_A_SMALL_DISK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr.strip()[:100]}")
    assert done.stdout.strip() == "as promised", done.stderr


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    with readable_folder() as folder:
        yield folder


def test_a_read_only_store_is_a_storage_error_that_says_what_to_do(shared_folder: Path) -> None:
    root = shared_folder / "images"
    store = FileImageStore(root)
    with read_only(root), pytest.raises(StorageError, match="make the folder writable"):
        store.put(b"pixels", suffix="png")
    with read_only(shared_folder), pytest.raises(StorageError, match="make the folder writable"):
        FileImageStore(shared_folder / "others")


def test_an_image_that_may_not_be_read_is_a_storage_error(shared_folder: Path) -> None:
    store = FileImageStore(shared_folder)
    path = shared_folder / _ADDRESS[:2] / _ADDRESS[2:4] / store.put(b"pixels", suffix="png")
    path.chmod(0)
    with ordinary_user(), pytest.raises(StorageError, match="cannot be read"):
        store.get(_ADDRESS)


def _leave_half_a_file(root: str) -> None:
    FileImageStore(Path(root))
    os.fsync = _die  # type: ignore[assignment]
    FileImageStore(Path(root)).put(b"pixels", suffix="png")


def _die(_descriptor: int) -> None:
    os.kill(os.getpid(), 9)


def test_what_a_killed_writer_left_is_removed_at_the_next_opening(root: Path) -> None:
    (root / _ADDRESS[:2] / _ADDRESS[2:4]).mkdir(parents=True)
    process = multiprocessing.get_context("spawn").Process(target=_leave_half_a_file, args=(str(root),))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -9
    assert [name.startswith("incoming/") for name in _files(root)] == [True]
    store = FileImageStore(root)
    assert _files(root) == []
    assert not store.has(_ADDRESS)


def test_the_file_of_a_living_writer_stays_until_it_is_old_and_other_files_always(root: Path) -> None:
    FileImageStore(root)
    other_host = root / "incoming" / f"elsewhere.1.{'0' * 32}.tmp"
    foreign = root / "incoming" / "notes.tmp"
    other_host.write_bytes(b"half")
    foreign.write_bytes(b"keep")
    FileImageStore(root)
    assert other_host.exists()
    old = time.time() - 3600
    os.utime(other_host, (old, old))
    os.utime(foreign, (old, old))
    FileImageStore(root)
    assert _files(root) == ["incoming/notes.tmp"]


def _put_the_same(root: str, _number: int) -> str:
    store = FileImageStore(Path(root))
    addresses = {store.put(bytes([each]) * 5000, suffix="png") for each in range(40)}
    return str(len(addresses))


def test_two_writers_of_the_same_images_leave_one_file_each(root: Path) -> None:
    assert at_once(2, _put_the_same, str(root)) == ["40", "40"]
    assert len(_files(root)) == 40


def test_a_full_disk_leaves_neither_file_nor_row(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, catalog = FileImageStore(root), open_catalog(f"sqlite:///{tmp_path / 'c.db'}")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def ingest() -> None:
        with catalog.transaction() as unit:
            unit.add_coil(a_coil())
            store.put(b"pixels", suffix="png")

    monkeypatch.setattr("inspect_pipeline.store.durable_files.os.fsync", full)
    with pytest.raises(DiskFullError):
        ingest()
    monkeypatch.undo()
    with catalog.transaction() as unit:
        assert unit.coils() == []
    assert _files(root) == []
    catalog.close()
