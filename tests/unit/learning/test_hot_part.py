"""Of a guessed region the part that stands out is taken, and of marked cells the largest that hang together."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.learning.hot_part import box_of, connected, grown_box, hot_cells, largest_part


def test_the_part_around_the_peak_is_found_and_a_weaker_spot_elsewhere_is_not() -> None:
    distances = torch.ones(12, 12)
    distances[2:5, 3:6] = 9.0
    distances[9, 9] = 6.0
    cells = hot_cells(distances, torch.ones(12, 12, dtype=torch.bool), smoothing=1)
    assert box_of(cells) == Roi(top=32, left=48, bottom=80, right=96)


def test_what_is_hot_outside_the_region_does_not_count() -> None:
    distances = torch.ones(8, 8)
    distances[0, 0], distances[6, 6] = 50.0, 3.0
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[4:, 4:] = True
    assert box_of(hot_cells(distances, inside, smoothing=1)) == Roi(top=96, left=96, bottom=112, right=112)


def test_a_region_of_one_cell_is_its_own_part() -> None:
    cells = hot_cells(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), smoothing=4)
    assert box_of(cells, top_px=5, left_px=7) == Roi(top=5, left=7, bottom=21, right=23)


def test_the_larger_of_two_parts_is_taken_and_corners_hold_together() -> None:
    cells = torch.zeros(6, 6, dtype=torch.bool)
    cells[0, 0] = cells[1, 1] = cells[2, 2] = True
    cells[5, 0:2] = True
    assert largest_part(cells).nonzero().tolist() == [[0, 0], [1, 1], [2, 2]]


@given(hnp.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_parts_are_made_of_set_cells_and_hold_every_neighbour_that_is_set(raw: NDArray[np.bool_]) -> None:
    cells = torch.tensor(raw)
    if not bool(cells.any()):
        return
    part = connected(cells, int(cells.view(-1).float().argmax()))
    assert bool((part & ~cells).any()) is False
    for row, column in part.nonzero().tolist():
        around = (slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2))
        assert bool((cells[around] & ~part[around]).any()) is False


def test_a_core_grows_to_all_of_the_defect_that_hangs_together_and_no_further() -> None:
    scores = torch.zeros(10, 10)
    scores[2:7, 2:4] = 0.4
    scores[3, 3] = 1.5
    scores[9, 9] = 0.4
    core = (slice(3, 4), slice(3, 4))
    assert grown_box(scores, core, least=0.3, unit=UnitGrid()) == Roi(top=32, left=32, bottom=112, right=64)
    assert grown_box(scores, core, least=0.5, unit=UnitGrid()) == Roi(top=48, left=48, bottom=64, right=64)


def test_a_core_never_grows_into_the_neighbouring_unit() -> None:
    scores = torch.zeros(8, 8)
    scores[2, 1:7] = 0.8
    scores[2, 2] = 2.0
    grown = grown_box(scores, (slice(2, 3), slice(2, 3)), least=0.3, unit=UnitGrid(height_px=128, width_px=64))
    assert grown == Roi(top=32, left=16, bottom=48, right=64)


def test_a_core_that_would_grow_over_the_background_stays_as_it_is() -> None:
    scores = torch.full((8, 8), 0.4)
    scores[2, 2] = 2.0
    core = (slice(2, 3), slice(2, 4))
    assert grown_box(scores, core, least=0.3, unit=UnitGrid()) == Roi(top=32, left=32, bottom=48, right=64)
