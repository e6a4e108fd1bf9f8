"""A site: the secured application on a workspace of its own, with an admin, an engineer and an operator."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.services.security_settings import HashSettings, SecuritySettings, SiteSettings
from inspect_pipeline.services.workbench_settings import WorkbenchSettings
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.serving import secured

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOST = "bench.example"
PASSWORD = "three quiet rollers"  # noqa: S105 - of a test
PEOPLE = {"Anna": Role.ADMIN, "Edda": Role.ENGINEER, "Otto": Role.OPERATOR}
CHEAP = SecuritySettings(hashing=HashSettings(memory_kib=8, passes=1, lanes=1))
SITE = SiteSettings(allowed_hosts=(HOST, "localhost"), max_body_mib=1)


@dataclass
class Site:
    """The application, its use cases and a clock that tests move."""

    bench: Workbench
    clock: list[datetime] = field(default_factory=lambda: [NOON])
    secret: str | None = None

    def __post_init__(self) -> None:
        self.app: FastAPI = secured(self.bench, provider_secret=self.secret)

    def later(self, seconds: float) -> None:
        self.clock[0] += timedelta(seconds=seconds)

    def browser(self, *, address: str = "10.0.0.7", base: str = f"https://{HOST}") -> TestClient:
        """Return a browser that follows no redirect and shows our own faults as answers."""
        return TestClient(
            self.app, base_url=base, follow_redirects=False, client=(address, 50000), raise_server_exceptions=False
        )

    def signed_in(self, name: str, *, password: str = PASSWORD) -> TestClient:
        """Return a browser in which a person has signed in."""
        browser = self.browser()
        answer = sign_in(browser, name, password)
        assert answer.status_code == 303, answer.text
        return browser

    def machine(self, *scopes: Permission, name: str) -> dict[str, str]:
        """Return the header of a machine with a token of these scopes."""
        made = self.bench.api_tokens.make(name, owner="Anna", scopes=scopes, days=30, by="Anna")
        return {"authorization": f"Bearer {made.text}"}


@cache
def catalog_bytes() -> bytes:
    """Return a catalog with the people, made once: migrating a database for every test takes longer than the test."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(workspace=Path(folder), workbench=WorkbenchSettings(security=CHEAP))
        with open_house(settings, clock=lambda: NOON) as house:
            for name, role in PEOPLE.items():
                Workbench(house=house).accounts.add(name, role, PASSWORD, by="uid 0")
        return (Path(folder) / "catalog.sqlite").read_bytes()


@contextmanager
def opened_site(
    workspace: Path,
    *,
    site: SiteSettings = SITE,
    security: SecuritySettings = CHEAP,
    secret: str | None = None,
) -> Iterator[Site]:
    """Open a site on a workspace; its people are there."""
    clock = [NOON]
    settings = Settings(workspace=workspace, workbench=WorkbenchSettings(site=site, security=security))
    (workspace / "catalog.sqlite").write_bytes(catalog_bytes())
    with open_house(settings, clock=lambda: clock[0]) as house:
        yield Site(bench=Workbench(house=house), clock=clock, secret=secret)


def csrf(browser: TestClient, path: str = "/account") -> str:
    """Return the token that a page gives its forms and scripts."""
    found = re.search(r'name="csrf-token" content="([^"]*)"', browser.get(path).text)
    assert found is not None, path
    return found[1]


def sign_in(
    browser: TestClient, name: str, password: str = PASSWORD, *, next_page: str = "/", token: str | None = None
) -> httpx.Response:
    """Send the form of the sign-in page as a browser does."""
    token = csrf(browser, "/sign-in") if token is None else token
    fields = {"name": name, "password": password, "next": next_page, "csrf_token": token}
    return browser.post("/sign-in", data=fields)
