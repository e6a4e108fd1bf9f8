from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.cameras.solar_plan import PlannedCell, plan_cells, render
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.errors import BadDataError, BadImageError
from tests.unit.cameras.solar import cell, cells


def planned(*, real_defective: int = 4, functional: int = 8, seed: int = 0, **painted: int) -> list[PlannedCell]:
    return plan_cells(
        cells(),
        real_defective=real_defective,
        functional=functional,
        painted=painted,
        generator=np.random.default_rng(seed),
    )


def test_the_plan_holds_what_was_asked_for_without_a_repeat() -> None:
    plan = planned(crack=3, stain=9)
    assert Counter((one.defect_type, one.origin.value) for one in plan) == {
        ("defective", "real"): 4,
        (None, "real"): 8,
        ("crack", "simulated"): 3,
        ("stain", "simulated"): 9,
    }
    assert len({one.cell.name for one in plan}) == 24


def test_defects_are_painted_on_functional_cells_only_and_doubtful_ones_are_never_taken() -> None:
    for one in planned(functional=20, crack=12):
        assert one.cell.probability == (1.0 if one.defect_type == "defective" else 0.0)


def test_a_last_frame_is_completed_with_functional_cells() -> None:
    plan = planned(real_defective=1, functional=2, crack=1)
    assert len(plan) == 12
    assert sum(one.defect_type is None for one in plan) == 10


def test_the_same_seed_gives_the_same_order_and_the_kinds_are_mixed() -> None:
    names = [one.cell.name for one in planned(crack=12)]
    assert names == [one.cell.name for one in planned(crack=12)]
    assert names != [one.cell.name for one in planned(crack=12, seed=1)]
    kinds = [one.defect_type for one in planned(crack=12)]
    assert len(set(kinds[:12])) > 1


def test_too_few_cells_are_refused_with_the_numbers() -> None:
    with pytest.raises(BadDataError, match="needs 11 defective cells, 10 are there"):
        planned(real_defective=11, functional=1)
    with pytest.raises(BadDataError, match="needs 48 functional cells, 40 are there"):
        planned(real_defective=0, functional=30, crack=18)


def test_an_unknown_kind_or_a_negative_number_is_refused() -> None:
    with pytest.raises(BadDataError, match="unknown kinds"):
        planned(dent=1)
    with pytest.raises(BadDataError, match="below 0"):
        planned(functional=-1)


def test_a_painted_cell_differs_from_the_real_one_inside_its_mask() -> None:
    one = next(one for one in planned(crack=4) if one.defect_type == "crack")
    pixels, mask = render(one)
    again, _ = render(one)
    assert mask is not None
    assert (pixels[mask] != one.cell.load()[mask]).any()
    assert np.array_equal(pixels, again)


def test_a_real_cell_is_left_as_it_is() -> None:
    one = next(one for one in planned() if one.defect_type == "defective")
    pixels, mask = render(one)
    assert mask is None
    assert np.array_equal(pixels, one.cell.load())
    assert one.origin is Origin.REAL


def test_a_cell_of_another_size_is_refused() -> None:
    odd = replace(cell(0, 0.0), load=lambda: np.zeros((200, 300), np.uint8))
    with pytest.raises(BadImageError, match="cell0000"):
        render(PlannedCell(cell=odd))
