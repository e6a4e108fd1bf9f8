"""Pictures of the report: the right cut of the right frame, scores read off the heatmap, reasons in their place."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.domain.findings import HEATMAP_STEPS
from inspect_pipeline.domain.material import CapturedFrame, Roi
from inspect_pipeline.domain.report import Pictures
from inspect_pipeline.imaging.decode import decode, encode_png
from inspect_pipeline.services.report_pictures import PictureRoom
from inspect_pipeline.services.scoring import heatmap_pixels

from .plant import Plant

LARGE = Roi(top=300, left=500, bottom=316, right=532)


def frame_of(plant: Plant, pixels: NDArray[np.uint8]) -> CapturedFrame:
    plant.add_coil()
    return plant.add_frame(0, pixels)


def room(plant: Plant, frame: CapturedFrame, heatmap: NDArray[np.float32] | None = None) -> PictureRoom:
    address = None if heatmap is None else plant.images.put(encode_png(heatmap_pixels(heatmap)), suffix="png")
    return PictureRoom(images=plant.images, frames={frame.id: frame}, heatmaps={frame.id: address})


def gradient(height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = np.indices((height, width))
    return ((rows * 7 + columns * 3) % 251).astype(np.uint8)


def pixels_of(png: bytes) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., 0].astype(np.uint8)


def test_the_crop_is_the_region_with_a_margin_from_the_frame_as_it_is_stored() -> None:
    plant, pixels = Plant(), gradient(800, 1000)
    frame = frame_of(plant, pixels)
    found = room(plant, frame).of(frame.id, LARGE)
    assert isinstance(found, Pictures)
    np.testing.assert_array_equal(pixels_of(found.crop_png), pixels[204:412, 404:628])


@pytest.mark.parametrize(
    ("roi", "shown"),
    [
        (Roi(top=400, left=200, bottom=420, right=1800), (slice(304, 516), slice(680, 1320))),
        (Roi(top=200, left=400, bottom=1800, right=420), (slice(680, 1320), slice(304, 516))),
    ],
)
def test_a_region_too_large_for_a_page_is_cut_around_its_middle(roi: Roi, shown: tuple[slice, slice]) -> None:
    plant, pixels = Plant(), gradient(2000, 2000)
    frame = frame_of(plant, pixels)
    found = room(plant, frame).of(frame.id, roi)
    assert isinstance(found, Pictures)
    np.testing.assert_array_equal(pixels_of(found.crop_png), pixels[shown])


def test_the_overlay_is_the_same_crop_under_its_own_part_of_the_heatmap() -> None:
    plant, pixels = Plant(), np.full((320, 320), 100, np.uint8)
    frame = frame_of(plant, pixels)
    heatmap = np.zeros((20, 20), np.float32)
    heatmap[:, 10:] = 2.0
    cold_room, hot_room = Roi(top=150, left=10, bottom=160, right=20), Roi(top=150, left=300, bottom=160, right=310)
    drawn = room(plant, frame, heatmap)
    cold, hot = drawn.of(frame.id, cold_room), drawn.of(frame.id, hot_room)
    assert isinstance(cold, Pictures)
    assert isinstance(hot, Pictures)
    changed = [float(np.mean(pixels_of(each.overlay_png) != pixels_of(each.crop_png))) for each in (cold, hot)]
    assert changed[0] < 0.05
    assert changed[1] > 0.95


def test_the_best_score_is_the_highest_inside_the_region_in_multiples_of_the_threshold() -> None:
    plant = Plant()
    frame = frame_of(plant, gradient(96, 96))
    heatmap = np.zeros((6, 6), np.float32)
    heatmap[2, 2], heatmap[5, 5] = 0.75, 3.0
    scores = room(plant, frame, heatmap)
    assert scores.best_score(frame.id, Roi(top=32, left=32, bottom=48, right=48)) == 0.75
    assert scores.best_score(frame.id, Roi(top=33, left=33, bottom=34, right=34)) == 0.75
    assert scores.best_score(frame.id, Roi(top=0, left=0, bottom=32, right=96)) == 0.0
    assert scores.best_score(frame.id, Roi(top=0, left=0, bottom=96, right=96)) == 3.0


def test_heatmaps_hold_scores_as_grey_levels_without_wrapping_round() -> None:
    scores = np.array([[-1.0, 0.0, 0.5, 1.0, 100.0]], np.float32)
    assert heatmap_pixels(scores).tolist() == [[0, 0, HEATMAP_STEPS // 2, HEATMAP_STEPS, 255]]


def test_without_an_image_or_heatmap_the_reason_stands_in_the_pictures_place() -> None:
    plant = Plant()
    plant.add_coil()
    lost = plant.add_frame(0, None, reason="truncated PNG")
    gone = plant.add_frame(1, gradient(96, 96))
    del plant.images.contents[gone.image or ""]
    plain = plant.add_frame(2, gradient(97, 96))
    found = PictureRoom(
        images=plant.images, frames={f.id: f for f in (lost, gone, plain)}, heatmaps={plain.id: None, lost.id: None}
    )
    roi = Roi(top=0, left=0, bottom=16, right=16)
    for frame, reason in ((lost, "holds no image: truncated PNG"), (gone, "there is no image")):
        for answer in (found.of(frame.id, roi), found.best_score(frame.id, roi)):
            assert isinstance(answer, NotMeasured)
            assert reason in answer.reason
    assert isinstance(found.of(plain.id, roi), Pictures)
    assert found.best_score(plain.id, roi) == NotMeasured(reason="no heatmap was kept for this frame")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frames_of_any_depth_give_pictures(dtype: type[np.uint8] | type[np.uint16]) -> None:
    plant = Plant()
    frame = frame_of(plant, gradient(96, 96).astype(dtype) * (257 if dtype is np.uint16 else 1))
    found = room(plant, frame).of(frame.id, Roi(top=0, left=0, bottom=16, right=16))
    assert isinstance(found, Pictures)
    assert decode(found.crop_png, name="crop").dtype == np.uint8
