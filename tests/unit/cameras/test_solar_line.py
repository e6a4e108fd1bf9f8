import numpy as np
import pytest

from inspect_pipeline.cameras.solar_line import SolarLine, SolarLineSettings
from inspect_pipeline.cameras.solar_plan import PlannedCell, plan_cells
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.ledger import Cover, Span, ledger
from inspect_pipeline.domain.material import Frame, Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.flatfield import correct, from_references
from tests.unit.cameras.solar import cell, cells


def plan() -> list[PlannedCell]:
    return plan_cells(
        cells(),
        real_defective=6,
        functional=20,
        painted={"crack": 6, "dark_spot": 4},
        generator=np.random.default_rng(0),
    )


def line(*, seed: int = 3, lost: int = 1, torn: int = 0) -> SolarLine:
    return SolarLine(plan(), SolarLineSettings(lost_frames=lost, torn_frames=torn), seed=seed)


def frames(source: SolarLine) -> list[Frame]:
    found = list(source)
    assert all(isinstance(one, Frame) for one in found)
    return [one for one in found if isinstance(one, Frame)]


def test_frames_are_two_rows_of_six_cells_and_the_lost_one_leaves_a_gap() -> None:
    source = line()
    found = frames(source)
    assert [one.pixels.shape for one in found] == [(600, 1800)] * 2
    spans = [
        Span(frame=one.id, camera=one.camera, first_line=one.first_line, line_count=one.line_count) for one in found
    ]
    gaps = ledger(spans, expected_lines=source.expected_lines).of(Cover.MISSING)
    assert source.expected_lines == 1800
    (lost,) = source.lost_frames
    assert [(gap.first_line, gap.line_count) for gap in gaps] == [(lost * 600, 600)]


def test_the_same_seed_gives_the_same_frames_on_every_pass() -> None:
    source = line()
    first, again, other = frames(source), frames(source), frames(line(seed=4))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].pixels, other[0].pixels)


def test_the_corrected_frame_shows_each_cell_where_the_truth_says_it_lies() -> None:
    source = line(lost=0)
    flat = from_references(source.dark_reference, source.bright_reference, target=source.settings.reference_level)
    assert len(flat.dead_columns) == 2
    levels = {one.cell.name: int(one.cell.load()[0, 0]) for one in plan()}
    for frame in frames(source):
        corrected = correct(frame.pixels, flat)
        for placed in source.truth[frame.source]:
            roi = placed.roi
            median = np.median(corrected[roi.top : roi.bottom, roi.left : roi.right])
            assert median == pytest.approx(levels[placed.cell], abs=2)


def test_the_truth_tells_real_from_simulated_and_masks_only_what_was_painted() -> None:
    source = line(lost=0)
    placed = [one for every in source.truth.values() for one in every]
    assert len(placed) == 36
    assert {one.defect_type for one in placed if one.origin is Origin.SIMULATED} == {"crack", "dark_spot"}
    assert {one.defect_type for one in placed if one.origin is Origin.REAL} == {None, "defective"}
    for one in placed:
        assert (one.mask is not None) == (one.origin is Origin.SIMULATED)
        assert one.mask is None or (one.mask.shape == (300, 300) and one.mask.any())


def test_the_mask_covers_the_pixels_that_were_painted_in_the_frame() -> None:
    source = line(lost=0)
    flat = from_references(source.dark_reference, source.bright_reference, target=source.settings.reference_level)
    levels = {one.cell.name: int(one.cell.load()[0, 0]) for one in plan()}
    contrasts = []
    for frame in frames(source):
        corrected = correct(frame.pixels, flat).astype(float)
        for placed in source.truth[frame.source]:
            if placed.mask is not None:
                roi = placed.roi
                change = corrected[roi.top : roi.bottom, roi.left : roi.right] - levels[placed.cell]
                contrasts.append(change[placed.mask].mean())
                assert np.abs(change[~placed.mask]).mean() < 3
    assert max(contrasts) < -5


def test_a_torn_frame_keeps_only_the_truth_of_whole_cells_above_the_tear() -> None:
    source = line(lost=0, torn=1)
    ((torn, valid),) = source.torn_frames.items()
    frame = next(one for one in frames(source) if one.sequence == torn)
    assert frame.valid_lines == valid
    assert len(source.truth[frame.source]) == (6 if valid >= 300 else 0)
    assert [one.valid_lines for one in frames(source) if one.sequence != torn] == [None, None]


def test_lost_cells_are_in_no_truth_and_every_frame_has_one() -> None:
    source = line()
    assert sorted(source.truth) == sorted(one.source for one in source)
    assert sum(len(placed) for placed in source.truth.values()) == 24


def test_places_run_along_the_row_first() -> None:
    rois = [one.roi for one in line().truth["camera-0-000000"]]
    assert rois[1] == Roi(top=0, left=300, bottom=300, right=600)
    assert rois[6] == Roi(top=300, left=0, bottom=600, right=300)


def test_cells_that_do_not_fill_the_last_frame_and_too_many_losses_are_refused() -> None:
    with pytest.raises(BadDataError, match="13 cells do not fill frames of 12"):
        SolarLine([PlannedCell(cell=cell(0, 0.0))] * 13, SolarLineSettings(), seed=0)
    with pytest.raises(BadDataError, match="2 lost and 1 torn frames do not fit 3 frames"):
        SolarLine(plan(), SolarLineSettings(lost_frames=2, torn_frames=1), seed=0)


def test_capture_times_and_scale_follow_the_line() -> None:
    found = frames(line(lost=0))
    assert (found[1].captured_at - found[0].captured_at).total_seconds() == pytest.approx(0.3)
    assert found[0].mm_per_px_along == 0.52
