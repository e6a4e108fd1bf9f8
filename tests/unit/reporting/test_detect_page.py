"""The page of an evaluation of detection: whole, self-contained, and saying what was not measured."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inspect_pipeline.domain.report import Fact
from inspect_pipeline.errors import BadDataError, StorageError
from inspect_pipeline.reporting.detect_curves import draw_curves
from inspect_pipeline.reporting.detect_page import Provenance
from inspect_pipeline.reporting.render import render_detection, write_detection

from .detect_answers import NOTHING, answer, curve, figure, many
from .test_render import Page

FROM = Provenance(
    command="inspect-pipeline evaluate --task detect --data 'a <b>'",
    version="0.1.0",
    revision="0.1.0+gabc",
    data="kolektor <sdd>",
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    machine=(Fact(name="processor", value="x86_64, 2 cores"),),
)


def text_of(document: dict[str, Any]) -> str:
    return Page(render_detection(document, FROM)).text


@pytest.mark.parametrize("document", [answer(), many()], ids=["one type", "many types"])
def test_the_page_is_whole_html_that_fetches_nothing_and_runs_nothing(document: dict[str, Any]) -> None:
    html = render_detection(document, FROM)
    page = Page(html)
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert "://" not in html
    assert html.lstrip().startswith("<!doctype html>")


def test_the_page_shows_figures_baselines_promise_and_where_they_come_from() -> None:
    text = text_of(answer())
    for words in (
        "98.5%", "95.5% to 100.0%", "normality only", "fine tuned", "+10.00 points", "70.0% (7 of 10)",
        "90.0% (9 of 10)", "31.0% to 99.0%", "coil/crack", "24 + 29", "needs 100 good test images in every draw",
        "inspect-pipeline evaluate --task detect --data 'a <b>'", "0.1.0+gabc", "f" * 64, "Seed3", "kolektor <sdd>",
        "Every type, every draw and every point that was asked for was measured",
    ):  # fmt: skip
        assert words in text, words
    assert "Untaught types" not in text
    assert "What more samples" not in text


def test_many_types_curves_untaught_types_and_refusals_are_all_there() -> None:
    text = text_of(many())
    assert all(f"type with a rather long name {k}" in text for k in range(40))
    for words in ("Over the number of samples of a type", "Over the number of good images", "Types that nobody taught",
                  "material-9/type 11 has 2 samples", "Not new material", "initialization.default@3"):  # fmt: skip
        assert words in text, words


def test_the_weakest_type_of_a_material_comes_first() -> None:
    text = text_of(answer({"coil/crack": 0.99, "coil/dust": 0.7, "wire/rust": 0.8}))
    types = text[text.index("Every type A detector") :]
    assert types.index("coil/dust") < types.index("coil/crack") < types.index("wire/rust")


def test_a_curve_stands_where_its_figures_are() -> None:
    document = answer(curves={"shots": curve((1, 10), "shots")})
    (drawn,) = draw_curves(document)
    panel = drawn.panels[0]
    assert [line.name for line in panel.lines] == [
        "detector",
        "normality only",
        "nearest prototype",
        "logistic regression",
    ]
    first, last = panel.lines[0].dots
    assert first.x < last.x
    assert first.y > last.y  # better is higher up
    assert last.high < last.y < last.low
    assert [tick.text for tick in panel.across] == ["1", "10"]
    assert drawn.panels[-1].mark is not None


def test_a_point_that_was_not_measured_is_left_out_of_its_line_and_said_in_the_table() -> None:
    points = curve((1, 3, 5), "shots")
    points["points"][1]["figures"]["region_recall"] = NOTHING
    document = answer(curves={"shots": points})
    recall = draw_curves(document)[0].panels[1]
    assert len(recall.lines[0].dots) == 2
    assert "not measured" in text_of(document)
    for point in points["points"]:
        point["figures"]["region_recall"] = NOTHING
    assert [panel.title for panel in draw_curves(document)[0].panels] == [
        "image AUROC, %",
        "overkill at the own threshold, %",
    ]


def test_one_draw_has_no_interval_and_says_so() -> None:
    document = answer()
    document["baselines"]["ridge"]["difference"]["image_auroc"] = {"value": 0.1, "interval": [None, None]}
    assert "one draw tells nothing of the spread" in render_detection(document, FROM)


def test_any_other_document_is_refused() -> None:
    with pytest.raises(BadDataError, match="no answer of evaluate --task detect"):
        render_detection({"accuracy": 0.9}, FROM)


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_detection(answer(), FROM, tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8") == render_detection(answer(), FROM)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        write_detection(
            answer(detector=answer()["detector"] | {"aupro": figure(0.5)}), FROM, tmp_path / "file" / "x.html"
        )
