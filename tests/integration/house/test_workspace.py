"""The house on disk without a registry: whose coils they are, what is reserved, what a data folder becomes."""

import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inspect_pipeline.bootstrap.doctor import network
from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.samples import take_in
from inspect_pipeline.domain.labels import LabelKind, LabelRole, in_force
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError, StorageError
from inspect_pipeline.imaging.painting import paint
from inspect_pipeline.services.folder_split import SplitSettings
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.services.withdrawing import Withdrawing
from inspect_pipeline.settings import BackboneSettings, Settings, StoreSettings

SIDE_PX = 64


def opened(workspace: Path) -> House:
    split = SplitSettings(shots=3, teach_normals=6, min_normals=4, min_held_out=2, history_per_class=4)
    return open_house(Settings(workspace=workspace, demo=split))


def texture(seed: int) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(140, 10, (SIDE_PX, SIDE_PX)), 0, 255).astype(np.uint8)


def write_images(folder: Path, count: int, *, kind: str | None = None, masks: Path | None = None) -> Path:
    """Write images, one defect painted on each where a kind is named, and where asked the masks beside them."""
    for each in (folder, masks):
        if each is not None:
            each.mkdir(parents=True)
    for number in range(count):
        pixels = texture(zlib.crc32(str(folder.parent.parent.name + folder.name).encode()) + number)
        if kind is not None:
            generator = np.random.default_rng(number)
            pixels, mask = paint(kind, pixels, generator=generator, strength=1.0)
            if masks is not None:
                cv2.imwrite(str(masks / f"{number}.png"), mask.astype(np.uint8) * 255)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return folder


@pytest.fixture
def families(tmp_path: Path) -> Path:
    """Two families of painted images in the layout of a user's folder, 60 in all."""
    root = tmp_path / "data"
    write_images(root / "steel" / "images" / "good", 20)
    write_images(root / "steel" / "images" / "scratch", 14, kind="scratch", masks=root / "steel" / "masks" / "scratch")
    write_images(root / "cloth" / "images" / "good", 10)
    write_images(root / "cloth" / "images" / "stain", 8, kind="stain")
    write_images(root / "cloth" / "images" / "pinhole", 8, kind="pinhole")
    return root


def taught_samples(house: House, tmp_path: Path, *, line: str = "strip") -> None:
    samples = write_images(tmp_path / f"samples {line}", 3, kind="scratch")
    take_in(
        house,
        "scratch",
        samples=samples,
        labels=None,
        normals=None,
        line=line,
        recipe="default",
        operator="test",
    )


def test_taught_samples_are_kept_but_are_no_coil_of_the_line(tmp_path: Path) -> None:
    with opened(tmp_path / "workspace") as house:
        house.ingest(str(write_images(tmp_path / "coil-7", 2)), line="strip")
        taught_samples(house, tmp_path)
        taught_samples(house, tmp_path, line="new")
        assert [coil.id for coil in house.coils()] == ["coil-7"]
        assert house.lines() == [("new", "default"), ("strip", "default")]
        with house.catalog.transaction() as unit:
            assert len(unit.frames("samples of strip")) == 3
            assert {label.role for label in unit.labels(line="strip")} == {LabelRole.SUPPORT}
        assert house.unused_labels("new") == 3


def test_a_coil_cannot_be_called_like_taught_samples(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "samples of strip", 2)
    with opened(tmp_path / "workspace") as house:
        for name in (None, "samples of x"):
            with pytest.raises(BadDataError, match="kept for taught samples, which are not judged; give another one"):
                house.ingest(str(folder), coil=name)
        assert house.ingest(str(folder), coil="coil-8").new == 2


def test_the_same_samples_given_twice_are_taken_in_once(tmp_path: Path) -> None:
    samples = write_images(tmp_path / "scratches", 3, kind="scratch")
    with opened(tmp_path / "workspace") as house:
        summaries = [
            take_in(
                house,
                "scratch",
                samples=samples,
                labels=None,
                normals=None,
                line="strip",
                recipe="default",
                operator=name,
            )
            for name in ("first", "second")
        ]
    assert [(summary.new, summary.labels) for summary in summaries] == [(3, 3), (0, 0)]


def test_withdrawn_samples_that_are_given_again_are_in_force_again_and_keep_their_measures(tmp_path: Path) -> None:
    samples = write_images(tmp_path / "scratches", 3, kind="scratch")
    with opened(tmp_path / "workspace") as house:
        taken_in(house, samples)
        work = Withdrawing(catalog=house.catalog, clock=house.clock)
        work.withdraw("strip", "scratch", operator="night shift")
        with house.catalog.transaction() as unit:
            assert in_force(unit.labels(line="strip"), role=LabelRole.SUPPORT) == []
        taken_in(house, samples)
        with house.catalog.transaction() as unit:
            again = in_force(unit.labels(line="strip"), role=LabelRole.SUPPORT)
            frames = unit.frames("samples of strip")
        assert [label.defect_type for label in again] == ["scratch"] * 3
        assert all(frame.measures is not None and (frame.measures.focus or 0.0) > 0.0 for frame in frames)


def test_samples_of_a_retired_type_are_refused_before_anything_is_taken_in(tmp_path: Path) -> None:
    samples = write_images(tmp_path / "scratches", 3, kind="scratch")
    with opened(tmp_path / "workspace") as house:
        with house.catalog.transaction() as unit:
            unit.put_type("strip", DefectType(name="scratch", life_cycle=LifeCycle.RETIRED))
        with pytest.raises(RefusedError, match="types restore"):
            taken_in(house, samples)
        with house.catalog.transaction() as unit:
            assert unit.coil("samples of strip") is None
        house.types.restore("strip", "scratch", operator="a", reason="b")
        assert taken_in(house, samples).labels == 3


def test_a_sample_that_cannot_be_read_is_said_and_nothing_is_taken_in(tmp_path: Path) -> None:
    samples = write_images(tmp_path / "scratches", 2, kind="scratch")
    good = (samples / "0.png").read_bytes()
    (samples / "torn.png").write_bytes(good[:200])
    with opened(tmp_path / "workspace") as house:
        with pytest.raises(BadDataError, match=r"1 of 3 images cannot teach: samples/torn\.png: .*truncated"):
            taken_in(house, samples)
        with house.catalog.transaction() as unit:
            assert (unit.labels(), unit.coil("samples of strip")) == ([], None)
        (samples / "torn.png").write_bytes(good)
        assert taken_in(house, samples).labels == 3


def test_files_of_one_name_keep_what_their_own_folder_says(tmp_path: Path) -> None:
    samples = write_images(tmp_path / "new", 3, kind="scratch")
    normals = write_images(tmp_path / "good", 20)
    with opened(tmp_path / "workspace") as house:
        taken_in(house, samples, normals=normals)
        with house.catalog.transaction() as unit:
            frames = {frame.id: frame.source for frame in unit.frames("samples of strip")}
            said = {frames[label.region.frame]: label.defect_type for label in unit.labels()}
    assert said == {f"samples/{n}.png": "scratch" for n in range(3)} | {f"normals/{n}.png": None for n in range(20)}


def taken_in(house: House, samples: Path, *, normals: Path | None = None) -> IngestSummary:
    return take_in(
        house,
        "scratch",
        samples=samples,
        labels=None,
        normals=normals,
        line="strip",
        recipe="default",
        operator="test",
    )


def test_a_second_seed_in_one_workspace_never_judges_what_the_first_one_taught(families: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "workspace") as house:
        for coil in (first := house.demo.plan(families)).coils:
            house.demo.ingest(first, coil.id)
        second = house.demo.plan(families, seed=1)
        assert second.line != first.line
        with pytest.raises(BadDataError, match=r"held-out images were taught or trained on .* new workspace"):
            for coil in second.coils:
                house.demo.ingest(second, coil.id)


def test_a_users_folder_becomes_history_teaching_and_held_out_coils(families: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "workspace") as house:
        plan = house.demo.plan(families)
        assert (plan.line, plan.new_type, plan.simulated) == ("steel", "scratch", ())
        assert plan.held_out == ("steel-held-out",)
        first = {coil.id: house.demo.ingest(plan, coil.id) for coil in plan.coils}
        second = {coil.id: house.demo.ingest(plan, coil.id) for coil in plan.coils}
        with house.catalog.transaction() as unit:
            labels = {coil: unit.labels(coil=coil) for coil in first}
            sources = {coil: {frame.source for frame in unit.frames(coil)} for coil in first}
    assert set(first) == {"cloth-history", "steel-teach", "steel-held-out"}
    assert all(summary.nothing_new for summary in second.values())
    assert {(coil, label.role) for coil, found in labels.items() for label in found} == {
        ("cloth-history", LabelRole.HISTORY),
        ("steel-teach", LabelRole.SUPPORT),
        ("steel-held-out", LabelRole.HELD_OUT),
    }
    assert not sources["steel-teach"] & sources["steel-held-out"]
    drawn = [label for label in labels["steel-teach"] if label.kind is LabelKind.DEFECT]
    assert (len(drawn), all(label.region.mask for label in drawn)) == (3, True)
    assert {label.defect_type for label in labels["cloth-history"]} == {None, "stain", "pinhole"}


def test_a_coil_that_is_not_planned_is_not_found(families: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "workspace") as house, pytest.raises(NotFoundError, match="'coil-9' is not in the demo"):
        house.demo.ingest(house.demo.plan(families), "coil-9")


def test_a_workspace_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "workspace").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot be made .* choose one that can be written with --workspace"):
        opened(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("settings", "ok", "told"),
    [
        ({}, True, "none needed"),
        ({"stores": StoreSettings(mlflow_uri="http://127.0.0.1:5000")}, True, "configured servers only: mlflow"),
        ({"backbone": BackboneSettings(weights="hub:timm/some.model", sha256="0" * 64)}, False, "hub:timm/some.model"),
    ],
)
def test_the_doctor_says_what_network_the_settings_need(
    settings: dict[str, Any], ok: bool, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    check = network(Settings(workspace=tmp_path, **settings))
    assert (check.ok, told in check.detail) == (ok, True)
