"""A drawing as a PNG: the same shapes as its SVG, drawn large and scaled down so that edges are smooth."""

import io
from functools import partial

from PIL import Image, ImageColor, ImageDraw, ImageFont

from inspect_pipeline.reporting.drawing import DASHED, INK, Cell, Dot, Drawing, Shape, Stroke, Words

_SCALE, _FINER = 2, 3  # pixels a drawing unit, and how much finer it is drawn first
_TEXT = 13
_DASH, _GAP = 5.0, 4.0
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
Point = tuple[float, float]


def png_of(drawing: Drawing) -> bytes:
    """Return the drawing as PNG bytes, two pixels a unit."""
    by = _SCALE * _FINER
    size = (round(drawing.width * by), round(drawing.height * by))
    canvas = Image.new("RGB", size, INK["page"])
    pen = ImageDraw.Draw(canvas)
    fonts = {bold: ImageFont.load_default(size=_TEXT * by) for bold in (False, True)}
    for shape in drawing.shapes:
        _draw(pen, shape, by, fonts)
    small = canvas.resize((size[0] // _FINER, size[1] // _FINER), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, format="PNG", optimize=True)
    return content.getvalue()


def _draw(
    pen: ImageDraw.ImageDraw, shape: Shape, by: int, fonts: dict[bool, ImageFont.FreeTypeFont | ImageFont.ImageFont]
) -> None:
    ink = INK[shape.ink]
    if isinstance(shape, Stroke):
        draw = partial(pen.line, fill=ink, width=max(1, round(shape.width * by)), joint="curve")
        for piece in _dashes(shape.points) if shape.ink in DASHED else [list(shape.points)]:
            draw([(x * by, y * by) for x, y in piece])
    elif isinstance(shape, Dot):
        pen.circle((shape.x * by, shape.y * by), shape.radius * by, fill=ink, outline=INK["page"], width=by)
    elif isinstance(shape, Cell):
        corner = (shape.x * by, shape.y * by)
        pen.rectangle(
            (*corner, corner[0] + shape.width * by, corner[1] + shape.height * by), fill=_faded(ink, shape.strength)
        )
    else:
        _write(pen, shape, by, fonts[shape.bold], ink)


def _write(
    pen: ImageDraw.ImageDraw, words: Words, by: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, ink: str
) -> None:
    width = round(by * 0.35) if words.bold else 0  # the built-in font has no bold face
    at = (words.x * by, words.y * by)
    pen.text(at, words.text, fill=ink, font=font, anchor=_ANCHORS[words.anchor], stroke_width=width, stroke_fill=ink)


def _dashes(points: tuple[Point, ...]) -> list[list[Point]]:
    """Return the pieces of a straight line from the first point to the last."""
    (x1, y1), (x2, y2) = points[0], points[-1]
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    pieces: list[list[Point]] = []
    at = 0.0
    while at < length:
        ends = (at / length, min(at + _DASH, length) / length)
        pieces.append([(x1 + (x2 - x1) * end, y1 + (y2 - y1) * end) for end in ends])
        at += _DASH + _GAP
    return pieces


def _faded(ink: str, strength: float) -> tuple[int, ...]:
    page = ImageColor.getrgb(INK["page"])
    return tuple(round(p + (c - p) * strength) for p, c in zip(page, ImageColor.getrgb(ink), strict=True))
