"""A model travels as one file; anything but the whole, unaltered file is refused."""

import errno
import hashlib
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.records import ModelVersion
from inspect_pipeline.errors import BadDataError, DiskFullError, NotFoundError, StorageError
from inspect_pipeline.store import bundles
from inspect_pipeline.store.bundles import export_bundle, import_bundle
from tests.integration.store.models import a_bundle
from tests.integration.store.records import NOON

VERSION = ModelVersion(
    model="initialization.Öfen 1",
    version="4",
    created_at=NOON,
    aliases=("champion", "previous"),
    tags={"data": "ü", "bundle_sha256": a_bundle().sha256},
    run="abc",
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    export_bundle(tmp_path / "model.zip", version=VERSION, bundle=a_bundle())
    return tmp_path / "model.zip"


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rewrite(path: Path, members: dict[str, bytes], *, how: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_model_comes_back_with_its_lineage(exported: Path) -> None:
    version, bundle = import_bundle(exported)
    assert version == VERSION
    assert bundle.manifest_bytes() == a_bundle().manifest_bytes()
    assert bundle.tensors == a_bundle().tensors
    assert bundle.kind is ModelKind.DETECTOR


def test_the_file_is_a_plain_zip_that_any_tool_lists_and_the_same_each_time(exported: Path, tmp_path: Path) -> None:
    assert sorted(_members(exported)) == ["bundle.json", "lineage.json", "weights.safetensors"]
    export_bundle(tmp_path / "again.zip", version=VERSION, bundle=a_bundle())
    assert (tmp_path / "again.zip").read_bytes() == exported.read_bytes()


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors"])
def test_an_altered_member_is_refused_by_name(exported: Path, name: str) -> None:
    members = _members(exported)
    _rewrite(exported, members | {name: members[name].replace(b"s", b"t", 1)})
    with pytest.raises(BadDataError, match=f"{name} was altered"):
        import_bundle(exported)


def test_tensors_swapped_together_with_their_hash_in_the_lineage_are_refused_too(exported: Path) -> None:
    members, other = _members(exported), a_bundle(weight=2.0).tensors
    lineage = json.loads(members["lineage.json"])
    lineage["sha256"]["weights.safetensors"] = hashlib.sha256(other).hexdigest()
    _rewrite(exported, members | {"weights.safetensors": other, "lineage.json": json.dumps(lineage).encode()})
    with pytest.raises(BadDataError, match="tensors have hash"):
        import_bundle(exported)


@pytest.mark.parametrize("name", ["../../evil.py", "/etc/evil", "readme.txt", "bundle.json/../x"])
def test_a_member_of_another_name_is_refused_and_nothing_is_unpacked(exported: Path, name: str) -> None:
    _rewrite(exported, _members(exported) | {name: b"x"})
    before = sorted(exported.parent.rglob("*"))
    with pytest.raises(BadDataError, match="strange member"):
        import_bundle(exported)
    assert sorted(exported.parent.rglob("*")) == before


def test_a_missing_or_doubled_member_is_refused(exported: Path) -> None:
    members = _members(exported)
    _rewrite(exported, {name: members[name] for name in members if name != "lineage.json"})
    with pytest.raises(BadDataError, match="holds exactly"):
        import_bundle(exported)
    _rewrite(exported, members)
    with zipfile.ZipFile(exported, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("bundle.json", members["bundle.json"])
    with pytest.raises(BadDataError, match="holds exactly"):
        import_bundle(exported)


def test_an_oversize_member_is_refused_before_it_is_read(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundles._LARGEST_BYTES, "weights.safetensors", 10)
    with pytest.raises(BadDataError, match=r"weights\.safetensors is larger than"):
        import_bundle(exported)


def test_a_compressed_member_is_refused_since_it_may_be_a_bomb(exported: Path) -> None:
    _rewrite(exported, _members(exported), how=zipfile.ZIP_DEFLATED)
    with pytest.raises(BadDataError, match="compressed"):
        import_bundle(exported)


def test_a_file_cut_short_or_of_another_kind_is_refused(exported: Path) -> None:
    exported.write_bytes(exported.read_bytes()[:-30])
    with pytest.raises(BadDataError, match="no whole bundle file"):
        import_bundle(exported)
    exported.write_text("hello")
    with pytest.raises(BadDataError, match="no whole bundle file"):
        import_bundle(exported)


def test_a_flipped_bit_is_refused(exported: Path) -> None:
    content = bytearray(exported.read_bytes())
    content[content.index(a_bundle().tensors) + len(a_bundle().tensors) - 1] ^= 1
    exported.write_bytes(content)
    with pytest.raises(BadDataError, match="CRC"):
        import_bundle(exported)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": 2}, "format 2"),
        ({"aliases": [1]}, "is no text"),
        ({"created_at": "2024-01-01T00:00:00"}, "no time zone"),
        ({"tags": []}, "cannot be read"),
        ({"sha256": {}}, "was altered"),
    ],
)
def test_a_lineage_that_makes_no_sense_is_refused(exported: Path, change: dict[str, object], match: str) -> None:
    members = _members(exported)
    lineage = json.dumps(json.loads(members["lineage.json"]) | change).encode()
    _rewrite(exported, members | {"lineage.json": lineage})
    with pytest.raises(BadDataError, match=match):
        import_bundle(exported)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.zip"):
        import_bundle(tmp_path / "gone.zip")
    with pytest.raises(StorageError, match="No such file"):
        export_bundle(tmp_path / "no" / "model.zip", version=VERSION, bundle=a_bundle())


def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = exported.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("inspect_pipeline.store.durable_files.os.fsync", full)
    with pytest.raises(DiskFullError):
        export_bundle(exported, version=replace(VERSION, version="5"), bundle=a_bundle(weight=2.0))
    assert exported.read_bytes() == before
    assert list(exported.parent.iterdir()) == [exported]


def test_a_bundle_that_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    broken = Bundle(kind=ModelKind.DETECTOR, manifest={}, tensors=b"\xff" * 20)
    export_bundle(tmp_path / "b.zip", version=VERSION, bundle=broken)
    with pytest.raises(BadDataError, match="no safetensors file"):
        import_bundle(tmp_path / "b.zip")
