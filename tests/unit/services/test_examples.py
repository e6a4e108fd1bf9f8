"""Labels as examples: what is on the frame, which labels are in force, and which samples may not be parted."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.labels import LabelRole, RegionSource
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import Box, LabelledImage
from inspect_pipeline.errors import BadDataError, BadImageError, NotFoundError
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.services.examples import (
    NORMAL,
    Example,
    annotations,
    folder_examples,
    frame_regions,
    history,
    labelled_frames,
)

from .plant import BAR, SIDE_PX, SPOT, WHOLE, Plant, picture

HALVES = UnitGrid(height_px=SIDE_PX // 2, width_px=SIDE_PX // 2)


def whole_frame(_recipe: str) -> UnitGrid:
    return UnitGrid()


def painted(roi: Roi) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE_PX, SIDE_PX), dtype=np.bool_)
    mask[roi.top : roi.bottom, roi.left : roi.right] = True
    return mask


def image(
    class_name: str,
    number: int = 0,
    *,
    family: str = "steel",
    mask: NDArray[np.bool_] | None = None,
    boxes: Sequence[Box] = (),
    pixels: Pixels | None = None,
) -> LabelledImage:
    return LabelledImage(
        family=family,
        class_name=class_name,
        group=f"{class_name}/{number // 2}",
        source=f"images/{class_name}/{number}.png",
        load=lambda: picture(number, class_name) if pixels is None else pixels,
        load_mask=None if mask is None else lambda: mask,
        boxes=tuple(boxes),
    )


# Labels of the catalog ------------------------------------------------------------------------------------------------


def test_a_frame_comes_with_its_good_and_its_defective_regions() -> None:
    plant = Plant()
    plant.add_coil()
    frame = plant.add_frame(0, picture(0, "bar"))
    mask = np.ones((BAR.height, BAR.width), dtype=np.bool_)
    mask[0] = False
    labels = [plant.add_label(frame, "bar", roi=BAR, mask=mask), plant.add_label(frame, None, roi=SPOT)]
    regions = frame_regions(plant.images, frame, labels)
    np.testing.assert_array_equal(regions.pixels, picture(0, "bar"))
    assert regions.normals == (SPOT,)
    (defect,) = regions.defects
    assert (defect.roi, defect.defect_type, defect.source) == (BAR, "bar", RegionSource.DRAWN)
    assert defect.label == labels[0].id
    np.testing.assert_array_equal(defect.mask, mask)


def test_a_mask_of_another_size_than_its_region_is_refused_by_the_label() -> None:
    plant = Plant()
    plant.add_coil()
    frame = plant.add_frame(0, picture(0))
    label = plant.add_label(frame, "bar", roi=BAR, mask=np.ones((3, 4), dtype=np.bool_), name="label-8")
    with pytest.raises(BadDataError, match=r"label label-8: its mask is \(3, 4\).*draw it again"):
        frame_regions(plant.images, frame, [label])


def test_a_labelled_frame_that_holds_no_image_is_not_found_by_name() -> None:
    plant = Plant()
    plant.add_coil()
    frame = plant.add_frame(0, None, reason="truncated")
    with pytest.raises(NotFoundError, match=r"'000\.png' of coil 'coil-1' is labelled but holds no image"):
        frame_regions(plant.images, frame, [plant.add_label(frame)])


def test_frames_come_once_each_in_the_order_of_capture_whatever_the_order_of_the_labels() -> None:
    plant = Plant()
    plant.add_coil()
    frames = [plant.add_frame(number, picture(number)) for number in (2, 0, 1)]
    labels = [plant.add_label(frame, roi=roi) for frame in frames for roi in (SPOT, BAR)]
    for order in (labels, labels[::-1]):
        found = list(labelled_frames(plant.catalog, plant.images, order))
        assert [frame.sequence for frame, _, _ in found] == [0, 1, 2]
        assert [regions.normals for _, regions, _ in found] == [(SPOT, BAR)] * 3


def test_labels_on_an_unusable_frame_are_left_out() -> None:
    plant = Plant()
    plant.add_coil()
    torn, whole = plant.add_frame(0, picture(0), reason="torn"), plant.add_frame(1, picture(1))
    labels = [plant.add_label(torn), plant.add_label(whole)]
    assert [frame.id for frame, _, _ in labelled_frames(plant.catalog, plant.images, labels)] == [whole.id]


def test_history_is_what_may_meta_train_by_family_of_its_coil() -> None:
    plant = Plant()
    for coil, family in (("a", "steel"), ("b", "cloth")):
        plant.add_coil(coil, family=family)
        frame = plant.add_frame(0, picture(0), coil=coil)
        plant.add_label(frame, "scratch", roi=BAR, role=LabelRole.HISTORY)
        plant.add_label(frame, None, roi=SPOT, role=LabelRole.HISTORY)
        plant.add_label(frame, "stain", roi=BAR, role=LabelRole.SUPPORT)
        plant.add_label(frame, "hole", roi=BAR, role=LabelRole.HELD_OUT)
    found = list(history(plant.catalog, plant.images, unit_of=whole_frame))
    assert [one.family for one in found] == ["steel", "cloth"]
    assert [{sample.class_name for sample in one.samples} for one in found] == [{"scratch", NORMAL}] * 2
    assert [{defect.defect_type for defect in one.regions.defects} for one in found] == [{"scratch"}] * 2


def test_a_label_that_was_superseded_does_not_train() -> None:
    plant = Plant()
    plant.add_coil()
    frame = plant.add_frame(0, picture(0))
    wrong = plant.add_label(frame, "scratch", roi=BAR, role=LabelRole.HISTORY)
    plant.add_label(frame, "stain", roi=BAR, role=LabelRole.HISTORY, supersedes=wrong.id)
    moved = plant.add_label(frame, None, roi=SPOT, role=LabelRole.HISTORY)
    plant.add_label(frame, None, roi=SPOT, role=LabelRole.HELD_OUT, supersedes=moved.id, name="moved")
    (only,) = history(plant.catalog, plant.images, unit_of=whole_frame)
    assert [sample.class_name for sample in only.samples] == ["stain"]


def groups(plant: Plant, grid: UnitGrid) -> list[str]:
    (only,) = history(plant.catalog, plant.images, unit_of=lambda recipe: {"default": grid}[recipe])
    return [sample.group for sample in only.samples]


def test_samples_of_one_piece_are_one_leakage_group_and_pieces_of_one_frame_are_apart() -> None:
    plant = Plant()
    plant.add_coil()
    frame = plant.add_frame(0, picture(0))
    corners = [(4, 4), (20, 20), (4, 60), (60, 4)]
    for top, left in corners:
        roi = Roi(top=top, left=left, bottom=top + 10, right=left + 10)
        plant.add_label(frame, "scratch", roi=roi, role=LabelRole.HISTORY)
    by_corner = sorted(f"{frame.id}:scratch:{top},{left}" for top, left in corners)
    piece_of = {(4, 4): "/0/0", (20, 20): "/0/0", (4, 60): "/0/1", (60, 4): "/1/0"}
    expected = [
        frame.id + piece_of[(int(name.rpartition(":")[2].split(",")[0]), int(name.rpartition(",")[2]))]
        for name in by_corner
    ]
    assert sorted(groups(plant, HALVES)) == sorted(expected)
    assert set(groups(plant, UnitGrid())) == {frame.id}


# Images of a data folder ----------------------------------------------------------------------------------------------


def test_a_mask_marks_the_images_own_class() -> None:
    ((name, mask),) = annotations(image("bar", mask=painted(BAR)), picture(0))
    assert name == "bar"
    np.testing.assert_array_equal(mask, painted(BAR))


def test_boxes_become_one_mask_for_each_class_they_name() -> None:
    boxes = [Box(roi=BAR, class_name="bar"), Box(roi=SPOT, class_name="spot"), Box(roi=SPOT, class_name="bar")]
    found = dict(annotations(image("bar", boxes=boxes), picture(0)))
    assert set(found) == {"bar", "spot"}
    np.testing.assert_array_equal(found["bar"], painted(BAR) | painted(SPOT))
    np.testing.assert_array_equal(found["spot"], painted(SPOT))


def test_a_mask_is_worth_more_than_boxes_and_an_empty_one_nothing() -> None:
    boxes = [Box(roi=SPOT, class_name="bar")]
    ((_, drawn),) = annotations(image("bar", mask=painted(BAR), boxes=boxes), picture(0))
    np.testing.assert_array_equal(drawn, painted(BAR))
    nothing = np.zeros((SIDE_PX, SIDE_PX), dtype=np.bool_)
    ((_, filled),) = annotations(image("bar", mask=nothing, boxes=boxes), picture(0))
    np.testing.assert_array_equal(filled, painted(SPOT))


def test_without_mask_and_boxes_the_whole_image_is_the_region_and_good_images_have_none() -> None:
    assert annotations(image("bar"), picture(0)) == [("bar", None)]
    for word in ("normal", "good", "OK"):
        assert annotations(image(word, mask=painted(BAR)), picture(0)) == []


def test_a_mask_of_another_size_than_its_image_is_refused_by_name() -> None:
    small = np.ones((4, 4), dtype=np.bool_)
    with pytest.raises(BadDataError, match=r"images/bar/0\.png: its mask is \(4, 4\), the image \(96, 96\)"):
        annotations(image("bar", mask=small), picture(0))


def of_folder(images: Sequence[LabelledImage], *, per_class: int = 9, seed: int = 0) -> list[Example]:
    return list(folder_examples(images, per_class=per_class, generator=np.random.default_rng(seed)))


def test_images_of_a_folder_are_examples_with_their_own_leakage_groups() -> None:
    boxes = [Box(roi=BAR, class_name="bar"), Box(roi=SPOT, class_name="spot")]
    marked, good = of_folder([image("good", 3), image("bar", 2, boxes=boxes)])
    assert [(s.class_name, s.group, s.roi) for s in marked.samples] == [
        ("bar", "bar/1", WHOLE),
        ("spot", "bar/1", WHOLE),
    ]
    assert [(d.defect_type, d.source, d.roi) for d in marked.regions.defects] == [
        ("bar", RegionSource.DRAWN, WHOLE),
        ("spot", RegionSource.DRAWN, WHOLE),
    ]
    assert marked.regions.normals == ()
    assert [(s.class_name, s.group) for s in good.samples] == [(NORMAL, "good/1")]
    assert (good.regions.normals, good.regions.defects) == ((WHOLE,), ())


def test_a_region_that_nothing_marks_is_a_guess() -> None:
    (only,) = of_folder([image("bar")])
    (defect,) = only.regions.defects
    assert (defect.source, defect.mask, defect.roi) == (RegionSource.GUESSED, None, WHOLE)


def test_no_more_than_so_many_images_of_a_class_are_drawn_by_the_seed() -> None:
    images = [image(name, number, family=f) for f in ("a", "b") for name in ("good", "bar") for number in range(6)]
    drawn = of_folder(images, per_class=2)
    assert [(one.family, one.samples[0].class_name) for one in drawn] == [
        (family, name) for family in ("a", "b") for name in ("bar", "bar", NORMAL, NORMAL)
    ]
    again, other = of_folder(images, per_class=2), of_folder(images, per_class=2, seed=1)
    assert [s.samples for s in again] == [s.samples for s in drawn] != [s.samples for s in other]


def test_an_image_of_a_folder_that_cannot_be_read_is_an_error_and_not_left_out() -> None:
    def torn() -> Pixels:
        raise BadImageError("1.png: truncated")

    broken = LabelledImage(family="f", class_name="bar", group="", source="1.png", load=torn)
    with pytest.raises(BadImageError, match=r"1\.png: truncated"):
        of_folder([image("bar"), broken])
