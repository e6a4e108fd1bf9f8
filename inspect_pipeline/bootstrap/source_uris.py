"""How a source of frames is written: a path, or ``kind:target?option=value&...``; what is unknown is refused."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from inspect_pipeline.cameras.synthetic_options import OPTIONS as SYNTHETIC_OPTIONS
from inspect_pipeline.errors import BadDataError

FOLDER, WATCH, REPLAY, SYNTHETIC, ARAVIS, GENICAM, CAMERA = (
    "folder",
    "watch",
    "replay",
    "synthetic",
    "aravis",
    "genicam",
    "camera",
)
_ENDS = frozenset({"frames", "seconds", "lines", "timeout_s", "buffers"})
OPTIONS: Mapping[str, frozenset[str]] = {
    FOLDER: frozenset(),
    WATCH: frozenset({"settle_s", "idle_s", "polling"}),
    REPLAY: frozenset({"lines_per_s", "camera"}),
    SYNTHETIC: frozenset({*SYNTHETIC_OPTIONS, "reference", "patches"}),
    ARAVIS: _ENDS | {"camera"},
    GENICAM: _ENDS | {"camera", "producer"},
    CAMERA: _ENDS,
}
"""The options of each kind of source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUri:
    """A source as it was written; ``target`` is a path, a coil, a device or a camera's name."""

    text: str
    kind: str
    target: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether it cannot give again what it gave: a camera."""
        return self.kind in (ARAVIS, GENICAM, CAMERA)

    @property
    def endless(self) -> bool:
        """Whether it goes on until somebody ends it, so that its end is no interruption."""
        return self.live or self.kind == WATCH

    def whole(self, name: str, default: int | None = None) -> int | None:
        """Return an option as a whole number of 0 or more. Raises BadDataError."""
        value = self.options.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit():
            raise BadDataError(f"source {self.text!r}: {name}={value!r} is no whole number of 0 or more")
        return int(value)

    def number(self, name: str, default: float | None = None) -> float | None:
        """Return an option as a finite number. Raises BadDataError."""
        value = self.options.get(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadDataError(f"source {self.text!r}: {name}={value!r} is no number")
        return number


def parsed_uri(text: str) -> SourceUri:
    """Return the source of a text; one without a known kind is the path of a folder.

    Raises BadDataError for a kind that looks like one and is not known, an unknown or repeated option, no target.
    """
    kind, colon, rest = text.partition(":")
    if not colon or "/" in kind or len(kind) < 2:
        return SourceUri(text=text, kind=FOLDER, target=text)
    if kind not in OPTIONS:
        raise BadDataError(
            f"source {text!r}: cameras of kind {kind!r} are not supported; give a folder of images, or one of "
            f"{', '.join(f'{name}:' for name in OPTIONS)}"
        )
    if kind == FOLDER:
        return SourceUri(text=text, kind=kind, target=rest)
    target, _, query = rest.rpartition("?") if "?" in rest else (rest, "", "")
    if not target and kind in (WATCH, REPLAY, CAMERA):
        raise BadDataError(f"source {text!r} names no target; write {kind}:TARGET")
    return SourceUri(text=text, kind=kind, target=target, options=_options(text, kind, query))


def _options(text: str, kind: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise BadDataError(f"source {text!r}: {query!r} is no list of option=value ({error})") from error
    known = OPTIONS[kind]
    for name, _ in pairs:
        if name not in known:
            raise BadDataError(f"source {text!r}: unknown option {name!r}; {kind} takes {', '.join(sorted(known))}")
    options = dict(pairs)
    if len(options) != len(pairs):
        raise BadDataError(f"source {text!r}: an option is given twice")
    return options
