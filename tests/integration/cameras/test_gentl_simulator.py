"""The simulated GenTL camera of the genicam wheel: 400 x 400 RGBa8, a ball that bounces, chunks on demand."""

import importlib.util
import signal
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.cameras.camera_stream import CameraSettings, CameraSource
from inspect_pipeline.cameras.genicam_features import CameraFeatures
from inspect_pipeline.cameras.harvester_camera import GenTLStream, open_genicam
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.errors import CameraError, ConfigError

pytestmark = pytest.mark.required_in_ci


@pytest.fixture
def producer() -> Path:
    """The ``viky.cti`` of the genicam wheel; skips by name without it."""
    for name in ("genicam", "harvesters"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed; pip install 'inspect-pipeline[cameras]'")
    spec = importlib.util.find_spec("genicam")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "viky.cti"


def settings(features: CameraFeatures | None = None, *, frames: int = 20) -> CameraSettings:
    return CameraSettings(features=features or CameraFeatures(), frames=frames, buffers=4)


def frames_of(source: CameraSource) -> list[Frame]:
    captures = list(source)
    frames = [capture for capture in captures if isinstance(capture, Frame)]
    assert len(frames) == len(captures)
    return frames


def test_colour_frames_arrive_whole_and_in_order_without_their_alpha(producer: Path) -> None:
    with open_genicam("0", settings(), producer=producer) as source:
        frames = frames_of(source)
        found = source.statistics
    assert [frame.first_line for frame in frames] == [400 * number for number in range(20)]
    assert all(frame.pixels.shape == (400, 400, 3) and frame.valid_lines is None for frame in frames)
    assert (found.delivered, found.incomplete, found.lost_frames) == (20, 0, 0)
    assert all(after.captured_at > before.captured_at for before, after in pairwise(frames))
    assert any(not np.array_equal(before.pixels, after.pixels) for before, after in pairwise(frames))


def test_features_are_set_and_the_camera_is_free_for_the_next_use(producer: Path) -> None:
    wanted = CameraFeatures(
        pixel_format="Mono8", width_px=300, lines_per_frame=200, extra={"AcquisitionFrameRate": 200}
    )
    for _ in range(2):
        with open_genicam("0", settings(wanted), producer=producer) as source:
            applied = source.applied
            assert (applied.width_px, applied.lines_per_frame, applied.format.name) == (300, 200, "Mono8")
            assert applied.changed == ()
            assert {frame.pixels.shape for frame in frames_of(source)} == {(200, 300)}


def test_chunks_are_read_with_their_frame(producer: Path) -> None:
    wanted = settings(CameraFeatures(chunks=("NrBounces",), extra={"AcquisitionFrameRate": 200}))
    stream = GenTLStream("0", wanted, producer=producer, now=lambda: datetime(2026, 1, 5, tzinfo=UTC))
    try:
        stream.start()
        buffers = [stream.next(5.0) for _ in range(40)]
    finally:
        stream.close()
    bounces = [buffer.chunks["NrBounces"] for buffer in buffers if buffer is not None]
    assert len(bounces) == 40
    assert bounces == sorted(bounces)
    assert all(count >= 0 for count in bounces)


def test_a_chunk_that_the_camera_does_not_send_is_an_error_before_it_starts(producer: Path) -> None:
    with pytest.raises(ConfigError, match=r"ChunkSelector is not EncoderValue .*one of NrBounces"):
        open_genicam("0", settings(CameraFeatures(chunks=("EncoderValue",))), producer=producer)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (CameraFeatures(width_px=5000), r"Width is not 5000 .*it takes 100 to 800 in steps of 1"),
        (CameraFeatures(pixel_format="Mono12"), r"PixelFormat is not Mono12 .*one of RGBa8, Mono8"),
        (CameraFeatures(exposure_us=3.0), "it has no feature ExposureTime or ExposureTimeAbs"),
    ],
)
def test_a_feature_that_cannot_be_set_is_named_and_the_camera_let_go(
    producer: Path, wanted: CameraFeatures, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        open_genicam("0", settings(wanted), producer=producer)
    with open_genicam("0", settings(frames=1), producer=producer) as source:
        assert len(frames_of(source)) == 1


def test_a_camera_that_is_not_there_or_not_the_only_one_is_named(producer: Path) -> None:
    for serial in ("9", None):
        with pytest.raises(CameraError, match=r"there are: 0 \(Viky\), 1 \(Viky\), 2 \(Viky\)"):
            open_genicam(serial, settings(), producer=producer)


def test_a_file_that_is_no_producer_is_refused(producer: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.cti"
    text.write_text("no library", encoding="utf-8")
    with pytest.raises(ConfigError, match="does not load"):
        open_genicam("0", settings(), producer=text)
    with pytest.raises(ConfigError, match="is no file"):
        open_genicam("0", settings(), producer=tmp_path / "gone.cti")


def test_ctrl_c_stays_that_of_the_program(producer: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with open_genicam("0", settings(frames=1), producer=producer):
        assert signal.getsignal(signal.SIGINT) is before
