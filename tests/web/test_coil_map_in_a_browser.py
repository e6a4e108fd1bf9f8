"""The map of a coil in a real browser: it draws every finding, a tap shows one, a link shows the same."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import Request, Response
from playwright.sync_api import Browser, Page, expect

from inspect_pipeline.domain.people import Role, person
from inspect_pipeline.web.app import create_app
from tests.integration.web.live_plant import LivePlant

pytestmark = pytest.mark.required_in_ci

COIL = "coil 7 #ü"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    plant = LivePlant(Path(tmp_path_factory.mktemp("live")))
    plant.put_in_force()
    plant.add_coil(COIL, frames=30, findings=120, torn=(4,), lost=(9, 10), pictures=True)
    app = create_app(plant.bench, identify=lambda _request: person("anna", Role.OPERATOR))

    @app.middleware("http")
    async def dressed(request: Request, call_next: object) -> Response:
        answer: Response = await call_next(request)  # type: ignore[operator]
        answer.headers["content-security-policy"] = POLICY
        return answer

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)
    plant.house.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1024, "height": 768}, base_url=site)
    opened.complaints = []  # type: ignore[attr-defined]
    opened.on("console", lambda message: opened.complaints.append(message.text))  # type: ignore[attr-defined]
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))  # type: ignore[attr-defined]
    yield opened
    opened.close()


def _open(page: Page, query: str = "") -> None:
    page.goto(f"/coils/coil%207%20%23%C3%BC{query}")
    page.wait_for_selector("#coil-map[data-ready=yes]")


def test_it_draws_a_tap_shows_the_finding_and_the_address_shows_the_same_to_a_colleague(page: Page) -> None:
    _open(page)
    ink = page.evaluate(
        """() => { const canvas = document.querySelector('#coil-map canvas');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = Array.from({length: pixels.length / 4}, (_, at) => pixels.slice(4 * at, 4 * at + 3).join());
        return new Set(colours).size; }"""
    )
    assert ink > 20
    page.locator("#coil-map canvas").focus()
    page.keyboard.press("n")
    expect(page.locator("#finding .one")).to_be_visible()
    first = page.locator('[data-of="place"]').text_content()
    page.keyboard.press("n")
    assert page.locator('[data-of="place"]').text_content() != first
    box = page.locator("#coil-map canvas").bounding_box()
    assert box is not None
    page.keyboard.press("Escape")
    expect(page.locator("#finding .none")).to_be_visible()
    for across in range(80, 660, 6):  # a fingertip on the map: some finding is under it
        page.mouse.click(box["x"] + across, box["y"] + 220)
        if page.locator("#finding .one").is_visible():
            break
    expect(page.locator("#finding .one")).to_be_visible()
    chosen = page.locator('[data-of="place"]').text_content()
    page.wait_for_url("**finding=*")
    _open(page, "?" + page.url.partition("?")[2])
    expect(page.locator('[data-of="place"]')).to_have_text(chosen or "")
    href = page.locator("#finding a.open").get_attribute("href") or ""
    assert href.startswith("/queue?item=")
    refused = [text for text in page.complaints if "404" not in text]  # type: ignore[attr-defined]
    assert refused == []  # pictures are another area's: their absence is the only thing the browser may tell


def test_what_is_hidden_and_how_near_it_is_seen_stands_in_the_address(page: Page) -> None:
    _open(page)
    page.locator('button[data-type="scratch"]').click()
    page.locator('button[data-act="closer"]').click()
    page.wait_for_url("**hide=scratch*")
    assert "from=" in page.url
    _open(page, "?" + page.url.partition("?")[2])
    expect(page.locator('button[data-type="scratch"]')).to_have_attribute("aria-pressed", "false")
    expect(page.locator('button[data-type="unknown"]')).to_have_attribute("aria-pressed", "true")


def test_the_live_page_asks_again_and_says_when_it_cannot(page: Page) -> None:
    page.goto("/live")
    expect(page.locator("#live-state")).to_have_text("up to date")
    page.route("**/live/now**", lambda route: route.abort())
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live-state")).to_contain_text("old")
    page.unroute("**/live/now**")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live-state")).to_have_text("up to date")
    expect(page.locator("#now h2 a").first).to_have_text(COIL)
