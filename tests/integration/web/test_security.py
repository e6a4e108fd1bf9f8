"""A list of attacks on the workbench, each refused. What an endpoint needs is read from the application itself."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from inspect_pipeline.domain.accounts import Account
from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import ConfigError, RefusedError
from inspect_pipeline.services.security_settings import LockoutSettings
from inspect_pipeline.web.next_page import safe_next
from inspect_pipeline.web.security.body_limit import BodyLimit
from inspect_pipeline.web.serving import application_of
from tests.integration.web.routes import OPEN, Way, ways
from tests.integration.web.site import (
    CHEAP,
    HOST,
    NOON,
    PASSWORD,
    SITE,
    Site,
    catalog_bytes,
    csrf,
    opened_site,
    sign_in,
)

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
BASE = f"https://{HOST}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for the tests that leave it as it is."""
    with opened_site(tmp_path_factory.mktemp("site")) as opened:
        yield opened


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Site]:
    """A site of the test's own."""
    with opened_site(tmp_path) as opened:
        yield opened


def all_ways(site: Site) -> list[Way]:
    return list(ways(site.app))


# Who may do what -----------------------------------------------------------------------------------------------------


def test_every_endpoint_asks_for_a_permission_or_is_open_on_purpose(site: Site) -> None:
    found = all_ways(site)
    assert [str(way) for way in found if not way.asks and str(way) not in OPEN] == []
    assert {str(way) for way in found} >= OPEN, "the list of open ways names some that are gone"
    assert len(found) > len(OPEN) + 20


def test_every_way_to_manage_people_asks_for_exactly_that(site: Site) -> None:
    places = ("/people", "/api/v1/people", "/api/v1/tokens")
    managing = [way for way in all_ways(site) if way.path.startswith(places)]
    assert len(managing) >= 14
    assert [str(way) for way in managing if way.asks != {Permission.MANAGE_PEOPLE}] == []


@pytest.mark.parametrize(("name", "role"), [("Otto", Role.OPERATOR), ("Edda", Role.ENGINEER)])
def test_no_role_gets_into_an_endpoint_of_a_higher_one(site: Site, name: str, role: Role) -> None:
    browser = site.signed_in(name)
    headers = {"x-csrf-token": csrf(browser)}
    closed = [way for way in all_ways(site) if not way.may(role)]
    answers = {str(way): browser.request(way.method, way.filled, headers=headers).status_code for way in closed}
    assert len(answers) >= 14
    assert {way: status for way, status in answers.items() if status != 403} == {}


def test_nobody_gets_anywhere_without_signing_in(site: Site) -> None:
    browser = site.browser()
    for way in all_ways(site):
        if str(way) in OPEN:
            continue
        answer = browser.request(way.method, way.filled, headers={"x-csrf-token": csrf(browser, "/sign-in")})
        if way.path.startswith("/api/"):
            assert answer.status_code == 401, way
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
        else:
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in"), way


def test_a_machine_may_what_its_token_says_and_nothing_else(site: Site) -> None:
    machine = site.machine(Permission.SCORE, name="Press 1")
    browser = site.browser()
    closed = [way for way in all_ways(site) if way.path.startswith("/api/") and way.asks - {None, Permission.SCORE}]
    answers = {str(way): browser.request(way.method, way.filled, headers=machine).status_code for way in closed}
    assert len(answers) >= 8
    assert {way: status for way, status in answers.items() if status != 403} == {}
    who = browser.get("/api/v1/session", headers=machine).json()
    assert who == {"name": "token:Press 1", "role": None, "machine": True, "permissions": ["score"]}


@pytest.mark.parametrize("header", ["Bearer inspect_forged", "Bearer", "Basic QW5uYTp4", "bearer  ", "Bearer null"])
def test_a_forged_token_is_refused_even_beside_a_good_session(site: Site, header: str) -> None:
    answer = site.signed_in("Anna").get("/api/v1/session", headers={"authorization": header})
    assert answer.status_code == 401


def test_a_token_opens_no_page(site: Site) -> None:
    machine = site.machine(*Permission, name="Press 2")
    assert site.browser().get("/people", headers=machine).headers["location"].startswith("/sign-in")


# Cross-site requests -------------------------------------------------------------------------------------------------


def test_no_change_is_made_without_the_token_of_the_session(site: Site) -> None:
    anna, edda = site.signed_in("Anna"), site.signed_in("Edda")
    stolen = csrf(edda)
    changing = [way for way in all_ways(site) if way.method in UNSAFE]
    assert len(changing) >= 14
    for way in changing:
        for headers in ({}, {"x-csrf-token": ""}, {"x-csrf-token": stolen}, {"x-csrf-token": csrf(anna)[:-1]}):
            answer = anna.request(way.method, way.filled, headers=headers, data={"csrf_token": stolen})
            assert answer.status_code in (403, 422), (way, headers, answer.status_code)
            assert "load it again" in answer.text or answer.status_code == 422, way


def test_a_valid_form_without_the_token_or_with_anothers_changes_nothing(fresh: Site) -> None:
    anna, edda = fresh.signed_in("Anna"), fresh.signed_in("Edda")
    form = {"name": "Otto", "role": "admin"}
    for token in ({}, {"csrf_token": csrf(edda)}, {"csrf_token": csrf(fresh.browser(), "/sign-in")}):
        assert anna.post("/people/role", data=form | token).status_code == 403
    assert fresh.bench.accounts.account("Otto").role is Role.OPERATOR
    assert anna.post("/people/role", data=form | {"csrf_token": csrf(anna)}).status_code == 303
    assert fresh.bench.accounts.account("Otto").role is Role.ADMIN


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}"},
        {"origin": f"https://{HOST}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_change_from_another_site_is_refused_even_with_the_token(site: Site, headers: dict[str, str]) -> None:
    anna = site.signed_in("Anna")
    answer = anna.post("/api/v1/audit/verify", headers={"x-csrf-token": csrf(anna), **headers})
    assert answer.status_code == 403
    assert "another site" in answer.json()["detail"]


def test_a_change_from_our_own_page_is_made(site: Site) -> None:
    anna = site.signed_in("Anna")
    own = {"origin": BASE, "sec-fetch-site": "same-origin", "x-csrf-token": csrf(anna)}
    body = {"name": "Uwe", "role": "operator", "password": PASSWORD}
    assert anna.post("/api/v1/people", headers=own, json=body).status_code == 201


def test_nobody_is_signed_in_from_another_site(site: Site) -> None:
    browser = site.browser()
    assert sign_in(browser, "Anna", token="").status_code == 403
    assert sign_in(browser, "Anna", token=csrf(site.browser(), "/sign-in")).status_code == 403
    assert sign_in(browser, "Anna").status_code == 303


# Sessions ------------------------------------------------------------------------------------------------------------


def test_the_cookies_are_bound_to_the_host_and_out_of_reach_of_scripts(site: Site) -> None:
    browser = site.browser()
    answer = sign_in(browser, "Anna")
    [cookie] = answer.headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith("__Host-session=")
    assert parts == {"httponly", "path=/", "samesite=lax", "secure"}
    assert len(browser.cookies["__Host-session"]) == 43


def test_a_forged_altered_or_ended_session_is_nobody(fresh: Site) -> None:
    anna = fresh.signed_in("Anna")
    good = anna.cookies["__Host-session"]
    for forged in ("", "x", good[:-1], good + "A", good.swapcase(), "../../etc/passwd", "' OR 1=1 --", "A" * 9000):
        browser = fresh.browser()
        browser.cookies.set("__Host-session", forged)
        assert browser.get("/api/v1/session").status_code == 401, forged
    plain = fresh.browser()
    plain.cookies.set("workbench-session", good)
    assert plain.get("/api/v1/session").status_code == 401, "over https only the bound cookie counts"
    assert anna.get("/api/v1/session").status_code == 200
    fresh.later(3600)
    assert anna.get("/api/v1/session").status_code == 401


def test_signing_out_ends_the_session_and_not_just_the_cookie(site: Site) -> None:
    anna = site.signed_in("Anna")
    secret = anna.cookies["__Host-session"]
    assert anna.post("/sign-out", data={"csrf_token": csrf(anna)}).status_code == 303
    assert "__Host-session" not in anna.cookies
    anna.cookies.set("__Host-session", secret)
    assert anna.get("/api/v1/session").status_code == 401


def test_a_session_that_was_planted_is_not_the_one_that_begins(site: Site) -> None:
    victim = site.browser()
    victim.cookies.set("__Host-session", "planted", domain=HOST)
    sign_in(victim, "Anna")
    assert victim.cookies["__Host-session"] != "planted"
    mallory = site.signed_in("Otto")
    ours = mallory.cookies["__Host-session"]
    before = site.browser()
    before.cookies.set("__Host-session", ours, domain=HOST)
    token = csrf(before)
    answer = before.post("/sign-in", data={"name": "Anna", "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303
    assert mallory.get("/api/v1/session").status_code == 401, "the session of before has ended"


def test_a_change_of_role_holds_at_once_and_asks_to_sign_in_again(fresh: Site) -> None:
    edda = fresh.signed_in("Edda")
    assert edda.get("/audit").status_code == 200
    fresh.bench.accounts.set_role("Edda", Role.OPERATOR, by="Anna")
    assert edda.get("/audit").headers["location"].startswith("/sign-in")
    assert fresh.signed_in("Edda").get("/audit").status_code == 403


def test_who_changes_the_password_goes_on_and_every_other_browser_is_out(fresh: Site) -> None:
    here, there = fresh.signed_in("Otto"), fresh.signed_in("Otto")
    form = {"old": PASSWORD, "new": "a lamp over green sheets", "again": "a lamp over green sheets"}
    before = here.cookies["__Host-session"]
    assert here.post("/account/password", data=form | {"csrf_token": csrf(here)}).status_code == 303
    assert here.cookies["__Host-session"] != before
    assert here.get("/account?changed=1").status_code == 200
    assert there.get("/account").status_code == 303
    for wrong in (
        form | {"again": "other"},
        form | {"old": "x"},
        form | {"old": form["new"], "new": "Otto is my name"},
    ):
        answer = here.post("/account/password", data=wrong | {"csrf_token": csrf(here)})
        assert answer.status_code in (400, 403)
        assert 'role="alert"' in answer.text


def test_own_sessions_are_shown_and_ended_one_by_one_or_all(fresh: Site) -> None:
    here, there = fresh.signed_in("Otto"), fresh.signed_in("Otto")
    [handle] = re.findall(r'name="handle" value="(\w+)"', here.get("/account").text)
    assert here.post("/account/sessions/end", data={"handle": handle, "csrf_token": csrf(here)}).status_code == 303
    assert there.get("/account").status_code == 303
    assert here.post("/account/sessions/end", data={"handle": handle, "csrf_token": csrf(here)}).status_code == 404
    assert here.post("/account/sign-out-everywhere", data={"csrf_token": csrf(here)}).status_code == 303
    assert here.get("/account").status_code == 303


# What others wrote ---------------------------------------------------------------------------------------------------

SCRIPTS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)//'\"", "{{7*7}}")


def test_what_others_wrote_is_text_on_every_page(fresh: Site) -> None:
    for number, script in enumerate(SCRIPTS):
        _write_everywhere(fresh, script, number=number)
    browser = fresh.signed_in("Anna")
    browser.headers["user-agent"] = SCRIPTS[0]
    sign_in(fresh.browser(), "Anna")
    pages = [way for way in all_ways(fresh) if way.method == "GET" and "{" not in way.path and "/api/" not in way.path]
    shown = 0
    for way in pages:
        answer = browser.get(way.path)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        text = answer.text
        for script in SCRIPTS[:3]:
            assert script not in text, way
        assert "49" not in re.findall(r"name-(\d+)", text), way
        shown += "&lt;script&gt;" in text
    assert shown >= 2, "people and audit show what was written"
    assert fresh.browser().get("/sign-in?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text.count("<script>") == 0


def _write_everywhere(site: Site, script: str, *, number: int) -> None:
    """Write a text past all checks, as an older program or another hand in the database may have."""
    account = Account(name=script, role=Role.ADMIN, created_at=NOON, created_by=script)
    kind = DefectType(name=script, life_cycle=LifeCycle.CANDIDATE) if number == 0 else None
    with site.bench.house.catalog.transaction() as unit:
        unit.people.add_account(account)
        if kind is not None:
            unit.put_type("default", kind)
        event = AuditEvent(at=NOON, actor=script, action=AuditAction.LABELLED, subject=script, reason=script)
        unit.add_audit(event)


def test_a_cell_of_the_download_is_no_formula(fresh: Site) -> None:
    with fresh.bench.house.catalog.transaction() as unit:
        unit.add_audit(AuditEvent(at=NOON, actor="=1+1", action=AuditAction.LABELLED, subject="x", reason="@cmd"))
    answer = fresh.signed_in("Edda").get("/audit/trail.csv?subject=x")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    header, line, end = answer.text.split("\r\n")
    assert (header.split(",")[0], end) == ("seq", "")
    assert "'=1+1" in line
    assert "'@cmd" in line


# Paths ---------------------------------------------------------------------------------------------------------------

TRAVERSALS = ("..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2fcatalog.sqlite", "..%5c..%5cwin.ini", "%00", "....//etc/passwd",
              "/etc/passwd", "file:%2f%2f%2fetc%2fpasswd", "~root", "CON", "%c0%ae%c0%ae%2f", "a" * 5000)  # fmt: skip


def test_no_path_from_outside_is_ever_opened(site: Site) -> None:
    anna = site.signed_in("Anna")
    headers = {"x-csrf-token": csrf(anna)}
    marks = (b"root:", b"SQLite format 3", b"[fonts]")
    for way in all_ways(site):
        if "{" not in way.path and way.path not in ("/audit", "/sign-in"):
            continue
        for evil in TRAVERSALS:
            path = re.sub(r"\{[^}]*\}", evil, way.path) if "{" in way.path else f"{way.path}?subject={evil}&next={evil}"
            answer = anna.request(way.method, path, headers=headers)
            assert answer.status_code < 500, (way, evil)
            assert not any(mark in answer.content for mark in marks), (way, evil)


@pytest.mark.parametrize("evil", TRAVERSALS)
def test_static_files_end_at_their_folder(site: Site, evil: str) -> None:
    answer = site.browser().get(f"/static/{evil}")
    assert answer.status_code in (400, 404)
    assert site.browser().get("/static/../app.py").status_code == 404


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nset-cookie: a=b",
        "evil.example",
        "",
        "/%09/../\\x",
    ],
)
def test_after_signing_in_nobody_is_led_to_another_site(site: Site, wanted: str) -> None:
    assert safe_next(wanted) in ("/", wanted if wanted.startswith("/%09") and "\\" not in wanted else "/")
    answer = sign_in(site.browser(), "Anna", next_page=wanted)
    assert answer.headers["location"] == "/"
    assert "x-injected" not in answer.headers
    assert site.signed_in("Anna").get("/sign-in", params={"next": wanted}).headers["location"] == "/"


def test_after_signing_in_a_person_is_where_the_link_led(site: Site) -> None:
    browser = site.browser()
    sent = browser.get("/audit?subject=a%26b&before=7").headers["location"]
    assert sent == "/sign-in?next=/audit%3Fsubject%3Da%2526b%26before%3D7"
    hidden = re.search(r'name="next" value="([^"]*)"', browser.get(sent).text)
    assert hidden is not None
    wanted = hidden[1].replace("&amp;", "&")
    assert sign_in(browser, "Anna", next_page=wanted).headers["location"] == "/audit?subject=a%26b&before=7"


# Sizes ---------------------------------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused_by_its_header_and_by_what_arrives(site: Site) -> None:
    anna = site.signed_in("Anna")
    token = {"x-csrf-token": csrf(anna)}
    limit = SITE.max_body_mib << 20
    kinds = {"/api/v1/people": "application/json", "/people/add": "application/x-www-form-urlencoded"}
    for path, kind in kinds.items():
        headers = token | {"content-type": kind}
        assert anna.post(path, headers=headers, content=b"x" * (limit + 1)).status_code == 413
        chunks = iter([b"x" * 65536] * (2 * limit // 65536))
        answer = anna.post(path, headers=headers, content=chunks)
        assert answer.status_code == 413, path
        assert answer.headers["x-content-type-options"] == "nosniff"
    form = anna.post("/people/add", data={"name": "x" * (2 << 20), "csrf_token": "x"})
    assert form.status_code == 413


def test_a_chunked_body_is_not_read_to_its_end() -> None:
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 600, "more_body": True}

    async def read_all(_scope: Scope, take: Receive, _send: Send) -> None:
        while True:
            await take()

    async def send(_message: Message) -> None: ...

    with pytest.raises(HTTPException) as caught:
        anyio.run(BodyLimit(read_all, limit_bytes=1000), {"type": "http", "headers": []}, receive, send)
    assert (caught.value.status_code, taken) == (413, 2)


def test_an_image_bomb_is_refused_wherever_a_file_can_be_sent(site: Site) -> None:
    anna = site.signed_in("Anna")
    headers = {"x-csrf-token": csrf(anna)}
    bomb = _bomb(60_000)
    for method, path, field in _file_fields(site):
        answer = anna.request(method, path, headers=headers, files={field: ("a.png", bomb, "image/png")})
        assert 400 <= answer.status_code < 500, (method, path)


def _file_fields(site: Site) -> Iterator[tuple[str, str, str]]:
    """Yield (method, path, field) of every upload that the description of the interface knows."""
    document = site.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
            if content is None:
                continue
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            for field, schema in document["components"]["schemas"].get(name, {}).get("properties", {}).items():
                if "contentMediaType" in str(schema) or "binary" in str(schema):
                    yield method.upper(), re.sub(r"\{[^}]*\}", "1", path), field


def _bomb(side: int) -> bytes:
    """Return a PNG of a few kilobytes that says it is side x side pixels."""
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    file.seek(0, 2)
    rows = zlib.compress(bytes(1_000_000), 9)
    for kind, body in ((b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")):
        file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return file.getvalue()


# Guessing ------------------------------------------------------------------------------------------------------------


def test_guesses_wait_and_the_owner_gets_in_after_the_wait(fresh: Site) -> None:
    browser = fresh.browser(address="203.0.113.9")
    token = csrf(browser, "/sign-in")
    statuses = [sign_in(browser, "Anna", f"guess number {n}", token=token).status_code for n in range(60)]
    assert statuses == [403] * 5 + [429] * 55
    locked = sign_in(fresh.browser(), "Anna")
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "15")
    fresh.later(15)
    assert sign_in(fresh.browser(), "Anna").status_code == 303
    for number in range(20):
        sign_in(browser, f"name {number}", token=token)
    assert sign_in(browser, "Anna", token=token).status_code == 429, "the address waits"
    assert sign_in(fresh.browser(address="203.0.113.10"), "Anna").status_code == 303


def test_the_waits_hold_over_a_restart(tmp_path: Path) -> None:
    security = replace(CHEAP, lockout=LockoutSettings(free_per_account=2))
    with opened_site(tmp_path, security=security) as first:
        for _ in range(2):
            sign_in(first.browser(), "Anna", "wrong wrong wrong")
        second = Site(bench=first.bench, clock=first.clock)
        assert sign_in(second.browser(), "Anna").status_code == 429


def test_an_admin_sees_who_waits_and_unlocks(fresh: Site) -> None:
    for _ in range(5):
        sign_in(fresh.browser(), "Otto", "wrong wrong wrong")
    anna = fresh.signed_in("Anna")
    assert "Waits 15 s" in anna.get("/people").text
    assert anna.post("/people/unlock", data={"name": "Otto", "csrf_token": csrf(anna)}).status_code == 303
    assert sign_in(fresh.browser(), "Otto").status_code == 303


def test_no_password_or_token_is_in_any_answer_trail_or_row(fresh: Site, caplog: pytest.LogCaptureFixture) -> None:
    anna = fresh.signed_in("Anna")
    secret = "violet engines hum softly"  # noqa: S105 - the test looks for it
    anna.post("/people/add", data={"name": "Uwe", "role": "operator", "password": secret, "csrf_token": csrf(anna)})
    anna.post("/people/add", data={"name": "Uwe", "role": "operator", "password": secret, "csrf_token": csrf(anna)})
    made = anna.post(
        "/people/tokens/make",
        data={"name": "Press", "owner": "Anna", "days": "9", "scopes": ["score"], "csrf_token": csrf(anna)},
    )
    found = re.search(r"inspect_[\w-]{43}", made.text)
    assert found is not None
    sign_in(fresh.browser(), "Uwe", secret)
    everything = "".join(anna.get(path).text for path in ("/people", "/audit", "/api/v1/audit", "/api/v1/tokens"))
    folder = fresh.bench.house.settings.workspace
    stored = b"".join(path.read_bytes() for path in folder.glob("catalog.sqlite*")).decode("latin-1")
    session = anna.cookies["__Host-session"]
    for text in (secret, found[0], session):
        assert text not in everything + stored + caplog.text


# The connection ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", f"{HOST}.evil.example", "", f"{HOST}@evil.example", "127.0.0.1"])
def test_another_host_is_not_answered(site: Site, host: str) -> None:
    answer = site.browser().get("/sign-in", headers={"host": host})
    assert answer.status_code == 400
    assert host not in answer.text or not host


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8443", HOST.upper()])
def test_our_own_host_is_answered_with_any_port(site: Site, host: str) -> None:
    assert site.browser().get("/sign-in", headers={"host": host}).status_code == 200


def test_every_answer_carries_the_headers_that_browsers_obey(site: Site) -> None:
    anna = site.signed_in("Anna")
    for path in ("/people", "/sign-in", "/nowhere", "/api/v1/session", "/api/v1/nowhere", "/static/workbench.css"):
        headers = anna.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_no_page_needs_what_the_policy_forbids(site: Site) -> None:
    anna = site.signed_in("Anna")
    for way in all_ways(site):
        if way.method != "GET" or "{" in way.path or "/api/" in way.path:
            continue
        text = anna.get(way.path).text
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == [], way
        assert re.findall(r"<style|\sstyle=|\son\w+=\"|javascript:", text) == [], way
        assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == [], way


def test_over_plain_http_nobody_signs_in_but_on_this_machine_or_where_it_is_set(tmp_path: Path) -> None:
    with opened_site(tmp_path) as site:
        plain = site.browser(base=f"http://{HOST}")
        assert "plain http" in plain.get("/sign-in").text
        answer = plain.post("/sign-in", data={"name": "Anna", "password": PASSWORD})
        assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
        here = site.browser(base="http://localhost")
        assert sign_in(here, "Anna").headers["set-cookie"].startswith("workbench-session=")
        assert "strict-transport-security" not in here.get("/account").headers
        closed = Site(bench=site.bench, clock=site.clock)
        settings = replace(SITE, secure_cookies=False)
        workbench = replace(site.bench.settings, site=settings)
        closed.bench.house.settings = replace(site.bench.house.settings, workbench=workbench)
        assert sign_in(closed.browser(base=f"http://{HOST}"), "Anna").status_code == 303


def test_headers_of_a_proxy_are_believed_from_trusted_addresses_only(tmp_path: Path) -> None:
    with opened_site(tmp_path, site=replace(SITE, trusted_proxies=("10.1.0.0/24",))) as site:
        said = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.5"}
        proxy = site.browser(address="10.1.0.9", base=f"http://{HOST}")
        proxy.headers.update(said)
        assert "plain http" not in proxy.get("/sign-in").text
        stranger = site.browser(address="10.2.0.9", base=f"http://{HOST}")
        stranger.headers.update(said)
        assert "plain http" in stranger.get("/sign-in").text
        assert _signs_in_over_proxy(proxy).status_code == 303
        [session] = site.bench.signing_in.sessions("Anna")
        assert session.address == "203.0.113.5"


def _signs_in_over_proxy(proxy: TestClient) -> httpx.Response:
    """Send the form with the visitor's cookie by hand: the client does not send a Secure cookie over plain http."""
    first = proxy.get("/sign-in")
    cookie = first.headers["set-cookie"].split(";")[0]
    again = proxy.get("/sign-in", headers={"cookie": cookie})
    found = re.search(r'name="csrf-token" content="([^"]*)"', again.text)
    assert found is not None
    form = {"name": "Anna", "password": PASSWORD, "csrf_token": found[1]}
    return proxy.post("/sign-in", data=form, headers={"cookie": cookie})


def test_the_server_reads_workspace_and_settings_from_its_environment(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "workbench.yaml").write_text(f"site:\n  allowed_hosts: [{HOST}]\n", encoding="utf-8")
    environment = {"INSPECT_WORKSPACE": str(tmp_path / "w"), "INSPECT_CONFIGS": str(tmp_path / "configs")}
    with pytest.raises(RefusedError, match="users add NAME --role admin"):
        application_of(environment)
    (tmp_path / "w" / "catalog.sqlite").write_bytes(catalog_bytes())
    with TestClient(application_of(environment), base_url=BASE) as browser:
        assert browser.get("/sign-in").status_code == 200
        assert browser.get("/sign-in", headers={"host": "localhost"}).status_code == 400
    with pytest.raises(ConfigError, match="inspect-pipeline serve"):
        application_of({})
