"""Regions are described once: what is at hand needs neither pixels nor backbone, and gives the same bits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.labels import LabelRole, in_force
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.examples import Patches, cut_patches
from inspect_pipeline.learning.patch_bytes import packed
from inspect_pipeline.services.described import Describing, LabelledFrame
from inspect_pipeline.services.examples import frames_with_labels, labelled_frames

from .plant import BAR, SPOT, WHOLE, Plant, picture, silent

UNIT = UnitGrid(height_px=48, width_px=48)


def describing(plant: Plant, *, settings: DetectorSettings | None = None, unit: UnitGrid = UNIT) -> Describing:
    return Describing(
        images=plant.images,
        features=plant.features,
        unit=unit,
        settings=settings or DetectorSettings(),
        progress=silent,
    )


def lesson(plant: Plant) -> list[LabelledFrame]:
    with plant.catalog.transaction() as unit:
        return frames_with_labels(plant.catalog, in_force(unit.labels(), role=LabelRole.SUPPORT))


@pytest.fixture
def taught() -> Plant:
    """Two good frames, one with a bar drawn and masked and good material beside it, one guessed."""
    plant = Plant()
    plant.add_coil()
    for number in (0, 1):
        plant.add_label(plant.add_frame(number, picture(number)))
    both = plant.add_frame(2, picture(2, "bar"))
    mask = np.ones((BAR.height, BAR.width), dtype=np.bool_)
    mask[:, :20] = False
    plant.add_label(both, "bar", roi=BAR, mask=mask)
    plant.add_label(both, "bar", roi=SPOT)
    plant.add_label(both, None, roi=Roi(top=64, left=0, bottom=96, right=96))
    plant.add_label(plant.add_frame(3, picture(3, "spot")), "spot", roi=WHOLE)
    return plant


def same(one: Patches, other: Patches) -> bool:
    return packed(one) == packed(other)


def test_described_regions_are_those_cut_from_the_whole_frames(taught: Plant, backbone: Backbone) -> None:
    frames = lesson(taught)
    found = describing(taught).patches(backbone, frames)
    with taught.catalog.transaction() as unit:
        labels = unit.labels()
    examples = [regions for _, regions, _ in labelled_frames(taught.catalog, taught.images, labels)]
    cut = cut_patches(backbone, examples, unit=UNIT, settings=DetectorSettings())
    assert found.frames_described == 4
    assert len(found.patches.good) == 10
    assert {one.label for one in found.patches.supports} == {one.id for one in labels if one.defect_type}
    by_label = {one.label: one for one in cut.supports}
    for one in found.patches.supports:
        assert torch.equal(one.patches, by_label[one.label].patches)
        assert torch.equal(one.inside, by_label[one.label].inside)
        assert (one.defect_type, one.source) == (by_label[one.label].defect_type, by_label[one.label].source)
    assert all(torch.equal(a.patches, b.patches) for a, b in zip(found.patches.good, cut.good, strict=True))
    assert [unit.frame for unit in found.patches.good] == [unit.frame for unit in cut.good]
    assert {unit.group for unit in found.patches.good} == {""}


def test_good_pieces_keep_the_leakage_group_of_their_frame_whatever_is_kept_of_them(
    taught: Plant, backbone: Backbone
) -> None:
    frames = lesson(taught)
    describing(taught).patches(backbone, frames)
    grouped = [(frame, [replace(label, group=f"series {frame.id}") for label in labels]) for frame, labels in frames]
    again = describing(taught).patches(backbone, grouped)
    assert again.frames_described == 0
    assert {unit.group for unit in again.patches.good} == {f"series {frame.id}" for frame, _ in frames[:3]}
    assert grouped[0][1][0].statement != frames[0][1][0].statement


def test_a_second_time_needs_no_pixels_and_gives_the_same_bits(taught: Plant, backbone: Backbone) -> None:
    frames = lesson(taught)
    first = describing(taught).patches(backbone, frames)
    taught.images.contents.clear()
    second = describing(taught).patches(backbone, frames)
    assert second.frames_described == 0
    assert same(first.patches, second.patches)


def test_a_new_label_describes_its_frame_alone(taught: Plant, backbone: Backbone) -> None:
    describing(taught).patches(backbone, lesson(taught))
    taught.add_label(taught.add_frame(4, picture(4, "spot")), "spot", roi=SPOT)
    assert describing(taught).patches(backbone, lesson(taught)).frames_described == 1


def test_one_image_under_two_names_is_described_once(taught: Plant, backbone: Backbone) -> None:
    describing(taught).patches(backbone, lesson(taught))
    taught.add_label(taught.add_frame(9, picture(1)))
    again = describing(taught).patches(backbone, lesson(taught))
    assert again.frames_described == 0
    assert {unit.frame for unit in again.patches.good} == {0, 1, 2, 4}


@pytest.mark.parametrize("damage", [b"", b"no tensors", packed(DetectorSettings())])
def test_a_damaged_entry_is_made_anew_and_never_trusted(taught: Plant, backbone: Backbone, damage: bytes) -> None:
    frames = lesson(taught)
    first = describing(taught).patches(backbone, frames)
    victim = next(iter(taught.features.contents))
    taught.features.contents[victim] = damage
    second = describing(taught).patches(backbone, frames)
    assert second.frames_described == 1
    assert same(first.patches, second.patches)
    assert describing(taught).patches(backbone, frames).frames_described == 0


def test_what_was_pushed_out_is_made_anew(taught: Plant, backbone: Backbone) -> None:
    frames = lesson(taught)
    describing(taught).patches(backbone, frames)
    taught.features.contents.clear()
    assert describing(taught).patches(backbone, frames).frames_described == 4


def test_another_unit_or_cut_describes_anew_and_another_ridge_does_not(taught: Plant, backbone: Backbone) -> None:
    frames = lesson(taught)
    describing(taught).patches(backbone, frames)
    settings = DetectorSettings()
    assert describing(taught, settings=replace(settings, ridge=3.0)).patches(backbone, frames).frames_described == 0
    wider = replace(settings, smoothing_patches=2)
    assert describing(taught, settings=wider).patches(backbone, frames).frames_described == 4
    assert describing(taught, unit=UnitGrid()).patches(backbone, frames).frames_described == 4


def test_neither_the_order_of_the_labels_nor_their_ids_change_a_bit(taught: Plant, backbone: Backbone) -> None:
    first = describing(taught).patches(backbone, lesson(taught))
    with taught.catalog.transaction() as unit:
        labels = unit.labels()
    renamed = [replace(label, id=f"{len(labels) - number:02}") for number, label in enumerate(reversed(labels))]
    frames = frames_with_labels(taught.catalog, renamed)
    second = describing(taught).patches(backbone, frames)

    def unnamed(patches: Patches) -> bytes:
        return packed(replace(patches, supports=tuple(replace(one, label="") for one in patches.supports)))

    assert unnamed(first.patches) == unnamed(second.patches)


def test_a_frame_whose_image_is_gone_is_named(taught: Plant, backbone: Backbone) -> None:
    taught.images.contents.clear()
    with pytest.raises(NotFoundError):
        describing(taught).patches(backbone, lesson(taught))
