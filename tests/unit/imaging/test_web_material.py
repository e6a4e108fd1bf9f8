from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.roll_marks import RollMark, Streak
from inspect_pipeline.imaging.web_defects import FAMILIES, WebDefect
from inspect_pipeline.imaging.web_material import WebMaterial, WebSettings
from inspect_pipeline.imaging.web_truth import View, as_strip_edges, true_defects, true_edges

SMALL = WebSettings(width_px=320, texture="metal", defects_per_m2=0.0)
PLAIN = replace(SMALL, texture_contrast=0.0, edge_roughness_px=0.0)


def web(settings: WebSettings = SMALL, *, seed: int = 1) -> WebMaterial:
    return WebMaterial(settings, seed=seed)


def view(first: int, count: int, *, left_px: int = 0, width_px: int = 320) -> View:
    lines = np.arange(first, first + count)
    return View(lines=lines, left_px=left_px, width_px=width_px, shift_px=np.zeros(count))


BUSY = replace(SMALL, defects_per_m2=3000.0, streaks_per_100_m=2000.0, wander_px=5.0)


@cache
def whole() -> NDArray[np.uint8]:
    return web(BUSY).lines(-300, 2300)


@given(first=st.integers(-300, 1900), count=st.integers(1, 100), left=st.integers(0, 300), width=st.integers(1, 20))
@settings(max_examples=15)
def test_any_lines_and_columns_are_the_same_alone_and_in_the_whole(
    first: int, count: int, left: int, width: int
) -> None:
    part = web(BUSY).lines(first, count, left_px=left, width_px=width)
    assert np.array_equal(part, whole()[first + 300 : first + 300 + count, left : left + width])


def test_another_seed_gives_another_web_and_the_iterator_the_blocks_in_order() -> None:
    assert not np.array_equal(web(seed=2).lines(0, 300), web(seed=1).lines(0, 300))
    blocks = iter(web())
    assert np.array_equal(np.concatenate([next(blocks), next(blocks)]), web().lines(0, 512))


def test_no_seam_shows_between_the_blocks() -> None:
    lines = web(replace(SMALL, wander_px=3.0)).lines(0, 2048).astype(float)
    steps = np.abs(np.diff(lines, axis=0)).mean(axis=1)
    assert steps[255::256].max() < 1.2 * np.percentile(steps, 99)


@pytest.mark.parametrize(("background", "level"), [(20.0, 150.0), (240.0, 100.0)])
def test_the_edges_in_the_pixels_are_where_the_truth_says(background: float, level: float) -> None:
    settings = replace(
        PLAIN, background=background, level=level, strip_px=270, wander_px=7.0, wander_lines=256, edge_roughness_px=1.0
    )
    material = web(settings)
    lines = material.lines(0, 1024).astype(float)
    left, right = true_edges(material, view(0, 1024))
    covered = (lines - background) / (level - background)
    assert np.ptp(left) > 10
    smooth = material.path.left_px + material.path.shift_px(np.arange(1024))
    assert min((left - smooth).std(), (right - smooth).std(), (right - left).std()) > 0.5  # each is rough on its own
    assert 160 - covered[:, :160].sum(axis=1) == pytest.approx(left, abs=0.02)
    assert 160 + covered[:, 160:].sum(axis=1) == pytest.approx(right, abs=0.02)


def test_straight_edges_fit_those_of_the_rows_and_end_at_the_view() -> None:
    rows = np.arange(101.0)
    edges = as_strip_edges(10 + 0.1 * rows, 400 - 0.2 * rows, width_px=500)
    assert (edges.left_px, edges.left_slope) == (pytest.approx(15), pytest.approx(0.1))
    assert (edges.right_px, edges.right_slope) == (pytest.approx(390), pytest.approx(-0.2))
    beyond = as_strip_edges(rows - 90, rows + 460, width_px=500)
    assert (beyond.left_px, beyond.left_slope, beyond.right_px, beyond.right_slope) == (None, 0.0, None, 0.0)


def changed(settings: WebSettings, first: int, count: int) -> NDArray[np.float64]:
    """How the lines differ from those of the same web without defects, streaks and marks."""
    bare = replace(settings, defects=(), streaks=(), roll_marks=(), defects_per_m2=0.0, streaks_per_100_m=0.0)
    return web(settings).lines(first, count).astype(float) - web(bare).lines(first, count).astype(float)


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_mask_of_a_defect_covers_the_pixels_that_it_changed(kind: str) -> None:
    column = 0 if FAMILIES[kind].at_edge else 120
    defect = WebDefect(kind=kind, line=200, column=column, strength=1.0, seed=3)
    settings = replace(SMALL, defects=(defect,), wander_px=9.0, wander_lines=300)
    change = np.abs(changed(settings, 0, 600))
    (found,) = true_defects(web(settings), view(0, 600))
    mask = np.zeros(change.shape, bool)
    roi = found.roi
    mask[roi.top : roi.bottom, roi.left : roi.right] = found.mask
    assert (found.kind, found.defect, found.line) == (kind, defect, 200)
    assert found.mask.shape == (roi.height, roi.width)
    assert found.mask.any(axis=1)[[0, -1]].all()
    assert found.mask.any(axis=0)[[0, -1]].all()
    assert change[mask].mean() > 10
    assert change[~mask].sum() < (1.3 if kind in ("coating_void", "abrasion") else 0.6) * change[mask].sum()
    assert (change[~mask] > 0.5 * np.percentile(change[mask], 90)).mean() < 0.002


def test_a_hole_shows_the_background() -> None:
    defect = WebDefect(kind="hole", line=100, column=100, seed=1)
    settings = replace(SMALL, defects=(defect,), background=230.0)
    (found,) = true_defects(web(settings), view(0, 300))
    roi = found.roi
    inside = web(settings).lines(0, 300)[roi.top : roi.bottom, roi.left : roi.right][found.mask]
    assert np.median(inside) == 230


def test_scattered_defects_have_truth_on_every_piece_of_the_web() -> None:
    settings = replace(SMALL, defects_per_m2=3000.0)
    material = web(settings)
    whole = true_defects(material, view(0, 1024))
    pieces = [(top, one) for top in range(0, 1024, 128) for one in true_defects(material, view(top, 128))]
    assert len({one.defect for one in whole}) > 5
    assert {one.defect for one in whole} == {one.defect for _, one in pieces}
    for one in whole:
        parts = [part.mask.sum() for _, part in pieces if part.defect == one.defect]
        assert sum(parts) == one.mask.sum()


def test_a_roll_mark_recurs_in_the_pixels_at_the_circumference_and_keeps_its_column() -> None:
    mark = RollMark(circumference_lines=300.3, first_line=50, column_px=150, contrast=0.4)
    settings = replace(PLAIN, roll_marks=(mark,), wander_px=8.0, wander_lines=256)
    dark = -changed(settings, 0, 1500)
    rows, columns = np.arange(1500)[:, None], np.arange(320)[None, :]
    centres = []
    for turn in range(5):
        part = dark[50 + round(turn * 300.3) - 5 :][:60]
        centres.append((float((part * rows[:60]).sum() / part.sum()), float((part * columns).sum() / part.sum())))
    assert np.ptp([row for row, _ in centres]) < 0.01
    assert np.ptp([column for _, column in centres]) < 0.01
    found = [one for one in true_defects(web(settings), view(0, 1500)) if one.kind == "roll_mark"]
    assert [one.line for one in found] == [50, 350, 651, 951, 1251]
    for one in found:
        inside = dark[one.roi.top : one.roi.bottom, one.roi.left : one.roi.right]
        assert ((inside > 0.3 * 0.4 * 150) != one.mask).mean() < 0.01
        assert inside[one.mask].sum() > 0.8 * dark[one.line : one.line + 48].sum()


def test_a_streak_is_in_the_pixels_of_its_lines_only_and_keeps_its_column() -> None:
    streak = Streak(first_line=200, end_line=900, column_px=140.5, width_px=3, contrast=0.3)
    settings = replace(PLAIN, streaks=(streak,), wander_px=8.0, wander_lines=256)
    dark = -changed(settings, 0, 1200)
    seen = np.flatnonzero((dark > 0).any(axis=1))
    assert (seen[0], seen[-1]) == (pytest.approx(200, abs=2), pytest.approx(899, abs=2))
    assert np.flatnonzero(dark[500] > 20).tolist() == [139, 140, 141]
    spans = [
        [one.roi for one in true_defects(web(settings), view(top, 256)) if one.kind == "streak"]
        for top in range(0, 1280, 256)
    ]
    assert [[(roi.top, roi.bottom) for roi in rois] for rois in spans] == [
        [(200, 256)], [(0, 256)], [(0, 256)], [(0, 132)], [],
    ]  # fmt: skip
    assert all((roi.left, roi.right) == (139, 142) for rois in spans for roi in rois)


def test_what_is_true_moves_with_a_view_that_trembles() -> None:
    mark = RollMark(circumference_lines=300, first_line=50, column_px=150)
    streak = Streak(first_line=0, end_line=900, column_px=40.5)
    spot = WebDefect(kind="dark_spot", line=50, column=200)
    material = web(replace(PLAIN, defects=(spot,), streaks=(streak,), roll_marks=(mark,)))
    still = view(0, 256)
    moved = View(lines=still.lines, left_px=0, width_px=320, shift_px=np.full(256, 4.0))
    pairs = list(zip(true_defects(material, still), true_defects(material, moved), strict=True))
    assert [one.kind for one, _ in pairs] == ["dark_spot", "streak", "roll_mark"]
    assert all(one.roi.shifted(columns=4) == other.roi for one, other in pairs)
    assert true_edges(material, moved)[0] == pytest.approx(true_edges(material, still)[0] + 4)


def test_what_would_be_darker_than_black_is_black() -> None:
    lines = web(replace(SMALL, texture_contrast=12.0, wander_px=0.0, edge_roughness_px=0.0)).lines(0, 256)[:, 20:300]
    assert (lines == 0).mean() > 0.05


def test_memory_holds_a_few_blocks_however_far_the_web_runs() -> None:
    material = web()
    for first in range(0, 4096, 512):
        material.lines(first, 512)
    assert len(material._blocks) <= 4


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"width_px": 32}, "web of 32 px"),
        ({"width_px": 40_000}, "web of 40000 px"),
        ({"mm_per_px_along": 0.0}, "sizes above 0"),
        ({"background": 300.0}, "over 300"),
        ({"strip_px": 10}, "strip of 10 px"),
        ({"streaks_per_100_m": -1.0}, "-1.0 streaks"),
    ],
)
def test_a_web_that_cannot_be_is_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("left", "width", "count"), [(-1, 10, 5), (300, 30, 5), (0, 10, 0)])
def test_columns_beyond_the_web_are_refused(left: int, width: int, count: int) -> None:
    with pytest.raises(BadDataError, match="not of this web"):
        web().lines(0, count, left_px=left, width_px=width)
