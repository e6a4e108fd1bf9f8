"""Sources of frames as they are written become adapters: folders, cameras, recordings, the synthetic line."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap import source_uris as kinds
from inspect_pipeline.bootstrap.source_uris import SourceUri, parsed_uri
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError, ConfigError, NotFoundError
from inspect_pipeline.services.ports import AlreadyCorrected, FrameSource, NamesCameras, TellsNotes, WaitsForFiles

if TYPE_CHECKING:
    from inspect_pipeline.cameras.camera_stream import CameraSettings, CameraSource


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSource:
    """A source that can be told to end, and what else ingest asks of it, whatever it is a source of."""

    inner: FrameSource
    coil: str | None
    live: bool
    ended: threading.Event

    def __iter__(self) -> Iterator[Capture]:
        """Yield its captures, no more once it was told to end."""
        for capture in self.inner:
            yield capture
            if self.ended.is_set() and not self.live:  # a camera hands out what its driver has
                return

    def stop(self) -> None:
        """Let it end soon."""
        self.ended.set()

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines where it is known."""
        return self.inner.expected_lines

    @property
    def expected_cameras(self) -> Sequence[str]:
        """The cameras that should see the coil, where they are known."""
        return self.inner.expected_cameras if isinstance(self.inner, NamesCameras) else ()

    @property
    def incomplete(self) -> Sequence[str]:
        """Files that are left for the next run."""
        return self.inner.incomplete if isinstance(self.inner, WaitsForFiles) else ()

    @property
    def notes(self) -> Sequence[str]:
        """What the source tells of itself beside its captures."""
        return self.inner.notes if isinstance(self.inner, TellsNotes) else ()

    @property
    def corrected(self) -> bool:
        """Whether its frames had their flat field before."""
        return isinstance(self.inner, AlreadyCorrected) and self.inner.corrected


@contextmanager
def opened_source(stores: Stores, text: str, *, ended: threading.Event) -> Iterator[OpenSource]:
    """Give the source that a text names; cameras are let go when the block ends. ``ended``: ends it when it is set.

    Raises BadDataError, NotFoundError, ConfigError or CameraError where there is none such.
    """
    uri = parsed_uri(text)
    with ExitStack() as stack:
        inner, coil = _opened(stores, uri, ended, stack)
        yield OpenSource(inner=inner, coil=coil, live=uri.live, ended=ended)


def reference_captures(stores: Stores, text: str) -> Iterator[Capture]:
    """Yield the captures of a source for a flat field, which is open meanwhile.

    Raises BadDataError for a source that was corrected before, or that goes on for ever.
    """
    uri = parsed_uri(text)
    if uri.endless and not {"frames", "seconds"} & uri.options.keys():
        raise BadDataError(f"references from {text!r} never end; add ?frames=N")
    with opened_source(stores, text, ended=threading.Event()) as source:
        if source.corrected:
            raise BadDataError(f"references from {text!r} were corrected before; take them from the camera")
        yield from source


def _opened(stores: Stores, uri: SourceUri, ended: threading.Event, stack: ExitStack) -> tuple[FrameSource, str | None]:
    """Return (the source, the coil that it is by itself: a folder's name)."""
    if uri.kind == kinds.FOLDER:
        from inspect_pipeline.cameras.drop_folder import DropFolderSettings, open_drop_folder

        folder = Path(uri.target)
        return open_drop_folder(folder, DropFolderSettings()), folder.resolve().name
    if uri.kind == kinds.WATCH:
        return _watched(uri, ended), Path(uri.target).resolve().name
    if uri.kind == kinds.REPLAY:
        return _replay(stores, uri, ended), f"{uri.target} replayed"
    if uri.kind == kinds.SYNTHETIC:
        return _synthetic(uri), None
    return _cameras(stores, uri, ended, stack), None


def _watched(uri: SourceUri, ended: threading.Event) -> FrameSource:
    from inspect_pipeline.cameras.file_captures import FileSettings
    from inspect_pipeline.cameras.folder_changes import watch_folder
    from inspect_pipeline.cameras.watched_folder import WatchedFolder, WatchSettings

    usual = WatchSettings()
    watch = replace(
        usual,
        settle_s=uri.number("settle_s", usual.settle_s) or 0.0,
        idle_s=uri.number("idle_s", usual.idle_s),
    )
    polling = uri.options.get("polling", "no")
    if polling not in ("yes", "no"):
        raise BadDataError(f"source {uri.text!r}: polling is {polling!r}; give yes (network mounts) or no")
    return WatchedFolder(
        Path(uri.target),
        FileSettings(),
        watch,
        changes=partial(watch_folder, force_polling=polling == "yes"),
        clock=time.monotonic,
        stop=ended.is_set,
    )


def _replay(stores: Stores, uri: SourceUri, ended: threading.Event) -> FrameSource:
    from inspect_pipeline.cameras.replay import Replay

    with stores.catalog.transaction() as unit:
        coil = unit.coil(uri.target)
        frames = unit.frames(uri.target)
    if coil is None:
        raise NotFoundError(f"coil {uri.target!r} is not in the catalog, so it cannot be replayed; check its name")
    return Replay(
        _until(ended, frames),
        stores.images.get,
        lines_per_s=uri.number("lines_per_s"),
        clock=time.monotonic,
        sleep=partial(_wait, ended),
        camera=uri.options.get("camera"),
        expected_lines=coil.expected_lines,
        expected_cameras=coil.cameras,
    )


def _synthetic(uri: SourceUri) -> FrameSource:
    from inspect_pipeline.bootstrap.synthetic_sources import synthetic_source

    return synthetic_source(uri)


def _cameras(stores: Stores, uri: SourceUri, ended: threading.Event, stack: ExitStack) -> FrameSource:
    """Return one camera, or those of ``camera:LEFT+RIGHT`` side by side."""
    from inspect_pipeline.cameras.side_by_side import SideBySide

    if uri.kind != kinds.CAMERA:
        return stack.enter_context(_camera(stores, uri, name=uri.options.get("camera", "camera-0"), ended=ended))
    opened: list[CameraSource] = []
    for name in uri.target.split("+"):
        source = stores.settings.cameras.of(name).source
        inner = None if source is None else parsed_uri(source)
        if inner is None or inner.kind not in (kinds.ARAVIS, kinds.GENICAM):
            raise ConfigError(
                f"camera {name!r} has no source in cameras.yaml; write source: aravis:DEVICE or "
                "genicam:SERIAL?producer=FILE"
            )
        merged = replace(inner, options={**inner.options, **uri.options})
        opened.append(stack.enter_context(_camera(stores, merged, name=name, ended=ended)))
    return opened[0] if len(opened) == 1 else SideBySide(opened, live=True)


def _camera(stores: Stores, uri: SourceUri, *, name: str, ended: threading.Event) -> "CameraSource":
    settings = _camera_settings(stores, uri, name)
    if uri.kind == kinds.ARAVIS:
        from inspect_pipeline.cameras.aravis_camera import open_aravis

        return open_aravis(uri.target or None, settings, stop=ended.is_set)
    from inspect_pipeline.cameras.harvester_camera import open_genicam

    producer = uri.options.get("producer")
    if producer is None:
        raise BadDataError(f"source {uri.text!r} names no GenTL producer; add ?producer=/path/to/producer.cti")
    return open_genicam(uri.target or None, settings, producer=Path(producer), stop=ended.is_set)


def _camera_settings(stores: Stores, uri: SourceUri, name: str) -> "CameraSettings":
    from inspect_pipeline.cameras.camera_stream import CameraSettings
    from inspect_pipeline.cameras.line_frames import LinePlacement

    setup, usual = stores.settings.cameras.of(name), CameraSettings()
    placement = LinePlacement(
        camera=name,
        mm_per_px_across=setup.mount.mm_per_px_across or 1.0,
        mm_per_px_along=setup.mount.mm_per_px_along or 1.0,
        first_frame_id=setup.first_frame_id,
        encoder_period=setup.encoder_period,
    )
    return CameraSettings(
        placement=placement,
        features=setup.features,
        buffers=uri.whole("buffers", usual.buffers) or usual.buffers,
        frames=uri.whole("frames"),
        seconds=uri.number("seconds"),
        timeout_s=uri.number("timeout_s", usual.timeout_s),
        expected_lines=uri.whole("lines"),
    )


def _wait(ended: threading.Event, seconds: float) -> None:
    """Sleep, and wake when the source is told to end."""
    ended.wait(seconds)


def _until(ended: threading.Event, frames: Sequence[CapturedFrame]) -> Iterator[CapturedFrame]:
    """Yield the frames of a recording until the source is told to end."""
    for frame in frames:
        if ended.is_set():
            return
        yield frame
