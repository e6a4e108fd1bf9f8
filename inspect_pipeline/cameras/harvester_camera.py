"""Cameras of any transport behind a GenTL producer (a ``.cti`` file): found by Harvesters, streamed by this module.

The acquirer of Harvesters throws incomplete buffers away and takes over Ctrl-C, so the data stream is driven here.
"""

import ctypes
import importlib
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.camera_stream import CameraSettings, CameraSource, DriverCounts
from inspect_pipeline.cameras.genapi_nodes import GenApiNodes
from inspect_pipeline.cameras.genicam_features import AppliedFeatures, apply
from inspect_pipeline.cameras.line_buffers import LineBuffer, Poison
from inspect_pipeline.errors import CameraError, ConfigError

_PAUSE_S = 0.002


def open_genicam(
    serial: str | None,
    settings: CameraSettings,
    *,
    producer: Path,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> CameraSource:
    """Return the camera of that serial number or id (None: the only one there is) behind ``producer``, set up.

    Raises CameraError where it is not there or held by another program, and ConfigError where Harvesters is not
    installed, the producer is no GenTL producer, or a feature cannot be set.
    """
    return CameraSource(GenTLStream(serial, settings, producer=producer, now=now), settings, stop=stop)


class GenTLStream:
    """Fits ``LineStream``."""

    def __init__(
        self,
        serial: str | None,
        settings: CameraSettings,
        *,
        producer: Path,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._harvesters, self._gentl, self._genapi = _modules()
        self._error: type[Exception] = self._gentl.GenericException
        self._settings, self._now = settings, now
        self._sleep, self._clock_s = sleep, clock_s
        self._name = settings.placement.camera
        self._counts = DriverCounts()
        self._stream: Any = None
        self._device: Any = None
        self._harvester = self._harvesters.Harvester()
        try:
            self._device, self._map = self._opened(serial, producer)
            self._quiet()
            nodes = GenApiNodes(self._map, genapi=self._genapi)
            self._applied = apply(nodes, settings.features, camera=self._name)
            self._format_code = int(self._map.get_node("PixelFormat").get_int_value())
            extended = nodes.has("GevGVSPExtendedIDMode") and nodes.get("GevGVSPExtendedIDMode") == "On"
            self._wraps = self._device.tl_type == "GEV" and not extended
        except BaseException:
            self.close()
            raise

    @property
    def applied(self) -> AppliedFeatures:
        """What the camera is set to."""
        return self._applied

    @property
    def wraps(self) -> bool:
        """Whether its frame counter may have 16 bits: GigE Vision without extended ids."""
        return self._wraps

    @property
    def counts(self) -> DriverCounts:
        """What the producer counted since the last start."""
        return self._counts if self._stream is None else self._counted()

    def start(self) -> None:
        """Begin to send. Raises CameraError where the stream cannot be opened."""
        try:
            self._stream = self._device.create_data_stream()
            self._stream.open(self._device.data_stream_ids[0])
            self._announce()
            types, flags = self._gentl.EVENT_TYPE_LIST, self._gentl.ACQ_START_FLAGS_LIST
            self._event = self._gentl.EventManagerNewBuffer(self._stream.register_event(types.EVENT_NEW_BUFFER))
            self._lock(1)
            self._stream.start_acquisition(flags.ACQ_START_FLAGS_DEFAULT, -1)
            self._map.get_node("AcquisitionStart").execute()
        except (self._error, self._genapi.GenericException) as error:
            self.stop()
            raise CameraError(f"camera {self._name} cannot start: {error}; check that it is there and free") from error

    def next(self, timeout_s: float) -> LineBuffer | None:
        """Return the oldest buffer, None where none came in time. Raises CameraError where the producer gives up."""
        limit_s = self._clock_s() + timeout_s
        while True:
            try:
                self._event.update_event_data(0)  # asks only: while the binding waits, no other thread runs
                return self._read(self._event.buffer)
            except self._gentl.TimeoutException:
                if self._clock_s() >= limit_s:
                    return None
            except self._error as error:
                raise CameraError(f"camera {self._name} was lost: {error}; check its cable and power") from error
            self._sleep(_PAUSE_S)

    def stop(self) -> None:
        """End sending and give the stream back."""
        if self._stream is None:
            return
        self._quiet()
        with suppress(self._error):
            self._counts = self._counted()
            self._stream.stop_acquisition(self._gentl.ACQ_STOP_FLAGS_LIST.ACQ_STOP_FLAGS_KILL)
            self._stream.flush_buffer_queue(self._gentl.ACQ_QUEUE_TYPE_LIST.ACQ_QUEUE_ALL_DISCARD)
            for buffer in self._announced:
                self._stream.revoke_buffer(buffer)
            self._stream.close()
        self._stream = None

    def close(self) -> None:
        """Let go of the camera and the producer."""
        self.stop()
        if self._device is not None:
            with suppress(self._error):  # a camera that is lost is closed already
                self._device.close()
            self._device = self._map = None
        self._harvester.reset()

    def _opened(self, serial: str | None, producer: Path) -> tuple[Any, Any]:
        """Return the device and its node map."""
        if not producer.is_file():
            raise ConfigError(f"{producer} is no file; give the .cti of a GenTL producer")
        try:
            self._harvester.add_file(str(producer), check_validity=True)
        except OSError as error:
            raise ConfigError(f"{producer} does not load ({error}); give the .cti of a GenTL producer") from error
        self._harvester.update()
        infos = self._harvester.device_info_list
        found = [info for info in infos if serial is None or serial in (info.serial_number, info.id_)]
        if len(found) != 1:
            there = ", ".join(f"{info.serial_number} ({info.model})" for info in infos) or "none"
            wanted = "one camera" if serial is None else f"camera {serial}"
            raise CameraError(f"{wanted} was looked for behind {producer.name}; there are: {there}")
        device = found[0].create_device()
        try:
            device.open(self._gentl.DEVICE_ACCESS_FLAGS_LIST.DEVICE_ACCESS_EXCLUSIVE)
        except self._error as error:
            raise CameraError(
                f"camera {self._name} cannot be opened: {error}; is it held by another program?"
            ) from error
        return device, self._harvesters.RemoteDevice(module=device, parent=found[0].parent).node_map

    def _announce(self) -> None:
        """Hand the poisoned buffers to the producer."""
        own = self._stream.defines_payload_size()
        size = int(self._stream.payload_size if own else self._map.get_node("PayloadSize").value)
        self._poison = Poison(size, seed=self._settings.seed)
        count = max(self._settings.buffers, int(self._stream.buffer_announce_min))
        self._raw = [bytes(size) for _ in range(count)]  # the binding takes nothing else
        self._memory = [_writable(raw) for raw in self._raw]
        self._announced = []
        for number, memory in enumerate(self._memory):
            self._poison.fill(memory)
            self._announced.append(self._stream.announce_buffer(self._gentl.BufferToken(self._raw[number], number)))
        for buffer in self._announced:
            self._stream.queue_buffer(buffer)
        adapters = {"U3V": self._genapi.ChunkAdapterU3V, "GEV": self._genapi.ChunkAdapterGEV}
        self._transport = str(self._device.tl_type)
        self._chunk_adapter = adapters.get(self._transport, self._genapi.ChunkAdapterGeneric)(self._map)

    def _quiet(self) -> None:
        """Stop the camera, one that a program which was killed left sending as well."""
        with suppress(self._error, self._genapi.GenericException):  # one that is lost, or does not send, may refuse
            self._map.get_node("AcquisitionStop").execute()
            self._lock(0)

    def _lock(self, on: int) -> None:
        if self._map.has_node("TLParamsLocked"):  # from SFNC 2 on
            self._map.get_node("TLParamsLocked").value = on

    def _read(self, buffer: Any) -> LineBuffer:
        """Return what is in a buffer and give it back to the producer."""
        image, number = self._applied, int(buffer.context)
        status = "" if buffer.is_complete() else "incomplete buffer"
        other, padding = ("", 0) if status else self._other_image(buffer)
        chunks = {} if status or other or not self._settings.features.chunks else self._chunks(buffer, number)
        frame_id, timestamp_ns = int(buffer.frame_id), self._timestamp_ns(buffer)
        lines, arrived = self._poison.take(
            self._memory[number],
            height=image.lines_per_frame,
            line_bytes=image.format.line_bytes(image.width_px),
            padding=padding,
            complete=not status,
        )
        self._stream.queue_buffer(buffer)
        return LineBuffer(
            lines=lines,
            arrived=np.zeros_like(arrived) if other else arrived,
            width_px=image.width_px,
            format=image.format,
            frame_id=frame_id,
            received_at=self._now(),
            timestamp_ns=timestamp_ns,
            status=other or status,
            chunks=chunks,
        )

    def _other_image(self, buffer: Any) -> tuple[str, int]:
        """Return how a whole buffer differs from what was set up (empty: it does not) and the padding of its lines."""
        width, code, offset = int(buffer.width), int(buffer.pixel_format), int(buffer.image_offset)
        if width != self._applied.width_px:
            return f"an image {width} px wide, the camera was set to {self._applied.width_px}", 0
        if code != self._format_code:
            return f"an image of pixel format {code:#x}, the camera was set to {self._format_code:#x}", 0
        if offset:
            return f"an image that begins {offset} bytes into its buffer, which cannot be read", 0
        try:
            return "", int(buffer.padding_x)
        except self._error:
            return "", 0  # a producer need not tell where there is none

    def _timestamp_ns(self, buffer: Any) -> int | None:
        try:
            return int(buffer.timestamp_ns)
        except self._error:
            return None  # not every camera has a clock

    def _chunks(self, buffer: Any, number: int) -> dict[str, float]:
        """Return the numbers sent along with a whole buffer. Raises CameraError where one that was asked for is not."""
        try:
            if self._transport in ("GEV", "U3V"):
                self._chunk_adapter.attach_buffer(self._raw[number], int(buffer.size_filled))
            else:
                self._chunk_adapter.attach_buffer(self._raw[number], buffer.chunk_data_info_list)
            return {chunk: self._map.get_node(f"Chunk{chunk}").value for chunk in self._settings.features.chunks}
        except (self._error, self._genapi.GenericException, AttributeError) as error:
            chunks = ", ".join(self._settings.features.chunks)
            raise CameraError(f"camera {self._name} does not send the chunks {chunks}: {error}") from error
        finally:
            self._chunk_adapter.detach_buffer()

    def _counted(self) -> DriverCounts:
        return DriverCounts(underruns=int(self._stream.num_underrun))


def _modules() -> tuple[Any, Any, Any]:
    try:
        names = ("harvesters.core", "genicam.gentl", "genicam.genapi")
        core, gentl, genapi = (importlib.import_module(name) for name in names)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"GenTL cameras: {error.name} is not installed; pip install 'inspect-pipeline[cameras]'"
        ) from error
    return core, gentl, genapi


def _writable(raw: bytes) -> NDArray[np.uint8]:
    """Return the memory of ``raw``, which the producer writes to as well, u8; it lives as long as ``raw`` does."""
    address = ctypes.cast(ctypes.c_char_p(raw), ctypes.c_void_p).value
    if address is None:
        raise CameraError("a buffer of no bytes cannot be filled; the camera announces an empty payload")
    return np.ctypeslib.as_array((ctypes.c_uint8 * len(raw)).from_address(address))
