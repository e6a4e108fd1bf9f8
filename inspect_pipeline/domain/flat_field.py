"""Versions of the flat field of a camera, and which of them holds for a frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from inspect_pipeline.domain.capture import CaptureSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFieldVersion:
    """One correction built from reference captures; its arrays lie in the image store at ``address``.

    ``settings`` are those of the references, ``built_at`` is when the last of them was taken. ``target`` is the grey
    level that the bright reference comes out at.
    Columns without response (``dead_columns``) and columns far too bright (``hot_columns``) are filled from their
    neighbours. ``residual`` is the strength of the stripes that stay in the corrected bright reference, in grey levels.
    """

    id: str
    camera: str
    built_at: datetime
    settings: CaptureSettings
    width_px: int
    lines: int
    target: float
    residual: float
    address: str
    operator: str
    dead_columns: tuple[int, ...] = ()
    hot_columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFieldValidity:
    """How far a frame may be from the references of its flat field: relative exposure, dB, degrees Celsius, days.

    What a frame or the references do not say is not compared.
    """

    exposure_tolerance: float = 0.01
    gain_tolerance_db: float = 0.1
    temperature_tolerance_c: float = 10.0
    max_age_days: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFieldChoice:
    """The version that holds for a frame, or None and why none of those that there are does."""

    version: FlatFieldVersion | None = None
    reasons: tuple[str, ...] = field(default=())


def choose_flat_field(
    versions: Sequence[FlatFieldVersion],
    *,
    camera: str,
    width_px: int,
    settings: CaptureSettings,
    captured_at: datetime,
    validity: FlatFieldValidity,
) -> FlatFieldChoice:
    """Return the latest version of the camera that holds for a frame taken then with these settings.

    No version and no reason: the camera has no flat field at all.
    """
    own = sorted((one for one in versions if one.camera == camera), key=lambda one: one.built_at, reverse=True)
    reasons: list[str] = []
    for version in own:
        wrong = _differences(version, width_px, settings, captured_at, validity)
        if not wrong:
            return FlatFieldChoice(version=version)
        reasons.append(f"flat field {version.id[:12]} does not hold: {', '.join(wrong)}")
    return FlatFieldChoice(reasons=tuple(reasons))


def _differences(
    version: FlatFieldVersion,
    width_px: int,
    settings: CaptureSettings,
    captured_at: datetime,
    validity: FlatFieldValidity,
) -> list[str]:
    old = version.settings
    age_days = (captured_at - version.built_at).total_seconds() / 86400.0
    found = [
        (version.width_px != width_px, f"{version.width_px} columns, the frame has {width_px}"),
        (old.reverse != settings.reverse, f"scan direction {_direction(old)}, the frame's is {_direction(settings)}"),
        (
            _apart(old.exposure_us, settings.exposure_us, (old.exposure_us or 0.0) * validity.exposure_tolerance),
            f"exposure {old.exposure_us} us, the frame's is {settings.exposure_us} us",
        ),
        (
            _apart(old.gain_db, settings.gain_db, validity.gain_tolerance_db),
            f"gain {old.gain_db} dB, the frame's is {settings.gain_db} dB",
        ),
        (
            _apart(old.temperature_c, settings.temperature_c, validity.temperature_tolerance_c),
            f"sensor at {old.temperature_c} C, now at {settings.temperature_c} C",
        ),
        (
            old.bits is not None and settings.bits is not None and old.bits != settings.bits,
            f"{old.bits} bit, the frame has {settings.bits}",
        ),
        (abs(age_days) > validity.max_age_days, f"{age_days:.0f} days old, at most {validity.max_age_days:g}"),
    ]
    return [what for differs, what in found if differs]


def _apart(one: float | None, other: float | None, tolerance: float) -> bool:
    return one is not None and other is not None and abs(one - other) > tolerance + 1e-9


def _direction(settings: CaptureSettings) -> str:
    return "reverse" if settings.reverse else "forward"


class FlatFieldUse(StrEnum):
    """AUTO: a camera that has versions must have one that holds. REQUIRED: there must be one. OFF: frames stay raw."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"
