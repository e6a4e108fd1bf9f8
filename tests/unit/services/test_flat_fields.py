import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.material import Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import AlteredError, BadDataError, NotFoundError
from inspect_pipeline.imaging.flatfield import correct, from_references
from inspect_pipeline.imaging.line_camera import LineCamera, LineCameraSettings
from inspect_pipeline.imaging.stripes import residual_stripes
from inspect_pipeline.services.flat_fields import FlatFields
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.images import InMemoryImages

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
WIDTH = 256
TAKEN = CaptureSettings(exposure_us=50.0, gain_db=6.0, temperature_c=40.0, bits=12)


class Shop:
    """A camera and empty stores."""

    def __init__(self) -> None:
        self.camera = LineCamera(
            LineCameraSettings(width_px=WIDTH, lines_per_frame=64, bit_depth=12, dead_columns=2, hot_columns=1),
            np.random.default_rng(3),
        )
        self.images, self.catalog = InMemoryImages(), InMemoryCatalog()
        self.flat_fields = FlatFields(catalog=self.catalog, images=self.images)
        self.dark = [frame(self.camera.dark_reference(lines=200), f"dark-{part}") for part in range(3)]
        self.bright = [frame(self.camera.bright_reference(lines=200), f"bright-{part}") for part in range(3)]

    def build(self, *, target: float | None = None, camera: str = "left") -> FlatFieldVersion:
        return self.flat_fields.build(self.dark, self.bright, camera=camera, operator="op", target=target)

    def versions(self) -> list[FlatFieldVersion]:
        with self.catalog.transaction() as unit:
            return list(unit.flat_fields())


def frame(pixels: Pixels, source: str, *, settings: CaptureSettings = TAKEN, camera: str = "left") -> Frame:
    return Frame(
        id=source,
        pixels=pixels,
        first_line=0,
        captured_at=START,
        mm_per_px_across=0.1,
        mm_per_px_along=0.1,
        camera=camera,
        source=source,
        settings=settings,
    )


@pytest.fixture
def shop() -> Shop:
    return Shop()


def lines_of(frames: Sequence[Capture]) -> np.ndarray:
    return np.concatenate([one.pixels for one in frames if isinstance(one, Frame)])


def test_a_version_is_built_from_all_lines_of_all_captures_stored_and_listed(shop: Shop) -> None:
    version = shop.build(target=3000.0)
    assert shop.versions() == [version]
    assert version.address.endswith(".flat")
    wanted = from_references(lines_of(shop.dark), lines_of(shop.bright), target=3000.0, full_scale=4095)
    loaded = shop.flat_fields.load(version)
    assert np.array_equal(loaded.dark, wanted.dark)
    assert np.array_equal(loaded.gain, wanted.gain)
    assert (version.width_px, version.lines, version.target) == (WIDTH, 600, 3000.0)
    assert (version.camera, version.operator, version.settings) == ("left", "op", TAKEN)
    assert version.dead_columns == shop.camera.dead_columns == loaded.dead_columns
    assert version.hot_columns == shop.camera.hot_columns == loaded.hot_columns
    assert version.built_at == START  # when its references were taken: its age counts from then


def test_the_loaded_flat_field_takes_the_stripes_out_of_a_frame(shop: Shop) -> None:
    flat = shop.flat_fields.load(shop.build())
    raw = shop.camera.expose(np.full((1000, WIDTH), 150, np.uint8))
    assert residual_stripes(raw, full_scale=4095) > 2.0
    assert residual_stripes(correct(raw, flat), full_scale=4095) < 0.5


def test_the_residual_is_measured_on_lines_that_did_not_build_the_flat_field(shop: Shop) -> None:
    honest = shop.build().residual
    flat = from_references(lines_of(shop.dark), lines_of(shop.bright), full_scale=4095)
    own = residual_stripes(correct(lines_of(shop.bright), flat), full_scale=4095)
    assert 2 * own < honest < 0.5


def test_without_a_target_the_highest_that_clips_nothing_is_kept_with_the_version(shop: Shop) -> None:
    version = shop.build()
    assert correct(np.full((1, WIDTH), 4095, np.uint16), shop.flat_fields.load(version)).max() == 4095
    assert version.target == shop.flat_fields.load(version).target


def test_the_same_references_give_the_same_version_as_it_was_stored_first(shop: Shop) -> None:
    first = shop.build()
    assert shop.build() == first
    assert shop.versions() == [first]
    assert shop.images.written == 1


def test_another_camera_settings_or_references_make_another_version(shop: Shop) -> None:
    built = {shop.build().id, shop.build(target=3000.0).id}
    for change in (
        CaptureSettings(exposure_us=51.0, bits=12),
        CaptureSettings(exposure_us=50.0, reverse=True, bits=12),
    ):
        shop.dark = [replace(one, settings=change) for one in shop.dark]
        shop.bright = [replace(one, settings=change) for one in shop.bright]
        built.add(shop.build().id)
    shop.dark = [replace(one, camera="right") for one in shop.dark]
    shop.bright = [replace(one, camera="right") for one in shop.bright]
    built.add(shop.build(camera="right").id)
    assert len(built) == len(shop.versions()) == 5


def test_settings_that_a_source_leaves_out_are_taken_from_the_others_and_temperatures_averaged(shop: Shop) -> None:
    shop.dark = [replace(one, settings=CaptureSettings(bits=12)) for one in shop.dark]
    shop.bright = [
        replace(one, settings=replace(TAKEN, temperature_c=float(40 + part))) for part, one in enumerate(shop.bright)
    ]
    assert shop.build().settings == replace(TAKEN, temperature_c=41.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exposure_us": 52.0}, r"exposure 52\.0 us, not 50\.0"),
        ({"gain_db": 0.0}, r"gain 0\.0 dB, not 6\.0"),
        ({"reverse": True}, "the other scan direction"),
        ({"bits": 10}, "10 bits, not 12"),
        ({"bits": None}, "None bits, not 12"),
    ],
)
def test_references_with_settings_that_disagree_are_refused(shop: Shop, change: dict[str, float], reason: str) -> None:
    shop.bright[1] = replace(shop.bright[1], settings=replace(TAKEN, **change))  # type: ignore[arg-type]
    with pytest.raises(BadDataError, match=f"reference bright-1 was taken with other settings .*: {reason}"):
        shop.build()
    assert shop.versions() == []
    assert shop.images.written == 0


def test_exposures_that_a_camera_reads_back_a_little_different_are_the_same(shop: Shop) -> None:
    shop.bright[1] = replace(shop.bright[1], settings=replace(TAKEN, exposure_us=50.2))
    assert shop.build().settings.exposure_us == 50.0


def test_references_of_another_depth_width_or_camera_are_refused(shop: Shop) -> None:
    for wrong, reason in (
        (replace(shop.bright[1], pixels=np.zeros((64, WIDTH), np.uint8)), "pixels uint8, the others uint16"),
        (replace(shop.bright[1], pixels=np.zeros((64, 9), np.uint16)), "same camera set-up"),
        (replace(shop.bright[1], camera="right"), "of camera right, not of left"),
    ):
        shop.bright[1] = wrong
        with pytest.raises(BadDataError, match=reason):
            shop.build()


def test_an_unusable_capture_is_no_reference(shop: Shop) -> None:
    captures: list[Capture] = [*shop.bright, UnusableCapture(source="b.tif", reason="truncated", camera="left")]
    with pytest.raises(BadDataError, match=r"reference b\.tif is unusable: truncated; take it again"):
        shop.flat_fields.build(shop.dark, captures, camera="left", operator="op")


def test_lines_below_the_valid_ones_of_a_torn_reference_are_not_used(shop: Shop) -> None:
    good = shop.build()
    stale = np.full((50, WIDTH), 4095, np.uint16)
    torn = np.concatenate([shop.bright[2].pixels, stale])
    shop.bright[2] = replace(shop.bright[2], pixels=torn, valid_lines=200)
    assert shop.build().id == good.id


def test_too_few_lines_are_refused_whatever_the_number_of_captures(shop: Shop) -> None:
    shop.dark = [frame(shop.camera.dark_reference(lines=5), f"dark-{part}") for part in range(3)]
    with pytest.raises(BadDataError, match="a reference has 15 lines; give 16 or more"):
        shop.build()
    shop.dark = []
    with pytest.raises(BadDataError, match="a reference has 0 lines"):
        shop.build()


def test_captures_of_a_camera_that_come_once_are_enough_and_none_is_kept(shop: Shop) -> None:
    made: list[weakref.ref[Pixels]] = []
    most = 0

    def once(frames: Sequence[Frame]) -> Iterator[Capture]:
        nonlocal most
        for one in frames:
            capture = replace(one, pixels=one.pixels.copy())
            made.append(weakref.ref(capture.pixels))
            most = max(most, sum(pixels() is not None for pixels in made))
            yield capture
            del capture

    version = shop.flat_fields.build(once(shop.dark), once(shop.bright), camera="left", operator="op")
    assert version.id == shop.build().id
    assert len(made) == 6
    assert most <= 2  # the one that is averaged, and the next


def test_a_version_is_read_once_and_altered_or_lost_files_are_errors(shop: Shop) -> None:
    version = shop.build()
    flat = shop.flat_fields.load(version)
    content = shop.images.contents.pop(version.address)
    assert shop.flat_fields.load(version) is flat
    fresh = FlatFields(catalog=shop.catalog, images=shop.images)
    with pytest.raises(NotFoundError):
        fresh.load(version)
    shop.images.contents[version.address] = content[:-1] + b"\x01"
    with pytest.raises(AlteredError):
        fresh.load(version)


def test_a_file_that_is_not_the_one_of_its_row_is_refused(shop: Shop) -> None:
    version = shop.build()
    fresh = FlatFields(catalog=shop.catalog, images=shop.images)
    for wrong in (
        replace(version, width_px=WIDTH + 1),
        replace(version, dead_columns=()),
        replace(version, hot_columns=()),
    ):
        with pytest.raises(BadDataError, match="than its row says"):
            fresh.load(wrong)
