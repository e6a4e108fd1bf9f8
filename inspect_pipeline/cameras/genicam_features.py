"""How a line camera is set up, by the names of the GenICam SFNC, and what it made of that."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inspect_pipeline.cameras.pixel_formats import PixelFormat, pixel_format
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.errors import ConfigError

Value = bool | int | float | str


class NodeMap(Protocol):
    """The features of one camera. All but ``has`` raise ConfigError, saying why, where the camera refuses."""

    def has(self, name: str) -> bool:
        """Return whether the camera has that feature now."""
        ...

    def get(self, name: str) -> Value:
        """Return the value of a feature: an enumeration as its entry."""
        ...

    def set(self, name: str, value: Value) -> None:
        """Set a feature; a value that it does not take is refused, never clipped."""
        ...

    def allowed(self, name: str) -> str:
        """Return what a feature takes, in words: "10 to 1e+07", "one of Mono8, Mono16"."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFeatures:
    """What a camera is to be set to; None and empty: left as it is.

    ``exposure_us`` a line, ``gain_db`` in decibels. A camera that has nothing but GainRaw needs ``raw_gain_step_db``,
    the decibels of one step. ``line_trigger`` is the source that starts a line (``Encoder0``, ``Line1``), ``Off`` for a
    free run at ``line_rate_hz``. ``chunks`` are sent with every frame: ExposureTime, Gain, EncoderValue, LineStatusAll.
    ``extra`` holds any other feature by its name, set in that order after all others.
    """

    pixel_format: str | None = None
    width_px: int | None = None
    lines_per_frame: int | None = None
    line_rate_hz: float | None = None
    exposure_us: float | None = None
    gain_db: float | None = None
    raw_gain_step_db: float | None = None
    line_trigger: str | None = None
    encoder: str | None = None
    encoder_source_a: str | None = None
    encoder_source_b: str | None = None
    encoder_divider: int | None = None
    chunks: tuple[str, ...] = ()
    extra: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedFeatures:
    """What the camera is set to now, as read back. ``changed`` tells, a line each, what it made something else of."""

    width_px: int
    lines_per_frame: int
    format: PixelFormat
    settings: CaptureSettings
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """One feature to set: its SFNC name, then older spellings; ``under`` are the selectors that it lies under."""

    names: tuple[str, ...]
    value: Value
    under: tuple[tuple[str, Value], ...] = ()
    optional: bool = False


_EXPOSURE = ("ExposureTime", "ExposureTimeAbs")
_GAIN = ("Gain", "GainAbs")
_LINE_RATE = ("AcquisitionLineRate", "AcquisitionLineRateAbs")


def apply(nodes: NodeMap, features: CameraFeatures, *, camera: str) -> AppliedFeatures:
    """Set the camera and return what it is set to.

    Raises ConfigError, naming camera, feature and what it takes, for a feature that is asked for and is not there or
    refuses its value. What depends on each other (exposure and line rate) finds its order: what is refused is tried
    once more after everything else.
    """
    wanted = _settings(nodes, features, camera)
    refused = []
    for setting in wanted:
        try:
            _set(nodes, setting, camera)
        except ConfigError:
            refused.append(setting)
    for setting in refused:
        _set(nodes, setting, camera)
    return AppliedFeatures(
        width_px=int(nodes.get("Width")),
        lines_per_frame=int(nodes.get("Height")),
        format=pixel_format(str(nodes.get("PixelFormat"))),
        settings=_read_settings(nodes, features),
        changed=tuple(line for setting in wanted for line in _difference(nodes, setting, camera)),
    )


def fitted(value: Value, kind: type[Value]) -> Value:
    """Return the value as a feature of that kind takes it. Raises ConfigError where it would become another one."""
    if isinstance(value, bool) or kind is bool:
        fits = isinstance(value, bool) and kind is bool
    elif isinstance(value, str):
        fits = kind is str
    else:
        fits = kind is not int or float(value).is_integer()
    if not fits:
        raise ConfigError(f"{value!r} is of another kind than the feature, which holds {kind.__name__}")
    return kind(value)


def _settings(nodes: NodeMap, features: CameraFeatures, camera: str) -> list[_Setting]:
    """Return what is to be set, in the order of the SFNC: format, trigger, exposure, gain, encoder, chunks."""
    found = [
        *_one(("PixelFormat",), features.pixel_format),
        *_one(("Width",), features.width_px),
        *_one(("Height",), features.lines_per_frame),
        *_trigger(features),
        *_one(("ExposureAuto",), None if features.exposure_us is None else "Off", optional=True),
        *_one(_EXPOSURE, features.exposure_us),
        *_one(_LINE_RATE, features.line_rate_hz),
        *_gain(nodes, features, camera),
        *_encoder(features),
        *_chunks(features),
    ]
    return found + [_Setting(names=(name,), value=value) for name, value in features.extra.items()]


def _one(
    names: tuple[str, ...],
    value: Value | None,
    *,
    under: tuple[tuple[str, Value], ...] = (),
    optional: bool = False,
) -> list[_Setting]:
    return [] if value is None else [_Setting(names=names, value=value, under=under, optional=optional)]


def _trigger(features: CameraFeatures) -> list[_Setting]:
    source = features.line_trigger
    under = (("TriggerSelector", "LineStart"),)
    if source is None:
        return []
    if source == "Off":
        return _one(("TriggerMode",), "Off", under=under)
    return _one(("TriggerSource",), source, under=under) + _one(("TriggerMode",), "On", under=under)


def _gain(nodes: NodeMap, features: CameraFeatures, camera: str) -> list[_Setting]:
    gain_db, step_db = features.gain_db, features.raw_gain_step_db
    if gain_db is None:
        return []
    automatic = _one(("GainAuto",), "Off", optional=True)
    if any(nodes.has(name) for name in _GAIN) or not nodes.has("GainRaw"):
        return automatic + _one(_GAIN, gain_db)
    if step_db is None:
        raise ConfigError(
            f"camera {camera}: its gain is GainRaw, which has no unit; give raw_gain_step_db, the decibels of a step"
        )
    return automatic + _one(("GainRaw",), round(gain_db / step_db))


def _encoder(features: CameraFeatures) -> list[_Setting]:
    under: tuple[tuple[str, Value], ...] = () if features.encoder is None else (("EncoderSelector", features.encoder),)
    return [
        *_one(("EncoderSourceA",), features.encoder_source_a, under=under),
        *_one(("EncoderSourceB",), features.encoder_source_b, under=under),
        *_one(("EncoderDivider",), features.encoder_divider, under=under),
    ]


def _chunks(features: CameraFeatures) -> list[_Setting]:
    if not features.chunks:
        return []
    enabled = [
        _Setting(names=("ChunkEnable",), value=True, under=(("ChunkSelector", chunk),)) for chunk in features.chunks
    ]
    return [_Setting(names=("ChunkModeActive",), value=True), *enabled]


def _set(nodes: NodeMap, setting: _Setting, camera: str) -> None:
    if setting.optional and _there(nodes, setting.names) is None:
        return
    for selector, entry in setting.under:
        _write(nodes, (selector,), entry, camera)
    _write(nodes, setting.names, setting.value, camera)


def _difference(nodes: NodeMap, setting: _Setting, camera: str) -> Iterator[str]:
    """Yield what the camera made of a setting, once all are made, if it is something else."""
    name = _there(nodes, setting.names)
    if name is None:
        return
    for selector, entry in setting.under:
        _write(nodes, (selector,), entry, camera)
    value = nodes.get(name)
    if not _same(value, setting.value):
        yield f"camera {camera}: {name} was asked to be {setting.value} and is {value}"


def _write(nodes: NodeMap, names: tuple[str, ...], value: Value, camera: str) -> str:
    name = _there(nodes, names)
    if name is None:
        raise ConfigError(f"camera {camera}: it has no feature {' or '.join(names)}; leave it out of the settings")
    try:
        nodes.set(name, value)
    except ConfigError as error:
        raise ConfigError(
            f"camera {camera}: {name} is not {value} ({error}); it takes {nodes.allowed(name)}"
        ) from error
    return name


def _there(nodes: NodeMap, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if nodes.has(name)), None)


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-6)


def _read_settings(nodes: NodeMap, features: CameraFeatures) -> CaptureSettings:
    gain_db = _number(nodes, _GAIN)
    if gain_db is None and features.raw_gain_step_db is not None:
        raw = _number(nodes, ("GainRaw",))
        gain_db = None if raw is None else round(raw * features.raw_gain_step_db, 6)
    return CaptureSettings(
        exposure_us=_number(nodes, _EXPOSURE), gain_db=gain_db, temperature_c=_number(nodes, ("DeviceTemperature",))
    )


def _number(nodes: NodeMap, names: tuple[str, ...]) -> float | None:
    name = _there(nodes, names)
    return None if name is None else float(nodes.get(name))
