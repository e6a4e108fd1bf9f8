"""Detection measured through the house: a folder on disk, the frozen backbone, then an initialization in force."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.studies import frozen_backbone
from inspect_pipeline.cli.documents import document_of
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.settings import load_settings

DIMS = 464  # of a dense descriptor: two scales


def folder(root: Path) -> Path:
    """30 good pictures and 16 with a faint streak, each a series of its own as groups.csv says."""
    generator = np.random.default_rng(0)
    rows = ["image,group"]
    for name, count in (("good", 30), ("streak", 16)):
        (root / "images" / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.normal(150, 12, size=(96, 96))
            if name == "streak":
                pixels[40:52, 20:76] -= 6
            key = f"images/{name}/{number:02}.png"
            assert cv2.imwrite(str(root / key), np.clip(pixels, 0, 255).astype(np.uint8))
            rows.append(f"{key},{name}-{number}")
    (root / "groups.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def in_force(house: House, *, families: tuple[str, ...], prior: DifferencePrior | None) -> str:
    backbone = frozen_backbone(house)
    start = replace(
        frozen_start(backbone, method="ridge"), families=families, dense={} if prior is None else prior.tensors()
    )
    version = house.registry.register("initialization.default", start.to_bundle({"seed": 0}), tags={})
    house.registry.set_alias("initialization.default", CHAMPION, version)
    return version


def test_the_default_initialization_is_measured_with_its_prior_and_says_what_it_has_seen(tmp_path: Path) -> None:
    data = folder(tmp_path / "strip")
    settings = load_settings(tmp_path / "workspace", folder=None, environment={})
    with open_house(settings) as house:
        frozen = house.evaluate_detection(data, shot=3, normals=8, draws=2)
        assert (frozen.model, frozen.seen, frozen.images) == (None, (), 46)
        assert set(frozen.per_type) == {"strip/streak"}
        assert frozen.per_type["strip/streak"]["test_normals"] == 22

        first = in_force(house, families=("strip", "brass"), prior=None)
        plain = house.evaluate_detection(data, shot=3, normals=8, draws=2)
        assert (plain.model, plain.seen) == (f"initialization.default@{first}", ("strip",))
        assert replace(plain, model=None, seen=()) == frozen

        known = torch.linspace(0.01, 1.99, DIMS, dtype=torch.float64)
        prior = DifferencePrior(
            covariance=torch.diag(known), scatter=torch.eye(DIMS, dtype=torch.float64), strength=10.0
        )
        second = in_force(house, families=("brass",), prior=prior)
        led = house.evaluate_detection(data, shot=3, normals=8, draws=2)
        assert (led.model, led.seen) == (f"initialization.default@{second}", ())
        assert led.baselines["type_channel_only"] != plain.baselines["type_channel_only"]
        assert led.baselines["nearest_prototype"]["image_auroc"] == plain.baselines["nearest_prototype"]["image_auroc"]

        named = house.evaluate_detection(data, shot=3, normals=8, draws=2, model=f"initialization.default@{first}")
        assert named == plain


def test_an_initialization_is_compared_with_the_frozen_backbone_on_the_same_draws(tmp_path: Path) -> None:
    data = folder(tmp_path / "strip")
    settings = load_settings(tmp_path / "workspace", folder=None, environment={})
    with open_house(settings) as house:
        with pytest.raises(NotFoundError, match="no initialization is in force"):
            house.compare_detection(data, shots=(1, 3), normals=8, draws=2)
        known = torch.linspace(0.01, 1.99, DIMS, dtype=torch.float64)
        prior = DifferencePrior(
            covariance=torch.diag(known), scatter=torch.eye(DIMS, dtype=torch.float64), strength=10.0
        )
        version = in_force(house, families=("brass",), prior=prior)
        found = house.compare_detection(data, shots=(1, 3), normals=8, draws=2)
        frozen = house.evaluate_detection(data, shot=3, normals=8, draws=2, model=f"initialization.default@{version}")
    assert (found.model, found.against, found.seen) == (f"initialization.default@{version}", "frozen", ())
    assert [point["shot"] for point in found.points] == [1, 3]
    led = found.points[1]["figures"]["image_auroc"]
    assert led["model"]["value"] == frozen.image_auroc  # the largest point is the draw of these numbers
    assert led["difference"]["value"] == pytest.approx(led["model"]["value"] - led["against"]["value"])
    assert found.points[1]["figures"]["type_channel_auroc"]["difference"]["value"] != 0.0


def test_curves_the_slow_baseline_and_the_page_come_through_the_house(tmp_path: Path) -> None:
    data = folder(tmp_path / "strip")
    settings = load_settings(tmp_path / "workspace", folder=None, environment={})
    with open_house(settings) as house:
        found = house.evaluate_detection(
            data, shot=2, normals=6, draws=1, curve_shots=(1, 2), curve_normals=(4, 99), fine_tuned=True
        )
        page = house.detection_page(
            document_of(found), data=data, command="evaluate --draws 2", out=tmp_path / "page.html"
        )
    assert found.curves is not None
    assert [point["shot"] for point in found.curves["shots"]["points"]] == [1, 2]
    assert [point["normals"] for point in found.curves["normals"]["points"]] == [4]
    assert any("99 are asked for" in reason for reason in found.refused)
    assert 0.0 <= found.baselines["fine_tuned"]["image_auroc"] <= 1.0
    assert "fine_tuned" not in found.curves["shots"]["points"][0]["baselines"]
    html = page.read_text(encoding="utf-8")
    assert all(words in html for words in ("evaluate --draws 2", "fine tuned", found.fingerprint, "strip/streak"))
