"""A whole study over the pages and the interface: two people and a detector, blind until it is closed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.imaging.decode import decode
from tests.integration.web.study_site import DETECTOR, LINE, TYPES, Site, open_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as opened:
        yield opened


WANTED = {"name": "Mai", "line": LINE, "people": ["anna", "bo"], "items": 8, "champion": True}


def _made(site: Site, **changes: Any) -> str:
    answer = site.ask("eve", "POST", "/api/v1/studies", json={**WANTED, "name": "Mai", **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _judge(site: Site, study: str, who: str, *, wrong_on: int | None = None) -> list[str | None]:
    """Judge all by the true type, read off the picture; on trial 2 the item at ``wrong_on`` is called another."""
    said: list[str | None] = []
    task = site.got(who, f"/api/v1/studies/{study}/task").json()
    while task["trial"] is not None:
        trial, position = task["trial"], task["position"]
        picture = site.got(who, f"/studies/{study}/trials/{trial}/{position}.png")
        pixels = decode(picture.content, name="p")
        name = site.truth[np.full((64, 64), pixels.flat[0], dtype=np.uint8).tobytes()]
        if trial == 2 and position == wrong_on:
            name = TYPES[1] if name is None else None
        said.append(name)
        sent = {"trial": trial, "position": position, "answer": name, "seconds": 1.5}
        answer = site.ask(who, "POST", f"/api/v1/studies/{study}/judgements", json=sent)
        assert answer.status_code == 201, answer.text
        task = answer.json()
    return said


def test_a_study_of_two_people_and_a_detector_from_the_first_picture_to_the_results(site: Site) -> None:
    study = _made(site)
    for who in ("anna", "bo"):
        assert "judge" in site.got(who, f"/studies/{study}/judge").text
    anna, bo = _judge(site, study, "anna"), _judge(site, study, "bo", wrong_on=3)
    assert (len(anna), len(bo)) == (16, 16)
    assert anna != anna[::-1]
    done = site.got("anna", f"/studies/{study}").text
    assert "You have judged everything" in done
    closed = site.ask("eve", "POST", f"/api/v1/studies/{study}/close", json={})
    assert closed.json()["state"] == "closed", closed.text
    results = site.got("anna", f"/api/v1/studies/{study}/results").json()
    assert (results["judged"], results["expected"]) == (48, 48)
    by_name = {one["appraiser"]: one for one in results["appraisers"]}
    assert list(by_name) == ["anna", "bo", f"{DETECTOR}@7"]
    assert by_name["anna"]["reference"]["kappa"]["value"] == 1.0
    assert by_name["anna"]["effectiveness"]["effective"]["count"] == 8
    assert by_name["bo"]["within"]["share"]["count"] == 7
    assert by_name["bo"]["effectiveness"]["effective"]["count"] == 7
    assert by_name[f"{DETECTOR}@7"]["effectiveness"]["false_alarms"] == {"count": 8, "total": 8, **_range(0.39, 1.0)}
    page = site.got("anna", f"/studies/{study}").text
    for text in ("划痕", "not acceptable", "Items to talk about (1)", "Gwet"):
        assert text in page
    table = site.got("anna", f"/studies/{study}/answers.csv").content.decode("utf-8-sig").splitlines()
    assert table[0] == "item,reference,appraiser,trial,answer"
    assert len(table) == 49
    assert site.got("bo", f"/studies/{study}/items/1.png").content[:4] == b"\x89PNG"


def _range(low: float, high: float) -> dict[str, Any]:
    return {"low": pytest.approx(low, abs=0.25), "high": pytest.approx(high)}


def test_nobody_reads_results_or_answers_of_an_open_study_in_any_way(site: Site) -> None:
    study = _made(site)
    _judge(site, study, "bo")
    for who in ("anna", "bo", "eve", "robot"):
        for url in (
            f"/api/v1/studies/{study}/results",
            f"/studies/{study}/answers.csv",
            f"/studies/{study}/items/1.png",
        ):
            answer = site.ask(who, "GET", url)
            assert answer.status_code == 409, (who, url, answer.text)
        for url in (f"/studies/{study}", "/studies", f"/api/v1/studies/{study}", "/api/v1/studies"):
            text = site.got(who, url).text
            assert not any(name in text for name in TYPES), (who, url)
    seen = site.got("anna", f"/api/v1/studies/{study}/task").json()
    assert seen == {
        "study": study, "name": "Mai", "trial": 1, "position": 1, "items": 8, "trials": 2, "types": sorted(TYPES),
    }  # fmt: skip
    with site.bench.house.catalog.transaction() as unit:
        entries = [entry for entry in unit.audit() if entry.event.subject == f"study {study}"]
        assert unit.audit_proof({}).faults == ()
    assert len(entries) == 17
    assert not any(name in repr(entries) for name in TYPES)


def test_pictures_are_only_those_of_ones_own_place_and_the_page_tells_nothing(site: Site) -> None:
    study = _made(site)
    for who, url, status in (
        ("anna", "trials/1/1.png", 200),
        ("anna", "trials/1/2.png", 200),
        ("anna", "trials/1/3.png", 409),
        ("anna", "trials/2/1.png", 409),
        ("anna", "trials/1/0.png", 409),
        ("anna", "trials/1/..%2f..%2fx.png", 404),
        ("eve", "trials/1/1.png", 409),
    ):
        assert site.ask(who, "GET", f"/studies/{study}/{url}").status_code == status, (who, url)
    page = site.got("anna", f"/studies/{study}/judge").text
    assert "label-" not in page
    assert "coil" not in page.casefold().replace("coils", "")


@pytest.mark.parametrize(
    ("who", "method", "url", "sent", "status"),
    [
        ("", "GET", "/api/v1/studies", None, 401),
        ("", "GET", "/studies", None, 303),
        ("anna", "POST", "/api/v1/studies", WANTED, 403),
        ("anna", "GET", "/studies/new", None, 403),
        ("anna", "POST", "/api/v1/studies/STUDY/close", {}, 403),
        ("eve", "POST", "/api/v1/studies/STUDY/close", {}, 409),
        ("eve", "GET", "/api/v1/studies/STUDY/task", None, 409),
        ("eve", "GET", "/studies/STUDY/judge", None, 409),
        ("robot", "GET", "/api/v1/studies/STUDY/task", None, 403),
        ("anna", "GET", "/api/v1/studies/nowhere", None, 404),
        ("eve", "POST", "/api/v1/studies", {**WANTED, "items": 0}, 422),
        ("eve", "POST", "/api/v1/studies", {**WANTED, "name": "<b>"}, 400),
        ("eve", "POST", "/api/v1/studies", {**WANTED, "line": "other"}, 404),
        ("eve", "POST", "/api/v1/studies", {**WANTED, "surprise": 1}, 422),
    ],
)
def test_who_may_not_or_asks_wrongly_is_told_so(site: Site, who, method, url, sent, status) -> None:
    study = _made(site)
    answer = site.ask(who, method, url.replace("STUDY", study), **({} if sent is None else {"json": sent}))
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "changes", [{"position": 2}, {"trial": 2}, {"answer": "dent"}, {"seconds": -1}, {"seconds": "NaN"}, {"answer": ""}]
)
def test_an_answer_out_of_turn_or_not_offered_is_refused_and_nothing_is_kept(site: Site, changes) -> None:
    study = _made(site)
    sent = {"trial": 1, "position": 1, "answer": TYPES[0], "seconds": 1.0, **changes}
    answer = site.ask("anna", "POST", f"/api/v1/studies/{study}/judgements", json=sent)
    assert answer.status_code in {400, 409, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert site.got("anna", f"/api/v1/studies/{study}/task").json()["position"] == 1


def test_an_answer_that_was_given_stays_when_it_is_sent_again(site: Site) -> None:
    study = _made(site)
    sent = {"trial": 1, "position": 1, "answer": TYPES[0], "seconds": 1.0}
    first = site.ask("anna", "POST", f"/api/v1/studies/{study}/judgements", json=sent)
    second = site.ask("anna", "POST", f"/api/v1/studies/{study}/judgements", json={**sent, "answer": None})
    assert (first.status_code, second.status_code) == (201, 409)
    assert "cannot be changed" in second.json()["detail"]
    site.ask("eve", "POST", f"/api/v1/studies/{study}/close", json={"incomplete": True})
    items = site.got("eve", f"/api/v1/studies/{study}/results").json()["every_item"]
    assert [one["answers"]["anna"][0] for one in items if one["answers"]["anna"][0] is not None] == [TYPES[0]]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_speaks_both_languages_and_escapes_names(site: Site, language: str) -> None:
    study = _made(site, name="a & b", with_reference=False, champion=False)
    site.client.cookies.set("language", language)
    for url in ("/studies", "/studies/new", f"/studies/{study}"):
        text = site.got("eve", url).text
        assert f'lang="{language}"' in text
    assert "a &amp; b" in site.got("eve", "/studies").text
    assert "a &amp; b" in site.got("anna", f"/studies/{study}/judge").text
    site.ask("eve", "POST", f"/api/v1/studies/{study}/close", json={"incomplete": True})
    assert ("not measured" if language == "en" else "未测得") in site.got("eve", f"/studies/{study}").text
