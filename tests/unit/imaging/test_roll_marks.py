import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.roll_marks import RollMark, Streak, StreakScatter, coverage, mark_mask, touching


def test_a_mark_recurs_at_the_circumference_within_a_line_and_does_not_drift() -> None:
    mark = RollMark(circumference_lines=733.4, first_line=100, column_px=0)
    starts = mark.starts(0, 100_000)
    assert starts[:3] == [100, 833, 1567]
    assert max(abs(start - 100 - 733.4 * turn) for turn, start in enumerate(starts)) <= 0.5
    assert len(starts) == 137


@given(first=st.integers(0, 5000), count=st.integers(1, 600), end=st.none() | st.integers(0, 4000))
def test_the_prints_of_some_lines_are_those_of_all_that_touch_them(first: int, count: int, end: int | None) -> None:
    mark = RollMark(circumference_lines=210.7, first_line=37, column_px=0, size_px=40, end_line=end)
    every = mark.starts(0, 10_000)
    assert mark.starts(first, first + count) == [one for one in every if one + 40 > first and one < first + count]
    assert end is None or all(one < end for one in every)


def test_a_mark_looks_the_same_at_every_turn_and_fills_part_of_its_patch() -> None:
    mark = RollMark(circumference_lines=500, first_line=0, column_px=0, seed=5)
    assert coverage(mark) is coverage(RollMark(circumference_lines=500, first_line=0, column_px=0, seed=5))
    assert 0.05 < mark_mask(mark).mean() < 0.6
    assert coverage(mark).max() == pytest.approx(1.0)
    assert not mark_mask(mark)[[0, -1]].any()


def test_a_streak_is_on_its_lines_and_columns_only_and_darkens_by_its_contrast() -> None:
    streak = Streak(first_line=100, end_line=260, column_px=50.5, width_px=3, contrast=0.2)
    first, end = streak.columns
    factor = streak.factor(np.arange(0, 400))
    assert np.flatnonzero((factor != 1.0).any(axis=1)).tolist() == list(range(100, 260))
    assert factor[180].tolist() == pytest.approx(np.where(streak.mask(), 0.8, 1.0).tolist())
    assert np.flatnonzero(streak.mask()).tolist() == [49 - first, 50 - first, 51 - first]
    assert first < 49
    assert end > 52


def test_a_streak_thinner_than_a_pixel_still_has_a_column() -> None:
    assert Streak(first_line=0, end_line=9, column_px=7.2, width_px=0.4).mask().sum() == 1


def test_scattered_streaks_come_as_often_as_asked_and_the_same_from_anywhere() -> None:
    scatter = StreakScatter(key=(1, 2), per_line=1 / 5000, columns=(100.0, 900.0))
    every = scatter.between(0, 2_000_000)
    assert len(every) == pytest.approx(400, abs=80)
    assert all(100 <= one.column_px <= 900 and 1000 <= one.end_line - one.first_line <= 12_000 for one in every)
    assert scatter.between(700_000, 700_512) == touching(every, 700_000, 700_512) != []


@pytest.mark.parametrize("wrong", [{"end_line": 0}, {"end_line": 5, "width_px": 0.0}, {"end_line": 5, "contrast": 1.5}])
def test_a_streak_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="streak from line 0"):
        Streak(**{"first_line": 0, "column_px": 5.0, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"circumference_lines": 20}, {"size_px": 4}, {"column_px": -1}, {"contrast": 2}])
def test_a_roll_mark_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadDataError, match="roll mark"):
        RollMark(**{"circumference_lines": 500, "first_line": 0, "column_px": 0, **wrong})
