"""JSON beside images: what the camera knew of a frame or of a whole coil; read strictly, refused by name and line.

``<stem>.json`` beside an image holds the facts of that frame. ``coil.json`` holds those of the folder: the same keys as
defaults (``first_line`` and ``sequence`` are where counting begins), ``expected_lines``, ``cameras``, ``sidecars``
(true: an image is complete only with its own sidecar), and under ``frames`` the facts of single files by name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inspect_pipeline.cameras.strict_json import JsonFile
from inspect_pipeline.domain.capture import CaptureSettings

COIL_SIDECAR = "coil.json"
_LARGEST_FRAME_BYTES = 1 << 16
_LARGEST_COIL_BYTES = 1 << 23  # 30,000 frames and more; read as objects it takes about 25 times that
_OF_ONE_FRAME = ("valid_lines", "encoder")
_ENDIANS = ("little", "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """What a sidecar says of one frame; None where it says nothing. ``captured_at`` is UTC.

    ``width``, ``height``, ``endian`` and ``channels`` lay out a raw file; ``bits`` are the significant bits a sample.
    """

    first_line: int | None = None
    sequence: int | None = None
    captured_at: datetime | None = None
    mm_per_px_across: float | None = None
    mm_per_px_along: float | None = None
    camera: str | None = None
    valid_lines: int | None = None
    encoder: int | None = None
    exposure_us: float | None = None
    gain_db: float | None = None
    temperature_c: float | None = None
    reverse: bool | None = None
    bits: int | None = None
    width: int | None = None
    height: int | None = None
    endian: str | None = None
    channels: int | None = None

    @property
    def settings(self) -> CaptureSettings:
        """How the camera was set."""
        return CaptureSettings(
            exposure_us=self.exposure_us,
            gain_db=self.gain_db,
            temperature_c=self.temperature_c,
            reverse=bool(self.reverse),
            bits=self.bits,
        )

    def over(self, defaults: "FrameFacts") -> "FrameFacts":
        """Return these facts, and the defaults where they say nothing; where a frame begins has no default."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) is not None}
        return replace(defaults, **{"first_line": None, "sequence": None, **own})


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilFacts:
    """What ``coil.json`` says: defaults for every frame, the coil's length in lines, and facts of single files.

    ``cameras`` are those that should have seen the coil; ``sidecars``: whether every image comes with one.
    """

    defaults: FrameFacts = field(default_factory=FrameFacts)
    expected_lines: int | None = None
    cameras: tuple[str, ...] = ()
    sidecars: bool = False
    frames: Mapping[str, FrameFacts] = field(default_factory=dict)


def read_frame_sidecar(path: Path) -> FrameFacts:
    """Return the facts of one frame. Raises BadDataError naming file, line and what is wrong."""
    file = JsonFile(path, largest_bytes=_LARGEST_FRAME_BYTES)
    return _frame_facts(file, file.document)


def read_coil_sidecar(path: Path) -> CoilFacts:
    """Return the facts of the folder. Raises BadDataError naming file, line and what is wrong."""
    file = JsonFile(path, largest_bytes=_LARGEST_COIL_BYTES)
    document = dict(file.document)
    of_coil = {key: document.pop(key, None) for key in ("expected_lines", "cameras", "sidecars")}
    frames = document.pop("frames", {})
    if not isinstance(frames, dict) or not all(isinstance(facts, dict) for facts in frames.values()):
        file.refuse("frames", "is no object of file names to facts")
    for key in _OF_ONE_FRAME:
        if key in document:
            file.refuse(key, "belongs to one frame; put it under frames, or beside the image")
    return CoilFacts(
        defaults=_frame_facts(file, document),
        expected_lines=file.get(_whole, of_coil, "expected_lines"),
        cameras=file.get(_names, of_coil, "cameras") or (),
        sidecars=file.get(_yes_or_no, of_coil, "sidecars") or False,
        frames={name: _frame_facts(file, facts) for name, facts in frames.items()},
    )


def _frame_facts(file: JsonFile, document: Mapping[str, Any]) -> FrameFacts:
    known = [one.name for one in fields(FrameFacts)]
    for key in document:
        if key not in known:
            file.refuse(key, f"is unknown; the keys are {', '.join(known)}")
    return FrameFacts(
        first_line=file.get(_whole, document, "first_line"),
        sequence=file.get(_whole, document, "sequence"),
        captured_at=file.get(_moment, document, "captured_at"),
        mm_per_px_across=file.get(_length, document, "mm_per_px_across"),
        mm_per_px_along=file.get(_length, document, "mm_per_px_along"),
        camera=file.get(_name, document, "camera"),
        valid_lines=file.get(_whole, document, "valid_lines"),
        encoder=file.get(_count, document, "encoder"),
        exposure_us=file.get(_exposure, document, "exposure_us"),
        gain_db=file.get(_number, document, "gain_db"),
        temperature_c=file.get(_number, document, "temperature_c"),
        reverse=file.get(_yes_or_no, document, "reverse"),
        bits=file.get(_bits, document, "bits"),
        width=file.get(_size, document, "width"),
        height=file.get(_size, document, "height"),
        endian=file.get(_endian, document, "endian"),
        channels=file.get(_channels, document, "channels"),
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError("a whole number of 0 or more")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**53:
        raise ValueError("a whole number of counts")
    return value


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError("a whole number of pixels, 1 or more")
    return value


def _bits(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 16:
        raise ValueError("significant bits a sample, 1 to 16")
    return value


def _channels(value: Any) -> int:
    if isinstance(value, bool) or value not in (1, 3):
        raise ValueError("1 (grey) or 3 (RGB)")
    return int(value)


def _endian(value: Any) -> str:
    if value not in _ENDIANS:
        raise ValueError(f"{' or '.join(_ENDIANS)}, the byte order of a raw file")
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6 or math.isnan(value):
        raise ValueError("a number")
    return float(value)


def _exposure(value: Any) -> float:
    if _number(value) <= 0:
        raise ValueError("microseconds above 0")
    return float(value)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one kind of refusal, worded by the caller
    return value


def _length(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ValueError("millimetres above 0")
    return float(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 80 or not value.isprintable():
        raise ValueError("a name of 1 to 80 characters that can be printed")
    return value.strip()


def _names(value: Any) -> tuple[str, ...]:
    wanted = "a list of different names, none empty"
    if not isinstance(value, list) or not value:
        raise ValueError(wanted)
    names = tuple(_name(one) for one in value)
    if len(set(names)) != len(names):
        raise ValueError(wanted)
    return names


def _moment(value: Any) -> datetime:
    wanted = 'a time with its zone, as in "2026-01-31T12:00:00+00:00"'
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 - one kind of refusal, worded by the caller
    try:
        moment = datetime.fromisoformat(value)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the year 1 has no UTC east of Greenwich
        raise ValueError(wanted) from error
    if moment.tzinfo is None:
        raise ValueError(wanted)
    return in_utc
