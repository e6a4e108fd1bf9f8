from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.cameras.synthetic import SyntheticLine, SyntheticSettings, over_one_web
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.flatfield import correct, from_references
from inspect_pipeline.imaging.line_camera import LineCameraSettings
from inspect_pipeline.imaging.roll_marks import Streak
from inspect_pipeline.imaging.web_defects import WebDefect
from inspect_pipeline.imaging.web_material import WebSettings

CAMERA = LineCameraSettings(width_px=160, lines_per_frame=64, dead_columns=1, hot_columns=1)
WEB = WebSettings(width_px=160, texture="film", defects_per_m2=2000.0, wander_px=3.0, wander_lines=256)
SMALL = SyntheticSettings(frames=6, seed=3, line=CAMERA, web=WEB, reference_lines=256)
EXACT = replace(CAMERA, encoder_jitter_lines=0.0, dead_columns=0, hot_columns=0)


def frames(captures: object) -> list[Frame]:
    found: list[Capture] = list(captures)  # type: ignore[call-overload]
    assert all(isinstance(one, Frame) for one in found)
    return [one for one in found if isinstance(one, Frame)]


def source(settings: SyntheticSettings = SMALL) -> SyntheticLine:
    return SyntheticLine(settings)


def same(ones: list[Frame], others: list[Frame]) -> bool:
    pairs = zip(ones, others, strict=True)
    return all(
        np.array_equal(one.pixels, other.pixels)
        and (one.sequence, one.encoder, one.first_line, one.valid_lines, one.captured_at)
        == (other.sequence, other.encoder, other.first_line, other.valid_lines, other.captured_at)
        for one, other in pairs
    )


def test_a_frame_carries_its_numbers_its_scale_and_how_the_camera_was_set() -> None:
    found = frames(source())
    assert [one.sequence for one in found] == [0, 1, 2, 3, 4, 5]
    assert [one.first_line for one in found] == [0, 64, 128, 192, 256, 320]
    assert all(one.encoder is not None and abs(one.encoder - one.first_line) <= 3 for one in found)
    third = found[2]
    assert (third.id, third.source, third.camera) == ("camera-0-000002", "camera-0-000002", "camera-0")
    assert third.pixels.shape == (64, 160)
    assert (third.mm_per_px_across, third.mm_per_px_along, third.valid_lines) == (0.1, 0.1, None)
    assert third.settings == CaptureSettings(exposure_us=40.0, gain_db=0.0, temperature_c=38.0, bits=8)
    assert (found[3].captured_at - third.captured_at).total_seconds() == pytest.approx(64 / 20_000, abs=1e-6)
    assert (source().expected_lines, source().expected_cameras) == (384, ("camera-0",))


def test_twelve_bits_come_in_sixteen() -> None:
    deep = source(replace(SMALL, line=replace(CAMERA, bit_depth=12)))
    first = next(iter(deep))
    assert isinstance(first, Frame)
    assert (first.pixels.dtype, first.settings.bits) == (np.uint16, 12)
    assert 255 < first.pixels.max() <= 4095


def test_the_same_seed_gives_the_same_frames_on_every_pass_and_another_seed_or_name_others() -> None:
    one = source()
    first = frames(one)
    assert same(first, frames(one))
    assert same(first, frames(source()))
    for other in (replace(SMALL, seed=4), replace(SMALL, name="camera-1")):
        assert not np.array_equal(first[0].pixels, frames(source(other))[0].pixels)


TROUBLED = replace(
    SMALL,
    frames=30,
    line=replace(
        CAMERA,
        lost_frame_probability=0.2,
        torn_frame_probability=0.4,
        dropped_line_probability=0.02,
        repeated_line_probability=0.02,
        vibration_px=0.5,
        vibration_blur_lines=2.0,
    ),
)


def test_a_pass_that_starts_in_the_middle_gives_what_the_whole_pass_gives() -> None:
    whole = frames(source(TROUBLED))
    assert any(one.valid_lines is not None for one in whole)
    assert len(whole) < 30
    for start in range(30):
        part = frames(islice(source(TROUBLED).from_frame(start), 1))
        assert same(part, [one for one in whole if one.sequence >= start][:1])
    assert same(frames(source(TROUBLED).from_frame(17)), [one for one in whole if one.sequence >= 17])


def test_a_torn_frame_holds_the_frame_before_below_its_valid_lines() -> None:
    torn_only = replace(TROUBLED, line=replace(CAMERA, torn_frame_probability=0.5))
    torn, whole = frames(source(torn_only)), frames(source(replace(torn_only, line=CAMERA)))
    assert any(one.valid_lines for one in torn)
    for number, one in enumerate(torn):
        valid = 64 if one.valid_lines is None else one.valid_lines
        assert np.array_equal(one.pixels[:valid], whole[number].pixels[:valid])
        stale = whole[number - 1].pixels[valid:] if number else 0
        assert np.array_equal(one.pixels[valid:], np.zeros_like(one.pixels[valid:]) + stale)


def test_truth_says_which_frames_are_lost_and_ends_at_the_tear() -> None:
    camera = source(TROUBLED)
    arrived = {one.sequence: one for one in frames(camera)}
    for number in range(30):
        truth = camera.truth(number)
        assert truth.lost == (number not in arrived)
        if not truth.lost:
            valid = arrived[number].valid_lines
            assert truth.source == arrived[number].source
            assert truth.material_lines.size == truth.left_px.size == (64 if valid is None else valid)
            assert all(one.roi.bottom <= truth.material_lines.size for one in truth.defects)


def test_encoder_and_line_count_part_company_by_the_lines_dropped_less_those_repeated() -> None:
    line = replace(EXACT, dropped_line_probability=0.05, repeated_line_probability=0.02)
    camera = source(replace(SMALL, frames=20, line=line))
    apart = 0
    for frame in frames(camera):
        truth = camera.truth(frame.sequence)
        missed_first = int(truth.material_lines[0]) - 64 * frame.sequence - apart
        assert frame.encoder == truth.material_lines[0]
        assert frame.encoder - 64 * frame.sequence == apart + missed_first
        assert truth.dropped >= missed_first >= 0
        apart += truth.dropped - truth.repeated
    assert apart > 20
    assert camera.expected_lines == 20 * 64 + apart


def test_dropped_lines_are_missing_in_the_pixels() -> None:
    rough = replace(WEB, texture="paper", texture_contrast=4.0)
    still = replace(SMALL, line=replace(EXACT, read_noise=0.0, full_well_e=1e12), web=rough)
    whole = np.concatenate([one.pixels for one in frames(source(still))]).astype(int)
    camera = source(replace(still, frames=4, line=replace(still.line, dropped_line_probability=0.1)))
    for frame in frames(camera):
        lines = camera.truth(frame.sequence).material_lines
        assert np.abs(frame.pixels - whole[lines]).max() <= 1
        assert np.abs(frame.pixels - whole[lines - 1]).max() > 10


def test_a_repeated_line_is_an_exact_copy() -> None:
    camera = source(replace(SMALL, line=replace(EXACT, repeated_line_probability=0.1)))
    copies = 0
    for frame in frames(camera):
        again = np.flatnonzero(np.diff(camera.truth(frame.sequence).material_lines) == 0)
        assert np.array_equal(frame.pixels[again + 1], frame.pixels[again])
        copies += again.size
    assert copies > 10


def corrected(camera: SyntheticLine) -> NDArray[np.float64]:
    settings = camera.settings
    flat = from_references(
        camera.dark_reference.pixels, camera.bright_reference.pixels, target=settings.reference_level
    )
    return np.concatenate([correct(one.pixels, flat) for one in frames(camera)]).astype(float)


def test_the_references_flatten_the_frames_to_the_levels_of_the_web() -> None:
    plain = replace(WEB, defects_per_m2=0.0, texture_contrast=0.0)
    camera = source(replace(SMALL, line=replace(CAMERA, hot_columns=0, fall_off=0.4), web=plain))
    strip = corrected(camera)[:, 20:140]
    assert strip.mean() == pytest.approx(150, abs=1.0)
    assert strip.mean(axis=0).std() < 0.8
    assert len(camera.dead_columns) == 1


def test_the_strip_lies_where_the_edges_of_the_truth_say() -> None:
    wide = replace(WEB, defects_per_m2=0.0, strip_px=110, wander_px=6.0, background=30.0)
    camera = source(replace(SMALL, line=replace(CAMERA, dead_columns=0, hot_columns=0), web=wide))
    image = corrected(camera)
    for number in range(6):
        rows = image[64 * number : 64 * number + 64]
        truth = camera.truth(number)
        left = 80 - (rows[:, :80] > 90).sum(axis=1)
        right = 80 + (rows[:, 80:] > 90).sum(axis=1)
        assert np.abs(left - truth.left_px).max() < 1.0
        assert np.abs(right - truth.right_px).max() < 1.0
        assert truth.edges.left_px == pytest.approx(truth.left_px.mean())
        assert truth.edges.right_px == pytest.approx(truth.right_px.mean())


def test_masks_cover_what_the_defects_change_in_the_frames_also_with_lines_dropped_and_a_trembling_view() -> None:
    troubled = replace(EXACT, dropped_line_probability=0.05, vibration_px=2.0, vibration_period_lines=150.0)
    spot = WebDefect(kind="dark_spot", line=110, column=50, strength=1.0, seed=3)
    streak = Streak(first_line=20, end_line=300, column_px=30.5, width_px=3, contrast=0.4)
    web = replace(WEB, defects_per_m2=0.0, defects=(spot,), streaks=(streak,))
    settings = replace(SMALL, line=troubled, web=web)
    without = source(replace(settings, web=replace(web, defects=(), streaks=())))
    change = np.zeros(2)
    for one, other in zip(frames(source(settings)), frames(without), strict=True):
        mask = np.zeros(one.pixels.shape, bool)
        for found in source(settings).truth(one.sequence).defects:
            mask[found.roi.top : found.roi.bottom, found.roi.left : found.roi.right] |= found.mask
        difference = np.abs(one.pixels.astype(float) - other.pixels)
        change += [difference[mask].sum(), difference[~mask & (difference > 12)].sum()]
    assert change[0] > 5000
    assert change[1] < 0.2 * change[0]


def test_two_cameras_see_the_same_defect_at_the_same_millimetre_of_the_machine() -> None:
    marks = [
        WebDefect(kind=kind, line=line, column=70, height_px=64, width_px=64, strength=1.0)
        for kind, line in (("dent", 10), ("crack", 120), ("dark_spot", 250))
    ]
    web = replace(WEB, width_px=220, defects_per_m2=0.0, defects=tuple(marks))
    left, right = (
        source(replace(SMALL, line=EXACT, web=web, name=name, view_left_px=view))
        for name, view in (("left", 0), ("right", 60))
    )
    shared = set()
    for number in range(6):
        seen = [{one.defect: one for one in camera.truth(number).defects} for camera in (left, right)]
        assert seen[0].keys() == seen[1].keys()
        for defect, one in seen[0].items():
            other = seen[1][defect]
            assert one.roi == other.roi.shifted(columns=60)
            assert np.array_equal(one.mask, other.mask)
            shared.add(defect)
    assert shared == set(marks)
    both = [np.mean([one.pixels for one in frames(camera)], axis=0) for camera in (left, right)]
    flat = [
        pixels / camera.bright_reference.pixels.mean(axis=0) for pixels, camera in zip(both, (left, right), strict=True)
    ]
    assert flat[0][:, 60:] == pytest.approx(flat[1][:, :100], abs=0.12)


def test_real_patches_become_the_material() -> None:
    patch = np.random.default_rng(0).normal(120, 15, (48, 48)).clip(0, 255).astype(np.uint8)
    settings = replace(SMALL, web=replace(WEB, texture="patches"))
    camera = SyntheticLine(settings, patches=[patch])
    assert frames(camera)[0].pixels[:, 40:120].std() > 8
    with pytest.raises(BadDataError, match="with 0 patches"):
        SyntheticLine(settings)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"frames": 0}, "of 0 frames"),
        ({"seed": -1}, "seed -1"),
        ({"name": ""}, "synthetic camera ''"),
        ({"lines_per_s": 0.0}, "0.0 lines a second"),
        ({"reference_level": 0}, "reference level 0"),
        ({"view_left_px": 1}, r"sees columns 1\.\.161, the web has 160"),
        ({"view_left_px": -1}, r"sees columns -1\.\.159"),
    ],
)
def test_a_source_that_cannot_run_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


def test_truth_of_a_frame_that_is_none_is_refused() -> None:
    with pytest.raises(BadDataError, match="has no frame 6; it takes 6"):
        source().truth(6)


def test_cameras_over_one_web_give_the_frames_that_each_gives_alone() -> None:
    both = [replace(SMALL, web=replace(WEB, width_px=220), name=f"camera-{at}", view_left_px=60 * at) for at in (0, 1)]
    shared = over_one_web(both)
    assert shared[0].material is shared[1].material
    for camera, alone in zip(shared, both, strict=True):
        assert same(frames(camera), frames(source(alone)))


def test_cameras_of_one_name_or_of_another_web_cannot_share_one() -> None:
    with pytest.raises(BadDataError, match="each with its own name"):
        over_one_web([SMALL, SMALL])
    with pytest.raises(BadDataError, match="cannot share"):
        over_one_web([])
    with pytest.raises(BadDataError, match="camera-1 shares a web of other settings"):
        over_one_web([SMALL, replace(SMALL, name="camera-1", seed=9)])
