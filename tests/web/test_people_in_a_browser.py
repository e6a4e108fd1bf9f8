"""Signing in and the people's pages in a real browser, under the real content policy."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from inspect_pipeline.domain.accounts import Account
from inspect_pipeline.domain.people import Role
from tests.integration.web.site import NOON, PASSWORD, opened_site

pytestmark = pytest.mark.required_in_ci
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a site that listens; one of its people has a name that is a script."""
    with opened_site(tmp_path) as site, socket.socket() as door:
        evil = Account(name=EVIL, role=Role.OPERATOR, created_at=NOON, created_by=EVIL)
        with site.bench.house.catalog.transaction() as unit:
            unit.people.add_account(evil)
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(site.app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://localhost:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)


def faults(page: Page) -> list[str]:
    return [f"{page.url}: {one['id']}" for one in Axe().run(page).response["violations"]]


def test_an_admin_signs_in_sees_a_scripts_name_as_text_and_signs_out(browser: Browser, served: str) -> None:
    context = browser.new_context(viewport={"width": 1024, "height": 768})
    page, said = context.new_page(), []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{served}/people")
    found = faults(page)
    page.fill("#name", "anna")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{served}/people")
    assert EVIL in page.inner_text("table")
    for path in ("/people", "/account", "/audit"):
        page.goto(f"{served}{path}")
        found += faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"
    assert page.evaluate("document.cookie") == "", "no script reads a cookie"
    page.click("text=Sign out >> nth=0")
    page.wait_for_url(f"{served}/sign-in")
    page.goto(f"{served}/account")
    assert page.url.startswith(f"{served}/sign-in?next=")
    context.close()
    assert (said, found) == ([], [])
