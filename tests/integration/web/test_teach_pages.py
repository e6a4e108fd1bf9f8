"""Teaching and promoting at the workbench: from picked labels to the version in force, on a small site."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.people import Actor, Permission, Role, person
from inspect_pipeline.services.models import Models

from .taught_site import DETECTOR, LINE, Site, ended, opened

ANNA = person("anna", Role.ENGINEER)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def client(site: Site) -> TestClient:
    site.actor = ANNA
    return site.client()


@pytest.fixture(scope="module")
def taught(site: Site) -> dict[str, object]:
    """The job that taught the spots."""
    client = site.client()
    labels = site.picks("spot")
    assert 'value="' + labels[0] in client.get("/teach", params={"line": LINE, "type": "spot"}).text
    body = {"line": LINE, "defect_type": "spot", "labels": labels}
    started = client.post("/api/v1/teachings", json=body)
    assert started.status_code == 202
    return ended(client, started.json()["job"])


def test_the_answer_stands_on_a_page_that_can_be_sent_to_a_colleague(
    client: TestClient, taught: dict[str, object]
) -> None:
    assert (taught["state"], taught["operator"], taught["error"]) == ("done", "anna", None)
    page = client.get(str(taught["page"])).text
    assert "Found 5 of 5 samples" in page
    assert "14 more: 95% on average; 54 more: recall ≥ 95% at 95% confidence" in page
    assert "provisional (warns)" in page
    assert f"/models/{DETECTOR}/gate?version=2" in page
    part = client.get(f"{taught['page']}/part").text
    assert "<html" not in part
    assert "Found 5 of 5 samples" in part


def test_findings_of_late_are_named_again_with_their_pictures(client: TestClient, taught: dict[str, object]) -> None:
    document = taught["document"]
    assert isinstance(document, dict)
    changes = {(one["before"], one["after"]): one for one in document["preview"]["changes"]}
    assert changes["unknown", "spot"]["count"] >= 5
    picture = f"/images/items/{changes['unknown', 'spot']['items'][0]['item']}/crop.png"
    assert picture in client.get(str(taught["page"])).text
    assert "It looks for no new ones" in client.get(str(taught["page"])).text


def test_every_type_shows_its_stage_outlook_and_what_its_next_step_lacks(
    client: TestClient, taught: dict[str, object]
) -> None:
    assert taught
    types = {one["name"]: one for one in client.get(f"/api/v1/types/{LINE}").json()}
    assert (types["spot"]["life_cycle"], types["spot"]["supports"], types["spot"]["in_force"]) == (
        "provisional",
        5,
        False,
    )
    assert types["spot"]["next"]["step"] == "approved"
    assert [one["what"] for one in types["spot"]["next"]["missing"]] == ["in_force", "gate_labels", "approve"]
    assert types["bar"]["outlook"]["sentence"].startswith("seen 3 of 3")
    page = client.get("/teach", params={"line": LINE}).text
    assert "a detector in force that knows it; 9 labels for the gate" in page


def test_the_page_speaks_chinese(client: TestClient, taught: dict[str, object]) -> None:
    page = client.get(str(taught["page"]), headers={"accept-language": "zh-CN"}).text
    assert "逐个留出检验:5 个样本检出 5 个" in page


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"line": LINE, "defect_type": "spot", "labels": []}, 422),
        ({"line": LINE, "defect_type": "spot", "labels": ["nowhere"]}, 404),
        ({"line": LINE, "defect_type": "<b>x</b>", "labels": ["s0"]}, 400),
        ({"line": LINE, "defect_type": "spot", "labels": ["s0"], "role": "gate"}, 422),
    ],
)
def test_what_cannot_be_taught_is_refused_with_a_reason(
    client: TestClient, body: dict[str, object], status: int
) -> None:
    answer = client.post("/api/v1/teachings", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_who_may_not_teach_approve_or_promote_is_refused(site: Site) -> None:
    client = site.client()
    site.actor = Actor(name="eve", role=None, permissions=frozenset({Permission.LOOK}))
    teach = {"line": LINE, "defect_type": "spot", "labels": ["s0"]}
    assert client.post("/api/v1/teachings", json=teach).status_code == 403
    site.actor = person("olga", Role.OPERATOR)
    assert client.post(f"/api/v1/types/{LINE}/bar/retire", json={"reason": "worn"}).status_code == 403
    assert client.post(f"/api/v1/models/{DETECTOR}/promote", json={"version": "2", "reason": "x"}).status_code == 403
    assert client.post(f"/api/v1/models/{DETECTOR}/rollback", json={"reason": "x"}).status_code == 403
    assert "Put version" not in client.get(f"/models/{DETECTOR}/gate").text


def test_the_gate_stands_side_by_side_and_refuses_with_its_reasons(
    client: TestClient, taught: dict[str, object]
) -> None:
    assert taught
    report = client.get(f"/api/v1/models/{DETECTOR}/gate", params={"version": "2"}).json()
    assert (report["champion"], report["version"], report["passed"]) == ("1", "2", False)
    assert {one["name"]: one["champion"] is None for one in report["types"]} == {"bar": False, "spot": True}
    page = client.get(f"/models/{DETECTOR}/gate", params={"version": "2"}).text
    assert "8 known-good units cannot bear out a promise" in page
    assert "You are in no role that may overrule the gate" in page
    refused = client.post(f"/api/v1/models/{DETECTOR}/promote", json={"version": "2", "reason": "it is better"})
    assert (refused.status_code, "refused by its gate" in refused.json()["detail"]) == (409, True)


def test_a_named_person_overrules_the_gate_and_goes_back_and_both_are_on_record(
    client: TestClient, site: Site, taught: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert taught
    models = site.house.models
    roles = replace(GateRules(), overrides={"quality lead": ("anna",)})
    monkeypatch.setitem(site.house.__dict__, "models", replace(models, rules=roles))
    assert isinstance(site.house.models, Models)
    assert "quality lead" in client.get(f"/models/{DETECTOR}/gate", params={"version": "2"}).text
    body = {"version": "2", "reason": "seen on three coils by two of us", "override": "quality lead"}
    done = client.post(f"/api/v1/models/{DETECTOR}/promote", json=body).json()
    assert (done["operator"], done["to_version"], done["in_force_from"]) == ("anna", "2", "the next coil")
    approved = client.post(f"/api/v1/types/{LINE}/spot/approve", json={"reason": "proved on site"})
    assert (approved.status_code, approved.json()["after"], approved.json()["operator"]) == (200, "approved", "anna")
    back = client.post(f"/api/v1/models/{DETECTOR}/rollback", json={"reason": "too many alarms"}).json()
    assert (back["to_version"], back["kind"]) == ("1", "rolled back")
    page = client.get("/models", params={"name": DETECTOR}).text
    assert "put in force against the gate" in page
    assert "too many alarms" in page


def test_taking_back_leads_to_the_version_of_before(client: TestClient, site: Site, taught: dict[str, object]) -> None:
    started = client.post(f"/api/v1/teachings/{taught['id']}/take-back")
    assert started.status_code == 202
    taken = ended(client, started.json()["job"])
    assert (taken["state"], taken["document"]["answer"]["version"]) == ("done", "1")  # type: ignore[index]
    assert len(site.picks("spot")) == 5
    assert client.post(f"/api/v1/teachings/{taught['id']}/take-back").status_code == 409
    assert "The detector is version 1" in client.get(str(taken["page"])).text


def test_an_unknown_job_or_model_is_not_found(client: TestClient) -> None:
    for address in ("/teach/jobs/nothing", "/models/nothing/gate", "/models?name=nothing", "/api/v1/jobs/nothing"):
        assert client.get(address).status_code == 404
