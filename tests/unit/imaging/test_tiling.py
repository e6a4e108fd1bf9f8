import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.tiling import Tile, cut, tiles

SIZES = st.integers(1, 300)


@settings(deadline=None)
@given(height=SIZES, width=SIZES, core=st.integers(1, 128), margin=st.integers(0, 40), multiple=st.integers(1, 33))
def test_cores_partition_the_frame_exactly_and_windows_hold_core_and_margin_on_the_grid(
    height: int, width: int, core: int, margin: int, multiple: int
) -> None:
    covered = np.zeros((height, width), np.uint8)
    for tile in tiles(height, width, core_px=max(core, 8), margin_px=margin, multiple_px=multiple):
        covered[tile.core.top : tile.core.bottom, tile.core.left : tile.core.right] += 1
        wanted = tile.core.grown(margin, height=height, width=width)
        assert tile.window.overlap_px(wanted) == wanted.area_px
        sides = (tile.window.top, tile.window.left, tile.window.bottom, tile.window.right)
        assert all(side % multiple == 0 for side in sides)
        assert tile.window.bottom < height + multiple
        assert tile.window.right < width + multiple
    assert (covered == 1).all()


def test_the_tiles_of_a_small_frame_are_these() -> None:
    assert tiles(100, 250, core_px=128, margin_px=10, multiple_px=32) == [
        Tile(core=Roi(top=0, left=0, bottom=100, right=128), window=Roi(top=0, left=0, bottom=128, right=160)),
        Tile(core=Roi(top=0, left=128, bottom=100, right=250), window=Roi(top=0, left=96, bottom=128, right=256)),
    ]


def test_a_window_beyond_the_frame_repeats_the_border() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert cut(pixels, Roi(top=0, left=1, bottom=3, right=4)).tolist() == [[1, 2, 2], [4, 5, 5], [4, 5, 5]]
    assert cut(np.stack([pixels] * 3, axis=-1), Roi(top=0, left=0, bottom=4, right=4)).shape == (4, 4, 3)


def test_a_window_inside_the_frame_is_a_view_without_a_copy() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    assert np.shares_memory(cut(pixels, Roi(top=0, left=0, bottom=8, right=4)), pixels)


@pytest.mark.parametrize("sizes", [(0, 5, 8, 0, 1), (5, 5, 0, 0, 1), (5, 5, 8, -1, 1), (5, 5, 8, 0, 0)])
def test_sizes_that_cannot_tile_are_refused(sizes: tuple[int, int, int, int, int]) -> None:
    height, width, core, margin, multiple = sizes
    with pytest.raises(BadDataError, match="cannot work"):
        tiles(height, width, core_px=core, margin_px=margin, multiple_px=multiple)
