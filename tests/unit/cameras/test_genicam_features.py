"""A line camera is set by the names of the SFNC, and says what it made of that."""

from dataclasses import replace

import pytest

from inspect_pipeline.cameras.genicam_features import CameraFeatures, Value, apply, fitted
from inspect_pipeline.errors import ConfigError
from tests.unit.cameras.camera_fakes import FakeNodes


def line_camera() -> FakeNodes:
    """A camera whose exposure must fit its line period, and the line rate its exposure."""
    return FakeNodes(
        values={
            "Width": 4096,
            "Height": 512,
            "PixelFormat": "Mono8",
            "ExposureAuto": "Continuous",
            "ExposureTime": 90.0,
            "AcquisitionLineRate": 10_000.0,
            "Gain": 0.0,
            "TriggerSelector": "FrameStart",
            "TriggerMode": "Off",
            "TriggerSource": "Line0",
            "EncoderSelector": "Encoder0",
            "EncoderSourceA": "Off",
            "EncoderSourceB": "Off",
            "EncoderDivider": 1,
            "ChunkModeActive": False,
            "ChunkSelector": "FrameID",
            "ChunkEnable": False,
            "DeviceTemperature": 41.5,
            "BlackLevel": 0.0,
        },
        limits={
            "Width": lambda nodes: (16, 8192),
            "ExposureTime": lambda nodes: (2.0, 1e6 / float(nodes.values["AcquisitionLineRate"])),
            "AcquisitionLineRate": lambda nodes: (1.0, 1e6 / float(nodes.values["ExposureTime"])),
        },
        entries={"PixelFormat": ("Mono8", "Mono12")},
    )


def old_camera() -> FakeNodes:
    return FakeNodes(
        values={
            "Width": 2048,
            "Height": 256,
            "PixelFormat": "Mono8",
            "ExposureTimeAbs": 100.0,
            "AcquisitionLineRateAbs": 500.0,
            "GainRaw": 0,
        }
    )


def test_everything_that_a_line_camera_needs_is_set_by_its_sfnc_name() -> None:
    nodes = line_camera()
    wanted = CameraFeatures(
        pixel_format="Mono12",
        width_px=8192,
        lines_per_frame=1024,
        line_rate_hz=9000.0,
        exposure_us=50.0,
        gain_db=6.0,
        line_trigger="Encoder0",
        encoder="Encoder0",
        encoder_source_a="Line1",
        encoder_source_b="Line2",
        encoder_divider=4,
        chunks=("ExposureTime", "EncoderValue"),
        extra={"BlackLevel": 2},
    )
    applied = apply(nodes, wanted, camera="top")
    assert (applied.width_px, applied.lines_per_frame, applied.format.name) == (8192, 1024, "Mono12")
    assert applied.settings.exposure_us == 50.0
    assert (applied.settings.gain_db, applied.settings.temperature_c) == (6.0, 41.5)
    assert applied.changed == ()
    assert nodes.values["ExposureAuto"] == "Off"
    assert (nodes.values["AcquisitionLineRate"], nodes.values["BlackLevel"]) == (9000.0, 2.0)
    assert (nodes.values["EncoderSourceA"], nodes.values["EncoderSourceB"]) == ("Line1", "Line2")
    assert nodes.values["EncoderDivider"] == 4
    at = nodes.written.index(("TriggerSelector", "LineStart"))
    assert nodes.written[at + 1] == ("TriggerSource", "Encoder0")
    assert ("TriggerMode", "On") in nodes.written[at:]
    for chunk in wanted.chunks:
        at = nodes.written.index(("ChunkSelector", chunk))
        assert nodes.written[at + 1] == ("ChunkEnable", True)
    assert nodes.values["ChunkModeActive"] is True


def test_what_is_not_asked_for_is_left_alone() -> None:
    nodes = line_camera()
    applied = apply(nodes, CameraFeatures(), camera="top")
    assert nodes.written == []
    assert applied.settings.exposure_us == 90.0


def test_a_free_run_switches_the_trigger_of_lines_off() -> None:
    nodes = line_camera()
    apply(nodes, CameraFeatures(line_trigger="Off"), camera="top")
    assert nodes.written == [("TriggerSelector", "LineStart"), ("TriggerMode", "Off"), ("TriggerSelector", "LineStart")]


@pytest.mark.parametrize(("exposure", "rate"), [(5.0, 100_000.0), (1000.0, 500.0)])
def test_exposure_and_line_rate_find_the_order_in_which_they_fit(exposure: float, rate: float) -> None:
    nodes = line_camera()
    apply(nodes, CameraFeatures(exposure_us=exposure, line_rate_hz=rate), camera="top")
    assert (nodes.values["ExposureTime"], nodes.values["AcquisitionLineRate"]) == (exposure, rate)


def test_a_camera_of_the_older_names_is_set_by_them() -> None:
    nodes = old_camera()
    applied = apply(nodes, CameraFeatures(exposure_us=40.0, line_rate_hz=900.0), camera="top")
    assert (nodes.values["ExposureTimeAbs"], nodes.values["AcquisitionLineRateAbs"]) == (40.0, 900.0)
    assert applied.settings.exposure_us == 40.0
    assert applied.settings.gain_db is None


def test_a_gain_without_a_unit_needs_the_decibels_of_a_step() -> None:
    with pytest.raises(ConfigError, match=r"camera top: .*give raw_gain_step_db"):
        apply(old_camera(), CameraFeatures(gain_db=6.0), camera="top")
    nodes = old_camera()
    applied = apply(nodes, CameraFeatures(gain_db=6.0, raw_gain_step_db=0.1), camera="top")
    assert nodes.values["GainRaw"] == 60
    assert applied.settings.gain_db == 6.0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (CameraFeatures(width_px=9000), "camera top: Width is not 9000 .*it takes 16 to 8192"),
        (CameraFeatures(pixel_format="Mono16"), "camera top: PixelFormat is not Mono16 .*one of Mono8, Mono12"),
        (CameraFeatures(exposure_us=1.0), "camera top: ExposureTime is not 1.0 .*it takes 2 to 100"),
        (CameraFeatures(extra={"TDIStages": 64}), "camera top: it has no feature TDIStages"),
        (CameraFeatures(extra={"Gain": "high"}), "camera top: Gain is not high"),
    ],
)
def test_a_feature_that_cannot_be_set_is_named_with_what_it_takes(wanted: CameraFeatures, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        apply(line_camera(), wanted, camera="top")


def test_what_the_camera_rounded_is_recorded_as_it_is_and_told() -> None:
    nodes = replace(line_camera(), rounding=0.5)
    applied = apply(nodes, CameraFeatures(exposure_us=50.3), camera="top")
    assert applied.settings.exposure_us == 50.5
    assert applied.changed == ("camera top: ExposureTime was asked to be 50.3 and is 50.5",)


@pytest.mark.parametrize(
    ("value", "kind", "becomes"), [(5, float, 5.0), (5.0, int, 5), (True, bool, True), ("a", str, "a"), (3, str, "3")]
)
def test_a_value_is_given_as_the_feature_takes_it(value: Value, kind: type[Value], becomes: Value) -> None:
    assert fitted(value, kind) == becomes
    assert type(fitted(value, kind)) is kind


@pytest.mark.parametrize(("value", "kind"), [(5.5, int), ("5", int), (1, bool), (True, int), (True, str), ("x", float)])
def test_a_value_that_would_become_another_one_is_refused(value: Value, kind: type[Value]) -> None:
    with pytest.raises(ConfigError, match="of another kind"):
        fitted(value, kind)
