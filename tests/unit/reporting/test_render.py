import base64
import errno
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.errors import DiskFullError, StorageError
from inspect_pipeline.reporting import render
from inspect_pipeline.reporting.render import render_report, write_report
from tests.unit.reporting import builders

VOID = {"meta", "br", "img", "col", "link", "input", "hr"}
CASES = (builders.full_report, builders.no_findings, builders.only_unusable, builders.foreign_names)


class Page(HTMLParser):
    """The words of a page, its tags and every resource that it names; fails where a tag is not closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.words, self.tags, self.links = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"src", "href", "srcset", "data", "action", "poster"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        plain = "".join(self.words).replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-")
        return re.sub(r"\s+", " ", plain)


def text_of(report) -> str:
    return Page(render_report(report)).text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_report_is_whole_html_that_fetches_nothing_and_runs_nothing(case):
    html = render_report(case())
    page = Page(html)
    assert "script" not in page.tags
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "://" not in html
    assert "//" not in style
    assert "@import" not in style
    assert set(re.findall(r"url\(([^)]*)\)", style)) <= {
        "#hatch-gap", "#hatch-unusable", "#hatch-not-judged", "#hatch-simulated",
    }  # fmt: skip


def test_the_policy_allows_this_style_and_nothing_else_to_run():
    html = render_report(builders.no_findings())
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'" in html
    assert " style=" not in html


def test_links_within_the_page_lead_somewhere():
    html = render_report(builders.full_report())
    assert {link[1:] for link in Page(html).links if link.startswith("#")} <= set(re.findall(r'id="([^"]+)"', html))


def test_names_with_markup_are_shown_as_text():
    html = render_report(builders.foreign_names())
    assert "<script>" not in html
    assert "onerror=alert(2)>" not in html
    text = Page(html).text
    for shown in (
        "<script>alert(1)</script>",
        'Kratzer "tief" & <b>lang</b>',
        "划痕",
        "раковина",
        "<img src=x onerror",
    ):
        assert shown in text


def test_the_head_shows_coil_counts_metres_and_reasons():
    text = text_of(builders.full_report())
    for figure in (
        "poly-module-07", "Line poly-line", "recipe default", "family poly", "scored 2026-10-09 14:03:07 UTC",
        "46 frames captured = 43 judged + 3 unusable", "20.124 m", "2.340 m", "Not all of this coil was inspected",
        "overexposed: 41% of the pixels are at full scale", "the PNG ends after 212 of 900 lines", "14.040 m",
    ):  # fmt: skip
        assert figure in text


def test_the_model_shows_lineage_thresholds_and_promise():
    text = text_of(builders.full_report())
    for figure in (
        "detector.poly-line.default version 2", "@champion", "provisional", "0.1834", "0.5127",
        "overkill of at most 5.0% per cell", "3 of 80", "0.78% to 10.6%", "initialization.default version 3",
        "prototypical network", "frozen baseline", "-0.41 points (-0.93 points to +0.11 points)", "5a1c" * 16,
        "tf_efficientnet_lite0", "245", "9f31c0de" * 4, "795bb82", "episodes 20261009, calibration 11",
        "not measured: this camera gives no target", "not measured: no held-out samples are kept",
    ):  # fmt: skip
        assert figure in text


def test_escapes_and_overkill_stand_apart_for_real_and_simulated_with_intervals():
    text = text_of(builders.full_report())
    real, simulated = text.index("On REAL defects"), text.index("On SIMULATED defects")
    assert real < text.index("2 of 61") < text.index("9 of 210") < simulated < text.index("6 of 200")
    for figure in (
        "0.40% to 11.3%", "2.0% to 8.0%", "1.1% to 6.4%", "0.61% to 16.9%", "A unit is one solar cell",
        "Escape: a cell with a defect on which nothing was reported.",
        "Overkill: a defect-free cell on which something was reported.",
        "not measured: defect-free cells are real; see the table of REAL", "8 missed defects; 6 with pictures",
    ):  # fmt: skip
        assert figure in text


def test_one_side_of_the_truth_may_be_missing_and_says_why():
    report = builders.full_report()
    text = text_of(replace(report, truth=replace(report.truth, real=NotMeasured(reason="no reference cells here"))))
    assert "not measured: no reference cells here" in text
    assert "6 of 200" in text


def test_without_truth_the_report_says_so_and_shows_no_empty_table():
    text = text_of(builders.no_findings())
    assert "Not measured. Truth is not known for this coil: no held-out labels lie on this coil." in text
    assert "Escapes (missed)" not in text
    assert "0 of" not in text.split("Escapes and overkill")[-1].split("Missed defects")[0]


def test_without_findings_the_report_tells_clean_from_not_judged():
    assert "No findings on 24 judged frames" in text_of(builders.no_findings())
    unusable = text_of(builders.only_unusable())
    assert "Nothing was inspected." in unusable
    assert "no frame was judged, so there are no findings to rank" in unusable
    assert "No findings on" not in unusable


def test_all_of_a_coil_inspected_is_said_quietly():
    text = text_of(builders.no_findings())
    assert "All of this coil was inspected" in text
    assert "Not all of this coil" not in text


@pytest.mark.parametrize("field", ["model", "truth", "meta_training", "stages", "machine"])
def test_a_missing_part_is_shown_with_its_reason(field):
    text = text_of(replace(builders.full_report(), **{field: NotMeasured(reason="lost in the flood")}))
    assert "lost in the flood" in text


def test_missing_metres_are_never_zero():
    report = builders.no_findings()
    head = replace(
        report.head, inspected_m=NotMeasured(reason="no encoder"), not_inspected_m=NotMeasured(reason="none")
    )
    text = text_of(replace(report, head=head))
    assert "Inspectednot measured: no encoder" in text
    assert "0.000 m" not in text


def test_stages_machine_and_footer_are_shown():
    text = text_of(builders.full_report())
    for figure in (
        "121.90 s", "400 episodes", "not measured: not part of this run", "181.69 s", "7.8 GiB",
        "Created by inspect-pipeline demo · inspect-pipeline 0.1.0 · 2026-10-09 14:03:07 UTC",
        "Every figure above was computed in this run.",
    ):  # fmt: skip
        assert figure in text
    later = text_of(builders.no_findings())
    assert "computed in this run" not in later


def test_a_baseline_win_is_shown_as_such():
    text = text_of(builders.full_report())
    for figure in ("A baseline wins here", "94.7%", "95.1%", "95.8%", "95.2% to 96.5%", "-1.12 points"):
        assert figure in text
    assert "frozen, ridge is better than meta-trained prototypes" in text


def test_the_gallery_shows_pictures_scores_and_truth():
    report = builders.full_report()
    html = render_report(report)
    for exhibit in report.exhibits:
        if not isinstance(exhibit.pictures, NotMeasured):
            assert base64.b64encode(exhibit.pictures.overlay_png).decode() in html
            assert base64.b64encode(exhibit.pictures.crop_png).decode() in html
    text = Page(html).text
    assert "No picture: the image file is no longer in the store" in text
    assert f"{report.exhibits[0].shown.finding.score:.2f} ×" in text


def test_each_finding_of_the_gallery_says_why_in_a_line_and_those_of_before_do_not():
    report = builders.full_report()
    shown = [exhibit.shown.finding for exhibit in report.exhibits]
    assert render_report(report).count("<dt>Why</dt>") == len(shown) > 0
    assert "nearest sample label-0" in Page(render_report(report)).text
    bare = [
        replace(one, shown=replace(one.shown, finding=replace(one.shown.finding, explanation=None)))
        for one in report.exhibits
    ]
    assert "<dt>Why</dt>" not in render_report(replace(report, exhibits=tuple(bare)))


def test_two_thousand_findings_are_all_on_the_map_and_in_the_table():
    report = builders.many_findings()
    html = render_report(report)
    count = len(report.coil_map.findings)
    assert count > 1900
    assert html.count('<g class="mark type-') + html.count('<g class="mark unknown') > 2 * count
    assert html.count("threshold · ") >= count


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa_and_marks_that_of_graphics(scheme):
    html = render_report(builders.no_findings())
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", html, re.DOTALL)[scheme]))
    for text in ("text", "muted", "accent", "good", "bad", "odd", "off"):
        for ground in ("page", "soft"):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
    for text, ground in (("text", "warn-page"), ("muted", "warn-page"), ("text", "sim-page"), ("sim-text", "sim-page")):
        assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
    for mark in ("unknown", *(f"type-{i}" for i in range(7))):
        assert contrast(tokens[mark], tokens["soft"]) >= 3.0, mark


def test_a_report_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "with spaces" / "Ö report.html"
    assert write_report(builders.no_findings(), path) == path
    assert path.read_text("utf-8") == render_report(builders.no_findings())
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_name_that_is_no_unicode_does_not_lose_the_report(tmp_path):
    report = builders.no_findings()
    path = write_report(replace(report, head=replace(report.head, coil="coil-\udcff")), tmp_path / "r.html")
    assert b"coil-\\udcff" in path.read_bytes()


def test_a_place_that_cannot_be_written_is_one_clear_line_and_keeps_the_old_report(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("kept")
    with pytest.raises(StorageError, match=r"cannot be written .* choose another place"):
        write_report(builders.no_findings(), blocked / "report.html")
    folder = tmp_path / "report.html"
    folder.mkdir()
    with pytest.raises(StorageError):
        write_report(builders.no_findings(), folder)
    assert blocked.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "report.html"]


def test_a_full_disk_is_named_and_keeps_the_old_report(tmp_path, monkeypatch):
    path = write_report(builders.no_findings(), tmp_path / "report.html")
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(render.os, "fsync", full)
    with pytest.raises(DiskFullError, match="no space left to write the report"):
        write_report(builders.only_unusable(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
