"""GigE Vision and USB3 Vision line cameras through Aravis."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.aravis_nodes import AravisNodes
from inspect_pipeline.cameras.camera_stream import CameraSettings, CameraSource, DriverCounts
from inspect_pipeline.cameras.genicam_features import AppliedFeatures, apply
from inspect_pipeline.cameras.gi_binding import load_aravis
from inspect_pipeline.cameras.line_buffers import LineBuffer, Poison
from inspect_pipeline.errors import CameraError

_NO_ID = 2**64 - 1
_OTHER_IMAGE = "another image than was set up"
_CONTROL_WAIT_S, _CONTROL_PAUSE_S, _SETTLE_S = 8.0, 0.5, 0.1


def open_aravis(
    device_id: str | None,
    settings: CameraSettings,
    *,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    clock_s: Callable[[], float] = time.monotonic,
) -> CameraSource:
    """Return the camera of that Aravis id, serial number or address (None: the only one there is), set up.

    Raises CameraError where it is not there or held by another program (a program that was killed holds it for some
    seconds, which are waited for), and ConfigError where Aravis is not installed or a feature cannot be set.
    """
    stream = AravisStream(device_id, settings, now=now, sleep=sleep, clock_s=clock_s)
    return CameraSource(stream, settings, stop=stop)


class AravisStream:
    """Fits ``LineStream``."""

    def __init__(
        self,
        device_id: str | None,
        settings: CameraSettings,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        clock_s: Callable[[], float],
    ) -> None:
        self._aravis, glib = load_aravis()
        self._error: type[Exception] = glib.Error
        self._settings, self._now = settings, now
        self._name = settings.placement.camera
        self._lost = False
        self._stream: Any = None
        self._memory: dict[Any, NDArray[np.uint8]] = {}
        self._padding = 0
        self._counts = DriverCounts()
        self._camera: Any = self._opened(device_id, sleep, clock_s)
        self._device: Any = self._camera.get_device()
        try:
            self._quiet(sleep)
            nodes = AravisNodes(self._device, aravis=self._aravis, glib=glib)
            self._applied = apply(nodes, settings.features, camera=self._name)
            self._format_code = self._device.get_integer_feature_value("PixelFormat")
            extended = nodes.has("GevGVSPExtendedIDMode") and nodes.get("GevGVSPExtendedIDMode") == "On"
            self._wraps = self._is_gige and not extended
            self._parser = self._device.create_chunk_parser()
            self._on_lost = self._device.connect("control-lost", self._lose)
        except BaseException:
            self._release()
            raise

    @property
    def applied(self) -> AppliedFeatures:
        """What the camera is set to."""
        return self._applied

    @property
    def wraps(self) -> bool:
        """Whether its frame counter has 16 bits: GigE Vision without extended ids."""
        return self._wraps

    @property
    def counts(self) -> DriverCounts:
        """What Aravis counted since the last start."""
        return self._counts if self._stream is None else self._counted()

    def start(self) -> None:
        """Begin to send. Raises CameraError where the stream cannot be opened."""
        try:
            size = self._camera.get_payload()
            self._stream = self._camera.create_stream(None, None)
            self._poison = Poison(size, seed=self._settings.seed)
            for _ in range(self._settings.buffers):
                memory = np.empty(size, np.uint8)
                self._poison.fill(memory)
                buffer = self._aravis.Buffer.new(size, memory.ctypes.data)
                self._memory[buffer] = memory
                self._push(buffer)
            self._camera.start_acquisition()
        except self._error as error:
            self.stop()
            raise CameraError(f"camera {self._name} cannot start: {error}; check that it is there and free") from error

    def next(self, timeout_s: float) -> LineBuffer | None:
        """Return the oldest buffer, None where none came in time. Raises CameraError once the camera is lost."""
        buffer = self._stream.timeout_pop_buffer(int(timeout_s * 1e6)) if timeout_s else self._stream.try_pop_buffer()
        if buffer is not None:
            return self._read(buffer)
        if self._lost:
            raise CameraError(f"camera {self._name} was lost (no answer to heartbeats); check its cable and power")
        return None

    def stop(self) -> None:
        """End sending and give the stream back."""
        if self._stream is None:
            return
        if not self._lost:  # one that is would let each of these wait for its answer
            with suppress(self._error):
                self._camera.stop_acquisition()
        self._counts = self._counted()
        self._stream = None  # its thread ends here, before the memory goes
        self._memory.clear()

    def close(self) -> None:
        """Let go of the camera."""
        if self._camera is None:
            return
        self.stop()
        self._device.disconnect(self._on_lost)
        self._release()

    @property
    def _is_gige(self) -> bool:
        return bool(self._camera.is_gv_device())

    def _opened(self, device_id: str | None, sleep: Callable[[float], None], clock_s: Callable[[], float]) -> Any:
        """Return the camera with the right to set it; a program that was killed keeps that right for some seconds."""
        began_s = clock_s()
        while True:
            camera = self._found(device_id)
            if not camera.is_gv_device() or camera.get_device().is_controller():
                return camera
            del camera  # to ask again on the same connection leaves GigE Vision cameras without a stream
            if clock_s() - began_s > _CONTROL_WAIT_S:
                raise CameraError(f"camera {self._name} is held by another program; end that one first")
            sleep(_CONTROL_PAUSE_S)

    def _quiet(self, sleep: Callable[[float], None]) -> None:
        """Stop a camera that a program which was killed left sending: it would go on to where that one listened."""
        with suppress(self._error):  # one that does not send may refuse
            self._camera.stop_acquisition()
        sleep(_SETTLE_S)

    def _found(self, device_id: str | None) -> Any:
        try:
            return self._aravis.Camera.new(device_id)
        except self._error as error:
            wanted = "any camera" if device_id is None else f"camera {device_id}"
            raise CameraError(
                f"{wanted} cannot be opened through Aravis: {error}; arv-tool-0.8 lists those that are there"
            ) from error

    def _release(self) -> None:
        if self._is_gige and not self._lost:
            with suppress(self._error):  # it lets go by itself when heartbeats end
                self._device.leave_control()
        self._camera = self._device = self._parser = None

    def _lose(self, _device: object) -> None:
        self._lost = True

    def _read(self, buffer: Any) -> LineBuffer:
        """Return what is in a buffer and give it back to the driver."""
        status = self._fault(buffer)
        image = self._applied
        frame_id, timestamp_ns = buffer.get_frame_id(), buffer.get_timestamp()
        chunks = self._chunks(buffer) if not status and self._settings.features.chunks else {}
        lines, arrived = self._poison.take(
            self._memory[buffer],
            height=image.lines_per_frame,
            line_bytes=image.format.line_bytes(image.width_px),
            padding=self._padding,
            complete=not status,
        )
        if status.startswith(_OTHER_IMAGE):
            arrived[:] = False
        self._push(buffer)
        return LineBuffer(
            lines=lines,
            arrived=arrived,
            width_px=image.width_px,
            format=image.format,
            frame_id=None if frame_id == _NO_ID else frame_id,
            received_at=self._now(),
            timestamp_ns=timestamp_ns or None,
            status=status,
            chunks=chunks,
        )

    def _push(self, buffer: Any) -> None:
        """Give a buffer to the driver. Number and time come with a frame's first packet; where that is lost, Aravis
        leaves those of the frame that the buffer held before.
        """
        buffer.set_frame_id(_NO_ID)
        buffer.set_timestamp(0)
        self._stream.push_buffer(buffer)

    def _fault(self, buffer: Any) -> str:
        """Return what is wrong with a buffer, empty where nothing is; learn the padding of lines from a good one."""
        status = buffer.get_status()
        if status != self._aravis.BufferStatus.SUCCESS:
            return str(status.value_nick)
        if buffer.get_payload_type() not in (
            self._aravis.BufferPayloadType.IMAGE,
            self._aravis.BufferPayloadType.EXTENDED_CHUNK_DATA,
        ):
            return f"{_OTHER_IMAGE}: payload {buffer.get_payload_type().value_nick}"
        if (width := buffer.get_image_width()) != self._applied.width_px:
            return f"{_OTHER_IMAGE}: {width} px wide, the camera was set to {self._applied.width_px}"
        if buffer.get_image_pixel_format() != self._format_code:
            return f"{_OTHER_IMAGE}: pixel format {buffer.get_image_pixel_format():#x}, set was {self._format_code:#x}"
        self._padding = buffer.get_image_padding()[0]
        return ""

    def _chunks(self, buffer: Any) -> dict[str, float]:
        """Return the numbers sent along with a whole buffer. Raises CameraError where one that was asked for is not."""
        found = {}
        for chunk in self._settings.features.chunks:
            name = f"Chunk{chunk}"
            real = isinstance(self._device.get_feature(name), self._aravis.GcFloat)
            read = self._parser.get_float_value if real else self._parser.get_integer_value
            try:
                found[chunk] = read(buffer, name)
            except self._error as error:
                raise CameraError(
                    f"camera {self._name} sends no {name}: {error}; leave {chunk} out of chunks"
                ) from error
        return found

    def _counted(self) -> DriverCounts:
        count = self._stream.get_info_uint64_by_name
        return DriverCounts(
            underruns=count("n_underruns"),
            missing_packets=count("n_missing_packets") if self._is_gige else None,
            resent_packets=count("n_resent_packets") if self._is_gige else None,
        )
