"""Masks counted in the cells of a score map."""

import numpy as np
import pytest

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.imaging.marked_cells import counted_px, marked_cells


def test_every_region_has_its_box_and_its_shares_of_the_cells() -> None:
    mask = np.zeros((40, 40), dtype=np.bool_)
    mask[2:6, 12:20] = True  # half in the first cell, half in the next
    mask[30, 30] = True
    found = marked_cells(mask, shape=(2, 2), stride_px=16)
    assert found.boxes == (Roi(top=2, left=12, bottom=6, right=20), Roi(top=30, left=30, bottom=31, right=31))
    np.testing.assert_allclose(found.covered, [[0.5, 0.5], [0.0, 1.0]])


def test_pixels_beyond_the_last_cell_count_to_it() -> None:
    mask = np.zeros((38, 20), dtype=np.bool_)
    mask[36, 18] = True
    assert marked_cells(mask, shape=(2, 1), stride_px=16).covered.tolist() == [[0.0], [1.0]]
    assert counted_px(~mask, shape=(2, 1), stride_px=16).tolist() == [[320.0], [439.0]]


def test_diagonal_neighbours_are_one_region_and_an_empty_mask_has_none() -> None:
    assert len(marked_cells(np.eye(4, dtype=np.bool_), shape=(1, 1), stride_px=16).boxes) == 1
    empty = marked_cells(np.zeros((32, 32), dtype=np.bool_), shape=(2, 2), stride_px=16)
    assert empty.boxes == ()
    assert empty.covered.sum() == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_shares_add_up_to_the_number_of_regions(seed: int) -> None:
    mask = np.random.default_rng(seed).random((50, 70)) > 0.8
    found = marked_cells(mask, shape=(3, 4), stride_px=16)
    assert found.covered.sum() == pytest.approx(len(found.boxes))
