"""The pages about few-shot methods: whole, self-contained, every figure with its interval, and what is missing said."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from inspect_pipeline.domain.report import Fact
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.reporting.cross_domain_page import cross_domain_drawings
from inspect_pipeline.reporting.detect_page import Provenance
from inspect_pipeline.reporting.method_drawings import method_drawings
from inspect_pipeline.reporting.render import render_method

from .method_answers import classified, crossed
from .test_render import Page

FROM = Provenance(
    command="inspect-pipeline evaluate --data 'a <b>'",
    version="0.1.0",
    revision="0.1.0+gabc",
    data="steel <new>",
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    machine=(Fact(name="processor", value="x86_64, 2 cores"),),
)


def text_of(document: dict[str, Any]) -> str:
    return Page(render_method(document, FROM)).text


def percent(value: float) -> str:
    return f"{100 * value:.1f}%"


@pytest.mark.parametrize("answer", [classified, crossed], ids=["classify", "cross-domain"])
def test_a_page_is_whole_html_that_fetches_nothing_and_runs_nothing(answer: Callable[[], dict[str, Any]]) -> None:
    html = render_method(answer(), FROM)
    page = Page(html)
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert "://" not in html
    assert "steel <new>" in page.text or answer is crossed
    assert "inspect-pipeline evaluate --data 'a <b>'" in page.text


def test_accuracy_stands_beside_the_baselines_with_what_was_gained() -> None:
    document = classified()
    text = text_of(document)
    gain = document["differences"]["nearest_prototype"]
    assert percent(document["accuracy"]) in text
    assert f"{100 * gain['difference']:+.2f} points" in text
    assert f"{100 * gain['over_materials']['difference']:+.2f} points" in text
    assert "Not new material: the model was trained on m1" in text


def test_curves_strangers_added_types_and_every_type_are_shown() -> None:
    document = classified()
    text = text_of(document)
    for point in document["curves"]["shots"]["points"]:
        assert percent(point["accuracy"]) in text
    assert percent(document["open_set"]["scores"]["highest_logit"]["auroc"]) in text
    assert percent(document["known_versus_new"]["points"][1]["harmonic_mean"]["value"]) in text
    assert "m2/t1" in text
    names = [chart.name for chart in method_drawings(document)]
    assert names == [
        "gain_by_material", "accuracy_over_shots", "gain_over_shots", "known_accuracy", "harmonic_mean", "forgetting",
    ]  # fmt: skip


def test_what_was_not_measured_is_said_and_leaves_no_empty_section() -> None:
    document = classified() | {
        "curves": {},
        "open_set": None,
        "known_versus_new": None,
        "not_measured": ["too few <types>"],
    }
    html = render_method(document, FROM)
    assert "too few <types>" in Page(html).text
    assert 'id="curves"' not in html and 'id="open-set"' not in html and 'id="growth"' not in html


def test_every_unseen_material_has_its_row_and_the_mean_the_last() -> None:
    document = crossed()
    text = text_of(document)
    for family, row in document["per_family"].items():
        assert family in text
        assert f"{100 * row['differences']['ridge']['difference']:+.2f}".replace("+0.00", "0.00") in text
    assert "over materials" in text
    assert [chart.name for chart in cross_domain_drawings(document)] == [
        "unseen_gain_over_nearest_prototype",
        "unseen_gain_over_ridge",
        "unseen_gain_over_shrinkage_lda",
    ]


def test_another_document_is_refused() -> None:
    with pytest.raises(BadDataError, match="this is no answer of evaluate --task classify"):
        render_method({"task": "classify"}, FROM)
    with pytest.raises(BadDataError, match="this is no answer of evaluate --task cross-domain"):
        render_method({"task": "cross-domain"}, FROM)
