"""Charts as shapes: places on their scales, files that stand alone, and a PNG of the same shapes."""

import io
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from PIL import Image

from inspect_pipeline.domain.figures import Estimate, NotMeasured
from inspect_pipeline.reporting.drawing import INK, Cell, Dot, Drawing, Stroke, Words
from inspect_pipeline.reporting.drawing_png import png_of
from inspect_pipeline.reporting.forest_chart import forest_chart
from inspect_pipeline.reporting.heat_chart import heat_chart
from inspect_pipeline.reporting.line_charts import line_chart
from inspect_pipeline.reporting.render import render_svg

MISSING = NotMeasured(reason="too few")


def estimate(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def chart() -> Drawing:
    drawn = line_chart(
        "accuracy", "Accuracy <%>", "supports",
        {"ridge": [estimate(0.6), estimate(0.8)], "other": [estimate(0.5), MISSING]}, [1, 20],
    )  # fmt: skip
    assert drawn is not None
    return drawn


def test_a_line_is_drawn_through_what_was_measured_and_higher_is_up() -> None:
    dots = [shape for shape in chart().shapes if isinstance(shape, Dot) and shape.title]
    ridge = [dot for dot in dots if dot.title.startswith("ridge")]
    assert [dot.title for dot in ridge] == ["ridge: 0.600 [0.580, 0.620]", "ridge: 0.800 [0.780, 0.820]"]
    assert ridge[0].x < ridge[1].x and ridge[0].y > ridge[1].y
    assert len([dot for dot in dots if dot.title.startswith("other")]) == 1


def test_labels_of_many_points_do_not_run_into_each_other() -> None:
    drawn = line_chart("a", "A", "steps", {"m": [estimate(0.5)] * 21}, list(range(21)))
    assert drawn is not None
    labels = [shape.x for shape in drawn.shapes if isinstance(shape, Words) and shape.anchor == "middle"][:-1]
    assert min(b - a for a, b in pairwise(labels)) >= 24.0


def test_without_any_figure_there_is_no_chart() -> None:
    assert line_chart("a", "A", "x", {"m": [MISSING]}, [1]) is None
    assert forest_chart("a", "A", [("m", MISSING)], total=None) is None
    assert heat_chart([], across="a", up="b") is None


def test_a_difference_lies_on_its_side_of_zero_and_what_is_missing_says_so() -> None:
    drawn = forest_chart(
        "g", "Gained", [("up", estimate(0.05)), ("down", estimate(-0.05)), ("none", MISSING)], total=None
    )
    assert drawn is not None
    (zero,) = [shape for shape in drawn.shapes if isinstance(shape, Stroke) and shape.ink == "level"]
    up, down = [shape for shape in drawn.shapes if isinstance(shape, Dot)]
    assert down.x < zero.points[0][0] < up.x
    assert "not measured" in [shape.text for shape in drawn.shapes if isinstance(shape, Words)]


def test_a_cell_holds_the_mean_of_the_complete_trials_and_the_best_is_the_strongest() -> None:
    trials = [
        {"values": {"rate": 0.1, "steps": 1}, "accuracy": 0.5, "state": "complete"},
        {"values": {"rate": 0.1, "steps": 1}, "accuracy": 0.7, "state": "complete"},
        {"values": {"rate": 0.2, "steps": 2}, "accuracy": 0.9, "state": "complete"},
        {"values": {"rate": 0.2, "steps": 1}, "accuracy": 0.1, "state": "pruned"},
    ]
    drawn = heat_chart(trials, across="rate", up="steps")
    assert drawn is not None
    cells = [shape for shape in drawn.shapes if isinstance(shape, Cell)]
    assert [cell.title for cell in cells] == ["60.00% over 2 trials", "90.00% over 1 trials"]
    assert cells[0].strength < cells[1].strength == pytest.approx(1.0)
    assert cells[0].x < cells[1].x and cells[0].y > cells[1].y


def test_many_values_of_a_rate_are_put_into_bins_evenly_on_their_scale() -> None:
    trials = [
        {"values": {"rate": 10.0**-power, "order": "first"}, "accuracy": 0.5, "state": "complete"}
        for power in range(12)
    ]
    drawn = heat_chart(trials, across="rate", up="order")
    assert drawn is not None
    cells = [shape for shape in drawn.shapes if isinstance(shape, Cell)]
    assert [cell.title for cell in cells] == ["50.00% over 2 trials"] * 6


def test_the_svg_file_stands_alone_and_escapes_what_comes_from_outside() -> None:
    text = render_svg(chart())
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "Accuracy &lt;%&gt;" in text and "<script" not in text
    assert INK["type-0"] in text


def test_the_png_shows_the_same_shapes_twice_as_large() -> None:
    drawing = Drawing(
        name="d",
        title="D",
        width=40.0,
        height=30.0,
        shapes=(
            Cell(x=0.0, y=0.0, width=10.0, height=10.0, ink="heat"),
            Dot(x=30.0, y=20.0, ink="type-1", radius=5.0),
            Stroke(points=((0.0, 28.0), (40.0, 28.0)), ink="axis", width=2.0),
        ),
    )
    image = Image.open(io.BytesIO(png_of(drawing)))
    assert image.size == (80, 60)
    found = [image.convert("RGB").getpixel(place) for place in ((10, 10), (60, 40), (40, 56), (40, 10))]
    wanted = [tuple(bytes.fromhex(INK[ink][1:])) for ink in ("heat", "type-1", "axis", "page")]
    for colour, ink in zip(found, wanted, strict=True):
        assert colour == pytest.approx(ink, abs=6)  # edges are smoothed
