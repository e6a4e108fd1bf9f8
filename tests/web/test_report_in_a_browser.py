"""The report in a real headless browser: it fetches nothing, runs nothing, and can be read and printed."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from inspect_pipeline.domain.report import CoilReport
from inspect_pipeline.reporting.render import write_report
from tests.unit.reporting import builders

pytestmark = pytest.mark.required_in_ci

BACKGROUND = "getComputedStyle(document.body).backgroundColor"


class Opened:
    """A report in the browser, with every request and every complaint it made."""

    def __init__(self, browser: Browser, report: CoilReport, folder: Path, *, width: int, scheme: str) -> None:
        self.path = write_report(report, folder / "report ü.html")
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.goto(self.path.as_uri())


@pytest.fixture
def open_report(browser, tmp_path):
    opened = []

    def _open(report: CoilReport, *, width: int = 1366, scheme: str = "light") -> Opened:
        opened.append(Opened(browser, report, tmp_path, width=width, scheme=scheme))
        return opened[-1]

    yield _open
    for one in opened:
        one.page.close()


@pytest.mark.parametrize("case", [builders.full_report, builders.only_unusable, builders.foreign_names])
def test_it_fetches_nothing_and_the_browser_has_no_complaint(open_report, case):
    opened = open_report(case())
    assert [url for url in opened.requests if not url.startswith(("file:", "data:image/png"))] == []
    assert opened.complaints == []
    assert opened.page.locator("script").count() == 0


def test_its_style_is_accepted_in_light_and_dark(open_report):
    light = open_report(builders.no_findings()).page.evaluate(BACKGROUND)
    dark = open_report(builders.no_findings(), scheme="dark").page.evaluate(BACKGROUND)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(18, 23, 29)")


@pytest.mark.parametrize("width", [1366, 400])
@pytest.mark.parametrize("case", [builders.full_report, builders.foreign_names])
def test_nothing_runs_over_the_edge_of_the_screen(open_report, width, case):
    page = open_report(case(), width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_picture_is_decoded(open_report):
    page = open_report(builders.full_report()).page
    widths = page.evaluate("Array.from(document.images, image => image.naturalWidth)")
    assert len(widths) == 2 * (8 + 6)
    assert min(widths) > 0


def test_marks_lie_on_the_coil_and_tell_what_they_are(open_report):
    report = builders.full_report()
    page = open_report(report).page
    marks = page.locator("svg.strip g.mark")
    assert marks.count() == len(report.coil_map.findings)
    outside = page.evaluate(
        """Array.from(document.querySelectorAll('svg.strip g.mark'), mark => {
            const coil = mark.closest('svg').querySelector('rect.coil').getBoundingClientRect();
            const box = mark.getBoundingClientRect();
            const x = box.x + box.width / 2, y = box.y + box.height / 2;
            return x < coil.left - 2 || x > coil.right + 2 || y < coil.top - 2 || y > coil.bottom + 2 || box.width < 4;
        }).filter(Boolean).length"""
    )
    assert outside == 0
    assert "threshold" in (marks.first.locator("title").text_content() or "")
    assert page.locator("svg.strip g.miss").count() == 8
    assert page.locator("svg.strip rect.hatch.unusable").count() == 3
    assert page.locator("svg.strip rect.hatch.gap").count() == 2


def test_a_hollow_mark_is_simulated_and_a_filled_one_is_not(open_report):
    page = open_report(builders.full_report()).page
    hollow = page.locator("svg.strip g.mark.simulated").first
    filled = page.locator("svg.strip g.mark:not(.simulated)").first
    assert hollow.evaluate("mark => getComputedStyle(mark).fill") == "rgb(255, 255, 255)"
    assert filled.evaluate("mark => getComputedStyle(mark).fill") != "rgb(255, 255, 255)"


def test_a_type_named_as_a_script_is_read_as_text(open_report):
    page = open_report(builders.foreign_names()).page
    assert page.locator(".legend bdi", has_text="<script>alert(1)</script>").count() == 1
    assert page.locator(".legend b, h1 i").count() == 0


def test_all_findings_open_as_a_table_without_a_script(open_report):
    report = builders.full_report()
    page = open_report(report).page
    rows = page.locator("details.screen tbody tr")
    assert not rows.first.is_visible()
    page.get_by_text("All findings as a table").click()
    assert rows.first.is_visible()
    assert rows.count() == len(report.coil_map.findings)


def test_on_paper_it_is_light_and_shows_what_was_not_inspected(open_report):
    page = open_report(builders.full_report(), scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    assert page.locator("details.printed tbody tr").first.is_visible()
    assert not page.locator("nav").is_visible()


def test_it_prints_on_a4_in_a_few_pages(open_report):
    content = open_report(builders.full_report()).page.pdf(prefer_css_page_size=True, print_background=True)
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", content)
    assert 3 <= len(boxes) <= 9
    for width, height in boxes:
        assert (float(width), float(height)) == pytest.approx((595.3, 841.9), abs=1.5)


def test_two_thousand_findings_are_drawn(open_report):
    report = builders.many_findings()
    page = open_report(report).page
    assert page.locator("svg.strip g.mark").count() == len(report.coil_map.findings) > 1900
    assert page.locator("svg.strip").count() == 10
