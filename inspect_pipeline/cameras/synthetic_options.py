"""Synthetic cameras from plain options, as a command line or an address gives them: ``frames=20&seed=3``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from inspect_pipeline.cameras.synthetic import SyntheticSettings
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.line_camera import LineCameraSettings
from inspect_pipeline.imaging.roll_marks import RollMark
from inspect_pipeline.imaging.web_material import WebSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: how its text is read, what it is when not given, and what it means."""

    read: Callable[[str], object]
    default: float | int | str
    meaning: str


OPTIONS: Mapping[str, Option] = {
    "frames": Option(read=int, default=20, meaning="frames that each camera takes"),
    "seed": Option(read=int, default=0, meaning="what everything is drawn from"),
    "camera": Option(read=str, default="camera", meaning="name of the cameras; they are <name>-0, <name>-1, ..."),
    "cameras": Option(read=int, default=1, meaning="cameras side by side"),
    "overlap_px": Option(read=int, default=128, meaning="columns that two neighbours both see"),
    "width_px": Option(read=int, default=2048, meaning="columns of a camera"),
    "lines_per_frame": Option(read=int, default=512, meaning="lines a frame"),
    "bit_depth": Option(read=int, default=8, meaning="bits a sample: 8, 10, 12 or 16"),
    "lines_per_s": Option(read=float, default=20_000.0, meaning="lines a second"),
    "mm_across": Option(read=float, default=0.1, meaning="mm a column"),
    "mm_along": Option(read=float, default=0.1, meaning="mm a line"),
    "texture": Option(read=str, default="metal", meaning="metal, paper, film, woven, or patches where given"),
    "background": Option(read=float, default=24.0, meaning="grey level beside the strip"),
    "wander_px": Option(read=float, default=6.0, meaning="px that the strip wanders"),
    "defects_per_m2": Option(read=float, default=20.0, meaning="defects on a square metre"),
    "streaks_per_100_m": Option(read=float, default=0.0, meaning="streaks on 100 m"),
    "roll_mm": Option(read=float, default=0.0, meaning="circumference of a roll that leaves a mark; 0: none"),
    "dead_columns": Option(read=int, default=2, meaning="columns without response"),
    "hot_columns": Option(read=int, default=0, meaning="columns with a high dark signal"),
    "jitter_lines": Option(read=float, default=0.4, meaning="lines that the encoder jitters by"),
    "lost": Option(read=float, default=0.0, meaning="share of the frames that never arrive"),
    "torn": Option(read=float, default=0.0, meaning="share of the frames that break off"),
    "dropped_lines": Option(read=float, default=0.0, meaning="share of the lines that the camera misses"),
    "repeated_lines": Option(read=float, default=0.0, meaning="share of the lines that are delivered twice"),
    "vibration_px": Option(read=float, default=0.0, meaning="px that the view trembles by"),
    "blur_lines": Option(read=float, default=0.0, meaning="lines that vibration smears over"),
}


def settings_from(options: Mapping[str, str]) -> tuple[SyntheticSettings, ...]:
    """Return the settings of the cameras that options such as ``{"frames": "20", "seed": "3"}`` ask for.

    The options are those of ``OPTIONS``. Raises BadDataError for another name, and for a text that is no number.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise BadDataError(f"synthetic camera: no option {', '.join(unknown)}; there are {', '.join(OPTIONS)}")
    read = _Read({name: _value(name, options.get(name)) for name in OPTIONS})
    cameras, width = read.whole("cameras"), read.whole("width_px")
    step = width - read.whole("overlap_px")
    if cameras < 1 or (cameras > 1 and not 0 < step <= width):
        raise BadDataError(
            f"{cameras} synthetic cameras of {width} px with an overlap of {width - step} px cannot stand side by "
            "side; give 1 or more, and an overlap of 0 or more and less than the width"
        )
    web = _web(read, width_px=width + (cameras - 1) * step)
    one = SyntheticSettings(
        frames=read.whole("frames"),
        seed=read.whole("seed"),
        line=_line(read),
        web=web,
        lines_per_s=read.real("lines_per_s"),
    )
    return tuple(
        replace(one, name=f"{read.text('camera')}-{number}", view_left_px=number * step) for number in range(cameras)
    )


@dataclass(frozen=True, slots=True)
class _Read:
    values: Mapping[str, object]

    def whole(self, name: str) -> int:
        return int(str(self.values[name]))

    def real(self, name: str) -> float:
        return float(str(self.values[name]))

    def text(self, name: str) -> str:
        return str(self.values[name])


def _value(name: str, text: str | None) -> object:
    option = OPTIONS[name]
    if text is None:
        return option.default
    try:
        return option.read(text)
    except ValueError as error:
        raise BadDataError(f"synthetic camera: {name}={text} is no number; it is {option.meaning}") from error


def _line(read: _Read) -> LineCameraSettings:
    return LineCameraSettings(
        width_px=read.whole("width_px"),
        lines_per_frame=read.whole("lines_per_frame"),
        bit_depth=read.whole("bit_depth"),
        dead_columns=read.whole("dead_columns"),
        hot_columns=read.whole("hot_columns"),
        encoder_jitter_lines=read.real("jitter_lines"),
        lost_frame_probability=read.real("lost"),
        torn_frame_probability=read.real("torn"),
        dropped_line_probability=read.real("dropped_lines"),
        repeated_line_probability=read.real("repeated_lines"),
        vibration_px=read.real("vibration_px"),
        vibration_blur_lines=read.real("blur_lines"),
    )


def _web(read: _Read, *, width_px: int) -> WebSettings:
    turn = read.real("roll_mm") / read.real("mm_along") if read.real("mm_along") > 0.0 else 0.0
    mark = RollMark(circumference_lines=turn, first_line=round(turn / 3), column_px=width_px // 3) if turn else None
    return WebSettings(
        width_px=width_px,
        mm_per_px_across=read.real("mm_across"),
        mm_per_px_along=read.real("mm_along"),
        texture=read.text("texture"),
        background=read.real("background"),
        wander_px=read.real("wander_px"),
        defects_per_m2=read.real("defects_per_m2"),
        streaks_per_100_m=read.real("streaks_per_100_m"),
        roll_marks=() if mark is None else (mark,),
    )
