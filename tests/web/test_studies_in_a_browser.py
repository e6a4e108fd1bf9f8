"""Judging in a real browser: by keys alone and by touch, with nothing that axe-core calls serious."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.integration.web.study_site import LINE, TYPES, Site, open_site

pytestmark = pytest.mark.required_in_ci


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Site, str]]:
    with open_site(tmp_path) as opened, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(opened.client.app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        yield opened, f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)


def _page(browser: Browser, who: str, **options: Any) -> Page:
    context = browser.new_context(viewport={"width": 1024, "height": 768}, extra_http_headers={"x-who": who}, **options)
    return context.new_page()


def _serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}" for one in found if one["impact"] in {"serious", "critical"}]


def test_a_study_is_judged_by_keys_and_by_touch_and_its_results_are_shown(
    browser: Browser, site: tuple[Site, str]
) -> None:
    opened, base = site
    wanted = {"name": "Mai", "line": LINE, "people": ["anna", "bo"], "items": 4, "champion": True}
    study = opened.ask("eve", "POST", "/api/v1/studies", json=wanted).json()["id"]
    anna = _page(browser, "anna")
    complaints: list[str] = []
    anna.on("pageerror", lambda error: complaints.append(str(error)))
    anna.goto(f"{base}/studies/{study}/judge")
    expect(anna.locator("#at")).to_have_text("Trial 1 of 2 · item 1 of 4")
    assert _serious(anna) == []
    anna.keyboard.press("Enter")  # nothing is chosen yet, so nothing is given
    anna.keyboard.press("2")
    expect(anna.get_by_role("button", name=TYPES[1])).to_have_attribute("aria-pressed", "true")
    anna.keyboard.press("1")
    anna.keyboard.press("Enter")
    expect(anna.locator("#at")).to_have_text("Trial 1 of 2 · item 2 of 4")
    for place in (2, 3, 4):
        expect(anna.locator("#at")).to_have_text(f"Trial 1 of 2 · item {place} of 4")
        anna.keyboard.press("0")
        anna.keyboard.press("Enter")
    expect(anna.get_by_role("heading", name="Trial 1 is done")).to_be_visible()
    anna.keyboard.press("Enter")
    for place in (1, 2, 3, 4):
        expect(anna.locator("#at")).to_have_text(f"Trial 2 of 2 · item {place} of 4")
        anna.keyboard.press("1")
        anna.keyboard.press("Enter")
    expect(anna.locator("#end")).to_be_visible()
    with opened.bench.house.catalog.transaction() as unit:
        given = [one.answer for one in unit.studies.judgements(study, appraiser="anna")]
    assert given == [TYPES[0], "", "", "", *[TYPES[0]] * 4]
    bo = _page(browser, "bo", has_touch=True)
    bo.goto(f"{base}/studies/{study}/judge")
    bo.get_by_role("button", name="Not a defect").tap()
    bo.get_by_role("button", name="Confirm").tap()
    expect(bo.locator("#at")).to_have_text("Trial 1 of 2 · item 2 of 4")
    opened.ask("eve", "POST", f"/api/v1/studies/{study}/close", json={"incomplete": True})
    bo.goto(f"{base}/studies/{study}")
    expect(bo.get_by_role("heading", name="Verdict", level=2)).to_be_visible()
    assert _serious(bo) == []
    assert complaints == []
