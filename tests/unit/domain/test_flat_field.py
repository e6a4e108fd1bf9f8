from datetime import UTC, datetime, timedelta

import pytest

from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.flat_field import (
    FlatFieldChoice,
    FlatFieldValidity,
    FlatFieldVersion,
    choose_flat_field,
)

BUILT = datetime(2026, 3, 1, tzinfo=UTC)
TAKEN = CaptureSettings(exposure_us=50.0, gain_db=6.0, temperature_c=40.0, bits=12)


def version(
    name: str = "a" * 64, *, days: float = 0.0, camera: str = "left", settings: CaptureSettings = TAKEN
) -> FlatFieldVersion:
    return FlatFieldVersion(
        id=name,
        camera=camera,
        built_at=BUILT + timedelta(days=days),
        settings=settings,
        width_px=4096,
        lines=2048,
        target=3000.0,
        residual=0.1,
        address="f.flat",
        operator="op",
    )


def choose(
    *versions: FlatFieldVersion, settings: CaptureSettings = TAKEN, width_px: int = 4096, days: float = 1.0
) -> FlatFieldChoice:
    return choose_flat_field(
        versions,
        camera="left",
        width_px=width_px,
        settings=settings,
        captured_at=BUILT + timedelta(days=days),
        validity=FlatFieldValidity(),
    )


def test_the_newest_version_that_holds_is_chosen_whatever_the_order_of_the_list() -> None:
    old, new = version("old"), version("new", days=0.5)
    assert choose(old, new) == choose(new, old) == FlatFieldChoice(version=new)


def test_an_older_version_that_holds_comes_before_a_newer_one_that_does_not() -> None:
    old = version("old")
    new = version("new", days=0.5, settings=CaptureSettings(exposure_us=80.0))
    assert choose(old, new).version == old


def test_a_camera_without_versions_has_no_reason_either() -> None:
    assert choose() == choose(version(camera="right")) == FlatFieldChoice()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (CaptureSettings(exposure_us=50.6), r"exposure 50.0 us, the frame's is 50.6 us"),
        (CaptureSettings(gain_db=6.2), r"gain 6.0 dB, the frame's is 6.2 dB"),
        (CaptureSettings(temperature_c=29.0), "sensor at 40.0 C, now at 29.0 C"),
        (CaptureSettings(reverse=True), "scan direction forward, the frame's is reverse"),
        (CaptureSettings(bits=8), "12 bit, the frame has 8"),
    ],
)
def test_settings_that_differ_too_much_do_not_hold_and_say_why(frame: CaptureSettings, reason: str) -> None:
    chosen = choose(version(), settings=frame)
    assert chosen.version is None
    assert chosen.reasons == (f"flat field {'a' * 12} does not hold: {reason}",)


@pytest.mark.parametrize(
    "frame",
    [
        CaptureSettings(exposure_us=50.5),
        CaptureSettings(exposure_us=49.5),
        CaptureSettings(gain_db=6.1),
        CaptureSettings(gain_db=5.9),
        CaptureSettings(temperature_c=30.0),
        CaptureSettings(temperature_c=50.0),
        CaptureSettings(),
    ],
    ids=str,
)
def test_settings_within_their_tolerance_or_not_told_hold(frame: CaptureSettings) -> None:
    assert choose(version(), settings=frame).version == version()


def test_what_the_references_do_not_say_is_not_compared() -> None:
    silent = version(settings=CaptureSettings())
    assert choose(silent).version == silent


def test_a_version_of_another_width_does_not_hold() -> None:
    (reason,) = choose(version(), width_px=2048).reasons
    assert reason.endswith("does not hold: 4096 columns, the frame has 2048")


@pytest.mark.parametrize(("days", "holds"), [(30.0, True), (30.1, False), (-30.0, True), (-30.1, False)])
def test_a_version_holds_for_its_age_in_either_direction(days: float, holds: bool) -> None:
    chosen = choose(version(), days=days)
    assert (chosen.version is not None) == holds
    if not holds:
        assert chosen.reasons[0].endswith(f"does not hold: {days:.0f} days old, at most 30")


def test_every_version_that_does_not_hold_says_everything_that_is_wrong_newest_first() -> None:
    frame = CaptureSettings(exposure_us=80.0, gain_db=0.0)
    old, new = version("old"), version("new", days=0.5)
    reasons = choose(old, new, settings=frame).reasons
    assert [reason.split()[2] for reason in reasons] == ["new", "old"]
    assert all("exposure" in reason and "gain" in reason for reason in reasons)
