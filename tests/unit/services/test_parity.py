"""The configured runtime beside torch on a line's frames, and a gate that refuses a runtime that is bad only there."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.parity import ParityRules
from inspect_pipeline.errors import NotFoundError, RefusedError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.stitching import describe_tile
from inspect_pipeline.services.calibrating import calibration_tiles, good_images
from inspect_pipeline.services.gate_trial import GateTrials
from inspect_pipeline.services.models import Models
from inspect_pipeline.services.parity import Parities

from .plant import BAR, COIL, DETECTOR, LINE, NOON, Plant, Ticking, picture, silent

RULES = ParityRules(min_frames=3, frames=6)


@dataclass
class Bent:
    """A runtime that gives torch's descriptors times a factor, and in a batch those of the second tile shifted."""

    name: str
    backbone: Backbone
    factor: float = 1.0
    shift: float = 0.0

    def describe(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = describe_tile(self.backbone, torch.from_numpy(tiles)).numpy() * np.float32(
            self.factor
        )
        found[1:] += np.float32(self.shift)
        return found


def bent(
    backbone: Backbone, name: str, *, factor: float = 1.0, shift: float = 0.0
) -> Callable[[Detector, Bundle], Detector]:
    def equip(detector: Detector, _bundle: Bundle) -> Detector:
        detector.backbone.runner = Bent(name, backbone, factor, shift)
        return detector

    return equip


def parities(plant: Plant, equip: Callable[[Detector, Bundle], Detector], rules: ParityRules = RULES) -> Parities:
    return Parities(catalog=plant.catalog, images=plant.images, progress=silent, equip=equip, rules=rules)


def bundle(plant: Plant) -> Bundle:
    return plant.registry.load(DETECTOR, version="1")[1]


@pytest.fixture
def busy(plant: Plant) -> Plant:
    """The taught line with a coil of four frames, two of them marked."""
    plant.add_coil()
    for number, mark in enumerate([None, "bar", None, "bar"]):
        plant.add_frame(number, picture(900 + number, mark))
    return plant


def test_torch_itself_is_not_compared(busy: Plant) -> None:
    assert parities(busy, lambda detector, _bundle: detector).run(LINE, "default", bundle(busy)) is None


def test_the_lines_newest_frames_come_first_those_that_teach_last_and_those_of_other_recipes_not(
    busy: Plant, backbone: Backbone
) -> None:
    busy.add_coil("other", recipe="other")
    busy.add_frame(9, picture(909), coil="other")
    same = bent(backbone, "same f32")
    found = parities(busy, same).run(LINE, "default", bundle(busy))
    assert found is not None
    names = [each.frame for each in found.frames]
    assert names[:4] == [f"{COIL}/{number:03}" for number in (3, 2, 1, 0)]
    assert len(names) == 6
    assert all("samples of strip" in name for name in names[4:])
    assert (found.difference, found.flips.count, found.batch_difference, found.exact) == (0.0, 0, 0.0, True)
    assert {each.wanted for each in found.frames} >= {Verdict.PASS, Verdict.DEFECT}


def test_a_runtime_that_is_bad_shows_in_scores_verdicts_and_batches(busy: Plant, backbone: Backbone) -> None:
    rough = bent(backbone, "rough bf16", factor=1.5, shift=0.5)
    found = parities(busy, rough).run(LINE, "default", bundle(busy))
    assert found is not None
    assert not found.exact
    assert found.difference > 0.5
    assert found.flips.count >= 2
    assert found.batch_difference is not None
    assert found.batch_difference > 1e-3


def test_a_frame_whose_image_is_gone_is_named(busy: Plant, backbone: Backbone) -> None:
    with busy.catalog.transaction() as unit:
        frame = unit.frame(f"{COIL}/003")
    assert frame is not None
    del busy.images.contents[frame.image or ""]
    found = parities(busy, bent(backbone, "same f32")).run(LINE, "default", bundle(busy))
    assert found is not None
    assert [text.split(":")[0] for text in found.unjudged] == [f"frame {frame.id}"]


def test_the_gate_refuses_a_detector_whose_runtime_is_bad_and_passes_it_by_a_true_one(
    busy: Plant, backbone: Backbone
) -> None:
    busy.add_coil("samples of strip (gate)")
    frame = busy.add_frame(0, picture(700, "bar"), coil="samples of strip (gate)")
    busy.add_label(frame, "bar", roi=BAR, role=LabelRole.GATE, name="bar-0")
    version = busy.registry.register(
        DETECTOR,
        replace(bundle(busy), manifest={**bundle(busy).manifest, "note": "again"}),
        tags={"line": LINE, "recipe": "default"},
    )
    trials = GateTrials(catalog=busy.catalog, images=busy.images, clock=Ticking(), progress=silent)
    rules = GateRules(parity=RULES, min_leave_one_out=0.0)

    def gated(equip: Callable[[Detector, Bundle], Detector]) -> Models:
        own = parities(busy, equip)
        return Models(
            catalog=busy.catalog, registry=busy.registry, rules=rules, clock=lambda: NOON, trials=trials, parities=own
        )

    said = gated(bent(backbone, "true f32")).gate(DETECTOR, version=version)[1]
    assert [reason for reason in said.reasons if "parity" in reason] == []
    bad = gated(bent(backbone, "bad f32", factor=1.5))
    report = bad.gate(DETECTOR, version=version)[1]
    assert set(report.reasons) - set(said.reasons) == {
        reason for reason in report.reasons if reason.startswith("parity: ")
    }
    assert len(report.reasons) > len(said.reasons)
    assert report.parity is not None
    with pytest.raises(RefusedError, match=r"parity: bad f32 changes \d+ of 6 verdicts"):
        bad.promote(DETECTOR, operator="operator-7", reason="faster", version=version)
    with busy.catalog.transaction() as unit:
        assert any('"runtime": "bad f32"' in str(run.detail.get("report")) for run in unit.stages())


def test_ranges_of_int8_come_from_the_good_frames_that_taught_this_version_at_every_scale(plant: Plant) -> None:
    made = bundle(plant)
    images = good_images(plant.catalog, made)
    assert len(images) == 16
    plant.add_lesson(None, 3, coil="later")  # what is labelled afterwards does not change a version's ranges
    assert good_images(plant.catalog, made) == images
    detector = Detector.from_bundle(made)
    tiles = calibration_tiles(plant.images, images[:2], detector)
    assert [tile.shape for tile in tiles] == [
        (1, 3, 96, 96),
        (1, 3, 192, 192),
    ] * 2  # narrow frames are looked at closer
    assert detector.backbone.runner is None


def test_int8_of_a_detector_that_was_taught_elsewhere_is_refused(plant: Plant) -> None:
    made = bundle(plant)
    stranger = replace(made, manifest={**made.manifest, "lineage": {"labels": ["of another plant"]}})
    with pytest.raises(NotFoundError, match="none of them is here"):
        good_images(plant.catalog, stranger)
