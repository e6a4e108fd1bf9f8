"""Sign-in by another provider: a real exchange over a socket, and every way in which the answer can be a lie."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.people import Role
from inspect_pipeline.errors import BadDataError, ConfigError
from inspect_pipeline.services.security_settings import OidcSettings
from inspect_pipeline.web.serving import secured
from tests.integration.web.fake_provider import SECRET, FakeProvider, rsa_key, running_provider
from tests.integration.web.site import CHEAP, NOON, Site, opened_site


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    """A provider that runs."""
    with running_provider() as running:
        yield running


@pytest.fixture
def site(provider: FakeProvider, tmp_path: Path) -> Iterator[Site]:
    """A site that trusts the provider."""
    oidc = OidcSettings(issuer=provider.issuer, roles={"qa": Role.ENGINEER, "it": Role.ADMIN}, label="Plant login")
    with opened_site(tmp_path, security=replace(CHEAP, oidc=oidc), secret=SECRET) as opened:
        yield opened


def at_provider(browser: TestClient, next_page: str = "/audit") -> str:
    """Begin at the sign-in page, sign in at the provider, and return where it sends the browser back to."""
    assert "Plant login" in browser.get("/sign-in").text
    begun = browser.get("/sign-in/provider", params={"next": next_page})
    assert begun.status_code == 303
    return httpx.get(begun.headers["location"], follow_redirects=False).headers["location"]


def test_a_person_of_the_provider_signs_in_and_comes_to_the_page_that_was_wanted(
    site: Site, provider: FakeProvider
) -> None:
    browser = site.browser()
    back = browser.get(at_provider(browser))
    assert (back.status_code, back.headers["location"]) == (303, "/audit")
    assert browser.get("/api/v1/session").json()["name"] == "Zoe"
    account = site.bench.accounts.account("zoe")
    assert (account.role, account.subject) == (Role.ENGINEER, f"{provider.issuer} 7")
    assert "__Host-journey" not in browser.cookies


def test_the_request_carries_state_nonce_and_a_challenge_and_never_the_secret(site: Site) -> None:
    begun = site.browser().get("/sign-in/provider")
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == ["https://bench.example/sign-in/provider/back"]
    assert {"state", "nonce", "code_challenge"} <= set(query)
    assert SECRET not in begun.headers["location"] + str(begun.headers.get_list("set-cookie"))
    again = parse_qs(urlsplit(site.browser().get("/sign-in/provider").headers["location"]).query)
    assert [again[key] != query[key] for key in ("state", "nonce", "code_challenge")] == [True] * 3


def test_an_answer_counts_only_in_the_browser_that_began_and_only_once(site: Site) -> None:
    mine, other = site.browser(), site.browser()
    back = at_provider(mine)
    assert other.get(back).status_code == 403, "a victim who follows the attacker's link"
    at_provider(other)
    assert other.get(back).status_code == 403, "the state is another's"
    assert mine.get(back).status_code == 303
    assert mine.get(back).status_code == 403


def test_nobody_is_led_to_another_site_by_the_way_back(site: Site) -> None:
    browser = site.browser()
    assert browser.get(at_provider(browser, "//evil.example")).headers["location"] == "/"


HOUR = 3600
LIES: dict[str, Callable[[FakeProvider], object]] = {
    "another issuer": lambda provider: provider.lies.update(iss="https://evil.example"),
    "for another client": lambda provider: provider.lies.update(aud="other"),
    "for two clients": lambda provider: provider.lies.update(aud=["inspect-pipeline", "other"]),
    "by another client": lambda provider: provider.lies.update(azp="other"),
    "expired": lambda provider: provider.lies.update(exp=int(NOON.timestamp()) - HOUR),
    "without end": lambda provider: provider.lies.update(exp=None),
    "another nonce": lambda provider: provider.lies.update(nonce="replayed"),
    "without nonce": lambda provider: provider.lies.update(nonce=None),
    "without subject": lambda provider: provider.lies.update(sub=None),
    "unsigned": lambda provider: provider.header.update(alg="none"),
    "by another key": lambda provider: setattr(provider, "signing_key", rsa_key("two")),
    "a local person's name": lambda provider: provider.person.update(preferred_username="anna"),
    "no name": lambda provider: provider.person.update(preferred_username=None),
    "a name that is none": lambda provider: provider.person.update(preferred_username="token:press"),
    "no role": lambda provider: provider.person.update(groups=["all"]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_lets_nobody_in(site: Site, provider: FakeProvider, lie: str) -> None:
    LIES[lie](provider)
    browser = site.browser()
    answer = browser.get(at_provider(browser))
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text
    assert browser.get("/api/v1/session").status_code == 401
    assert len(site.bench.accounts.listing()) == 3


def test_a_symmetric_signature_with_the_public_key_is_refused(site: Site, provider: FakeProvider) -> None:
    from joserfc.jwk import OctKey

    public = rsa_key("one").as_pem(private=False)
    provider.signing_key = OctKey.import_key(public.replace(b"-----", b"====="), {"kid": "one"})  # type: ignore[assignment]
    provider.header = {"alg": "HS256"}
    browser = site.browser()
    assert browser.get(at_provider(browser)).status_code == 403


def test_an_error_of_the_provider_is_told_and_a_local_account_still_signs_in(
    site: Site, provider: FakeProvider
) -> None:
    browser = site.browser()
    back = at_provider(browser)
    denied = f"{back.partition('?')[0]}?error=access_denied&state={parse_qs(urlsplit(back).query)['state'][0]}"
    assert browser.get(denied).status_code == 403
    provider.silent = True
    fresh = Site(bench=site.bench, clock=site.clock, secret=SECRET)
    silent = fresh.browser().get("/sign-in/provider")
    assert (silent.status_code, "does not answer" in silent.text) == (502, True)
    assert fresh.signed_in("Anna").get("/account").status_code == 200


def test_who_was_let_out_here_is_not_let_in_by_the_provider(site: Site) -> None:
    browser = site.browser()
    browser.get(at_provider(browser))
    site.bench.accounts.set_active("Zoe", active=False, by="Anna")
    assert browser.get("/api/v1/session").status_code == 401
    assert browser.get(at_provider(browser)).status_code == 403


def test_a_role_taken_away_at_the_provider_is_gone_at_the_next_sign_in(site: Site, provider: FakeProvider) -> None:
    provider.person["groups"] = ["it", "qa"]
    browser = site.browser()
    browser.get(at_provider(browser))
    assert browser.get("/people").status_code == 200
    provider.person["groups"] = ["qa"]
    other = site.browser()
    other.get(at_provider(other))
    assert other.get("/people").status_code == 403
    assert browser.get("/people").status_code == 303, "the session of before has ended"


def test_without_its_secret_or_with_an_unsafe_address_nothing_starts(site: Site) -> None:
    with pytest.raises(ConfigError, match="INSPECT_OIDC_CLIENT_SECRET"):
        secured(Workbench(house=site.bench.house))
    with pytest.raises(BadDataError, match="https://"):
        OidcSettings(issuer="http://id.example/realm")


def test_a_provider_that_calls_itself_otherwise_is_refused(provider: FakeProvider, tmp_path: Path) -> None:
    oidc = OidcSettings(issuer=provider.issuer + "/")
    with opened_site(tmp_path, security=replace(CHEAP, oidc=oidc), secret=SECRET) as site:
        answer = site.browser().get("/sign-in/provider")
        assert (answer.status_code, "calls itself otherwise" in answer.text) == (502, True)
