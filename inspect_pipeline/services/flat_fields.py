"""Flat fields of the cameras: built from reference captures, kept as versions, loaded for the frames they hold for."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.flat_field import FlatFieldValidity, FlatFieldVersion
from inspect_pipeline.domain.material import Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.flat_field_bytes import flat_from_bytes, flat_to_bytes
from inspect_pipeline.imaging.flatfield import FEWEST_LINES, FlatField, correct_means, from_averages
from inspect_pipeline.imaging.reference_average import ReferenceAverage
from inspect_pipeline.imaging.stripes import residual_of_means
from inspect_pipeline.services.ports import Catalog, ImageStore

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SAME = FlatFieldValidity()  # references may differ from each other by no more than a frame from them


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFields:
    """The use cases on flat fields, with the adapters they need; ``load`` is safe to call from several threads."""

    catalog: Catalog
    images: ImageStore
    _loaded: dict[str, FlatField] = field(default_factory=dict, init=False, repr=False)

    def build(
        self,
        dark: Iterable[Capture],
        bright: Iterable[Capture],
        *,
        camera: str,
        operator: str,
        target: float | None = None,
    ) -> FlatFieldVersion:
        """Return the version built from captures with the light off and of a plain bright target, stored and listed.

        Each capture is read once and none is kept. ``residual`` of the version is what a flat field from the even lines
        leaves in the odd ones: on its own lines any would look perfect. ``target`` None is the highest level that
        clips no column. The same references give the same version, as it was stored the first time.

        Raises BadDataError: a capture is unusable or of another camera, settings, depths or widths disagree, too few
        lines, or levels that make no flat field.
        """
        setup = _SetUp()
        dark_mean, bright_mean = (_averaged(captures, camera, setup) for captures in (dark, bright))
        settings, full_scale = setup.settings, setup.full_scale
        flat = from_averages(dark_mean.mean, bright_mean.mean, target=target, full_scale=full_scale)
        even = from_averages(dark_mean.half(0), bright_mean.half(0), target=target, full_scale=full_scale)
        content = flat_to_bytes(flat)
        version = FlatFieldVersion(
            id=hashlib.sha256(content + f"\x1f{camera}\x1f{settings}".encode()).hexdigest(),
            camera=camera,
            built_at=setup.taken_at,
            settings=settings,
            width_px=int(flat.dark.shape[0]),
            lines=min(dark_mean.lines, bright_mean.lines),
            target=flat.target if flat.target is not None else float(full_scale),
            residual=residual_of_means(correct_means(bright_mean.half(1), even), full_scale=full_scale),
            address=self.images.put(content, suffix="flat"),
            operator=operator,
            dead_columns=flat.dead_columns,
            hot_columns=flat.hot_columns,
        )
        with self.catalog.transaction() as unit:
            if unit.add_flat_field(version):
                return version
            return next(known for known in unit.flat_fields(camera) if known.id == version.id)

    def load(self, version: FlatFieldVersion) -> FlatField:
        """Return the flat field of a version, read once.

        Raises NotFoundError or AlteredError where its file is gone or was altered, BadDataError where it holds another
        flat field than the version says.
        """
        known = self._loaded.get(version.id)
        if known is not None:
            return known
        flat = flat_from_bytes(self.images.get(version.address))
        defective = (flat.dead_columns, flat.hot_columns)
        if flat.dark.shape[0] != version.width_px or defective != (version.dead_columns, version.hot_columns):
            raise BadDataError(
                f"flat field {version.id[:12]} of {version.camera}: its file has {flat.dark.shape[0]} columns or "
                f"other defects than its row says ({version.width_px} columns); build it from references again"
            )
        self._loaded[version.id] = flat
        return flat


@dataclass(slots=True, kw_only=True)
class _SetUp:
    """How the camera was set for the references seen so far, which must be one way."""

    settings: CaptureSettings = field(default_factory=CaptureSettings)
    full_scale: int = 0
    taken_at: datetime = _LONG_AGO
    _dtype: np.dtype[np.generic] | None = None
    _temperatures_c: list[float] = field(default_factory=list)

    def see(self, frame: Frame) -> None:
        """Take in the settings of one more reference. Raises BadDataError where they are not those of the others."""
        new, old = frame.settings, self.settings
        if self._dtype is None:
            self._dtype, old = frame.pixels.dtype, new
        wrong = _differences(old, new)
        if frame.pixels.dtype != self._dtype:
            wrong.append(f"pixels {frame.pixels.dtype}, the others {self._dtype}")
        if wrong:
            raise BadDataError(
                f"reference {frame.source} was taken with other settings than those before it: {', '.join(wrong)}; "
                "take all with those of production"
            )
        self.taken_at = max(self.taken_at, frame.captured_at)
        if new.temperature_c is not None:
            self._temperatures_c.append(new.temperature_c)
        self.settings = CaptureSettings(
            exposure_us=new.exposure_us if old.exposure_us is None else old.exposure_us,
            gain_db=new.gain_db if old.gain_db is None else old.gain_db,
            temperature_c=float(np.mean(self._temperatures_c)) if self._temperatures_c else None,
            reverse=old.reverse,
            bits=old.bits,
        )
        deepest = int(np.iinfo(frame.pixels.dtype).max)
        self.full_scale = deepest if old.bits is None else min(2**old.bits - 1, deepest)


def _averaged(captures: Iterable[Capture], camera: str, setup: _SetUp) -> ReferenceAverage:
    average = ReferenceAverage()
    for frame in _usable(captures, camera):
        setup.see(frame)
        average.add(_valid_lines(frame))
    if average.lines < FEWEST_LINES:
        raise BadDataError(
            f"flat field of camera {camera}: a reference has {average.lines} lines; give {FEWEST_LINES} or more "
            "(2,048 is usual)"
        )
    return average


def _usable(captures: Iterable[Capture], camera: str) -> Iterator[Frame]:
    """Yield the captures one by one. Raises BadDataError for what is no reference of the camera."""
    for capture in captures:
        if isinstance(capture, UnusableCapture):
            raise BadDataError(f"reference {capture.source} is unusable: {capture.reason}; take it again")
        if capture.camera != camera:
            raise BadDataError(f"reference {capture.source} is of camera {capture.camera}, not of {camera}")
        yield capture


def _valid_lines(frame: Frame) -> Pixels:
    return frame.pixels if frame.valid_lines is None else frame.pixels[: frame.valid_lines]


def _differences(old: CaptureSettings, new: CaptureSettings) -> list[str]:
    exposure_us = (old.exposure_us or 0.0) * _SAME.exposure_tolerance
    found = [
        (
            _apart(old.exposure_us, new.exposure_us, exposure_us),
            f"exposure {new.exposure_us} us, not {old.exposure_us}",
        ),
        (_apart(old.gain_db, new.gain_db, _SAME.gain_tolerance_db), f"gain {new.gain_db} dB, not {old.gain_db}"),
        (old.reverse != new.reverse, "the other scan direction"),
        (old.bits != new.bits, f"{new.bits} bits, not {old.bits}"),
    ]
    return [what for differs, what in found if differs]


def _apart(one: float | None, other: float | None, tolerance: float) -> bool:
    return one is not None and other is not None and abs(one - other) > tolerance
