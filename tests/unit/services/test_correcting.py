"""Each frame gets the flat field that holds for it, or says why it must not be judged; never a wrong one."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.flat_field import FlatFieldUse, FlatFieldVersion
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.imaging.flatfield import FlatField
from inspect_pipeline.services.correcting import Correcting, CorrectionRule

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
WIDTH = 8


def version(name: str, *, days: float = 0.0, exposure_us: float = 40.0, camera: str = "camera-0") -> FlatFieldVersion:
    return FlatFieldVersion(
        id=name,
        camera=camera,
        built_at=NOON - timedelta(days=days),
        settings=CaptureSettings(exposure_us=exposure_us),
        width_px=WIDTH,
        lines=2048,
        target=150.0,
        residual=0.1,
        address=f"{name}.flat",
        operator="operator-7",
    )


def frame(*, exposure_us: float = 40.0, camera: str = "camera-0") -> Frame:
    return Frame(
        id="f",
        pixels=np.zeros((4, WIDTH), np.uint8),
        first_line=0,
        captured_at=NOON,
        mm_per_px_across=0.1,
        mm_per_px_along=0.1,
        camera=camera,
        settings=CaptureSettings(exposure_us=exposure_us),
    )


def correcting(*versions: FlatFieldVersion, use: FlatFieldUse = FlatFieldUse.AUTO) -> Correcting:
    def load(one: FlatFieldVersion) -> FlatField:
        return FlatField(dark=np.zeros(WIDTH, np.float32), gain=np.full(WIDTH, len(one.id), np.float32))

    return Correcting(versions=versions, rules=lambda _camera: CorrectionRule(use=use), load=load)


def test_the_newest_version_that_holds_is_used_and_named() -> None:
    found = correcting(version("old", days=20), version("newer", days=3), version("wrong", exposure_us=80))(frame())
    assert (found.version, found.reasons) == ("newer", ())
    assert found.flat is not None
    assert found.flat.gain[0] == len("newer")


def test_a_camera_without_any_version_stays_raw() -> None:
    found = correcting(version("a", camera="camera-1"))(frame())
    assert (found.flat, found.version, found.reasons) == (None, None, ())


def test_a_frame_that_no_version_holds_for_is_not_judged_and_the_newest_says_why() -> None:
    found = correcting(version("old", days=2), version("new", days=1))(frame(exposure_us=80.0))
    assert found.flat is None
    [reason] = found.reasons
    assert reason.startswith("flat field new does not hold: exposure 40.0 us, the frame's is 80.0 us")


def test_a_camera_that_needs_a_flat_field_and_has_none_is_not_judged() -> None:
    [reason] = correcting(use=FlatFieldUse.REQUIRED)(frame()).reasons
    assert "has no flat field and needs one" in reason


@pytest.mark.parametrize("exposure_us", [40.0, 80.0])
def test_off_leaves_every_frame_as_it_came(exposure_us: float) -> None:
    found = correcting(version("a"), use=FlatFieldUse.OFF)(frame(exposure_us=exposure_us))
    assert (found.flat, found.reasons) == (None, ())
