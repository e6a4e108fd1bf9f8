"""A drawing as shapes in their places: the page shows it as SVG in its own colours, files hold it as SVG and as PNG."""

from dataclasses import dataclass

INK = {
    "page": "#ffffff",
    "text": "#1b232b",
    "quiet": "#55616d",
    "grid": "#d3dae1",
    "axis": "#8b97a3",
    "zero": "#8b97a3",
    "level": "#b42318",
    "heat": "#0b5c9e",
    "type-0": "#0063a6",
    "type-1": "#c04a05",
    "type-2": "#007a58",
    "type-3": "#9a3b7d",
    "type-4": "#856200",
    "type-5": "#2b7fb8",
    "type-6": "#4b4f54",
}
"""The colours of a file, those of the page's light style sheet, by the names that are classes there."""

DASHED = frozenset({"zero", "level"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A line through points in the ink of that name; ``width`` in drawing units."""

    points: tuple[tuple[float, float], ...]
    ink: str
    width: float = 1.0

    @property
    def path(self) -> str:
        """The points as a polyline has them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A filled circle; ``title`` is shown under the pointer."""

    x: float
    y: float
    ink: str
    radius: float = 3.6
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A filled box; ``strength`` from 0 (the page shows through) to 1 (the full ink)."""

    x: float
    y: float
    width: float
    height: float
    ink: str
    strength: float = 1.0
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A text; ``anchor`` is start, middle or end as in SVG, ``y`` its base line."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    ink: str = "text"
    bold: bool = False


Shape = Stroke | Dot | Cell | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One chart: its name for files, what it shows, its size and shapes, the first at the back."""

    name: str
    title: str
    width: float
    height: float
    shapes: tuple[Shape, ...]


def kind_of(shape: Shape) -> str:
    """Return the name of the kind of a shape, for a template."""
    return type(shape).__name__.lower()
