"""The queue, labels, pictures and the judging of one image over the REST interface, on a real workspace."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.labels import LabelKind, LabelRole
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.imaging.decode import decode, encode_png
from inspect_pipeline.services.single_score import SingleScoring
from tests.fakes.registry import InMemoryRegistry
from tests.integration.web.review_site import COIL, DETECTOR, LINE, SAMPLE, Site, as_person, fill, open_site

Json = dict[str, Any]
BOX = {"top": 100, "left": 60, "bottom": 130, "right": 100}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with findings that wait; whoever changes it takes a copy."""
    workspace = tmp_path_factory.mktemp("review") / "workspace"
    fill(workspace)
    return workspace


@pytest.fixture
def site(filled: Path, tmp_path: Path) -> Iterator[Site]:
    opened = open_site(Path(shutil.copytree(filled, tmp_path / "workspace")))
    yield opened
    opened.bench.house.close()


def get(site: Site, path: str, **params: Any) -> Any:
    answer = site.client.get(f"/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def groups(site: Site) -> Json:
    return dict(get(site, "/queue/groups", line=LINE))


def items(site: Site, group: Json) -> list[Json]:
    return list(get(site, f"/queue/groups/{group['id']}/items")["items"])


def post_label(site: Site, *found: Json, expect: int = 201, **said: Any) -> Json:
    said = {"kind": "defect", "defect_type": "scratch"} | said
    targets = [{"item": one["id"], "expected": one["label"] and one["label"]["id"]} for one in found]
    answer = site.client.post("/api/v1/labels", json={"items": targets, **said})
    assert answer.status_code == expect, answer.text
    return dict(answer.json())


def picture(site: Site, path: str, *, media_type: str = "image/png") -> NDArray[np.uint8]:
    answer = site.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, dtype=np.uint8)


def test_like_findings_wait_in_one_group_the_largest_first(site: Site) -> None:
    assert get(site, "/lines") == [{"line": LINE, "recipe": "default"}]
    page = groups(site)
    assert (page["waiting"], [group["size"] for group in page["groups"]]) == (3, [2, 1])
    first = page["groups"][0]
    assert (first["reason"], first["name"], first["nearest_type"]) == ("unknown", "unknown", "scratch")
    assert first["informativeness"] > page["groups"][1]["informativeness"] > 0
    found = items(site, first)
    assert first["lead"] == found[0]
    assert [one["box"] for one in found] == [BOX, BOX]
    assert {one["frame"] for one in found} == {"frame-0", "frame-1"}
    assert (found[0]["coil"], found[0]["margin"], found[0]["label"]) == (COIL, 0.4, None)
    assert get(site, f"/queue/groups/{first['id']}/items", offset=1, limit=1)["items"] == found[1:]


def test_one_finding_tells_why_it_is_called_so_what_is_near_and_what_it_is_like(site: Site) -> None:
    [lead] = [one for one in items(site, groups(site)["groups"][0]) if one["id"] == "1-0"]
    item = get(site, "/queue/items/1-0")
    assert {key: item[key] for key in lead} == lead
    assert (item["line"], item["recipe"], item["detector"], item["verdict"]) == (LINE, "default", DETECTOR, "UNKNOWN")
    assert item["frame_size"] == {"width": 480, "height": 320}
    assert (item["why"]["distance"], item["why"]["limit"], item["why"]["named_by"]) == (1.2, 0.9, "region")
    [example] = item["examples"]
    assert (example["label"], example["defect_type"], example["distance"]) == (SAMPLE, "scratch", 0.7)
    names = sorted(one["name"] for one in item["neighbours"])
    assert names == ["scratch", "unknown", "unknown"]
    assert (item["history"], item["group"]) == ([], groups(site)["groups"][0]["id"])


def test_a_known_finding_that_does_not_wait_can_be_looked_at_and_corrected(site: Site) -> None:
    known = get(site, "/queue/items/2-1")
    assert (known["name"], known["group"], known["reason"]) == ("scratch", None, None)
    post_label(site, known, defect_type="dent")
    assert get(site, "/queue/items/2-1")["label"]["defect_type"] == "dent"
    assert groups(site)["waiting"] == 3


def test_a_label_settles_a_finding_and_only_measures(site: Site) -> None:
    group = groups(site)["groups"][0]
    [said] = post_label(site, group["lead"], severity=4)["labels"]
    assert (said["kind"], said["defect_type"], said["severity"]) == ("defect", "scratch", 4)
    assert (said["operator"], said["role"], said["box"], said["supersedes"]) == ("anna", "held out", BOX, None)
    page = groups(site)
    assert (page["waiting"], [one["size"] for one in page["groups"]]) == (2, [1, 1])
    rest, settled = items(site, group)
    assert (rest["label"], settled["id"], settled["label"]) == (None, group["lead"]["id"], said)
    assert get(site, f"/queue/items/{settled['id']}")["history"] == [said]
    with site.bench.house.catalog.transaction() as unit:
        assert [entry.event.actor for entry in unit.audit()][-1] == "anna"


def test_a_whole_group_is_labelled_in_one_go_or_not_at_all(site: Site) -> None:
    first, second = groups(site)["groups"]
    found = items(site, first)
    answer = post_label(site, *found, {"id": "99-0", "label": None}, expect=404)
    assert answer["detail"].startswith("there is no item 99-0")
    assert groups(site)["waiting"] == 3
    made = post_label(site, *found, kind="not a defect", defect_type=None)["labels"]
    assert [(one["kind"], one["defect_type"]) for one in made] == [("not a defect", None)] * 2
    page = groups(site)
    assert (page["waiting"], [group["id"] for group in page["groups"]]) == (1, [second["id"]])


def test_a_new_name_begins_a_type_and_another_spelling_of_it_does_not(site: Site) -> None:
    one, two = items(site, groups(site)["groups"][0])
    post_label(site, one, defect_type="Öl fleck")
    post_label(site, two, defect_type="öl Fleck")
    found = {each["name"]: each for each in get(site, "/types", line=LINE)}
    assert sorted(found) == ["rust", "scratch", "Öl fleck"]
    assert found["Öl fleck"] == {"name": "Öl fleck", "life_cycle": "candidate", "labels": 2, "supports": 0}
    assert (found["scratch"]["supports"], found["rust"]["life_cycle"]) == (1, "retired")
    with site.bench.house.catalog.transaction() as unit:
        [move] = unit.type_moves(LINE)
    assert (move.operator, move.before, move.after.value) == ("anna", None, "candidate")


def test_who_comes_second_is_told_who_said_what_and_when(site: Site) -> None:
    lead = groups(site)["groups"][0]["lead"]
    post_label(site, lead)
    ben = as_person(site, "ben")
    refused = post_label(ben, lead, defect_type="dent", expect=409)
    assert refused["detail"] == "anna said 'scratch' on 2026-01-05 at 12:00 UTC; look at the region again"
    seen = get(ben, f"/queue/items/{lead['id']}")
    [said] = post_label(ben, seen, defect_type="dent")["labels"]
    assert (said["supersedes"], said["operator"]) == (seen["label"]["id"], "ben")
    assert [one["defect_type"] for one in get(site, f"/queue/items/{lead['id']}")["history"]] == ["scratch", "dent"]


def test_a_label_that_is_undone_is_withdrawn_and_the_finding_waits_again(site: Site) -> None:
    lead = groups(site)["groups"][0]["lead"]
    [said] = post_label(site, lead)["labels"]
    answer = site.client.post(f"/api/v1/labels/{said['id']}/undo")
    assert answer.status_code == 201
    taken = answer.json()
    assert (taken["role"], taken["supersedes"]) == ("withdrawn", said["id"])
    assert groups(site)["waiting"] == 3
    assert get(site, f"/queue/items/{lead['id']}")["label"] is None
    again = site.client.post(f"/api/v1/labels/{said['id']}/undo")
    assert (again.status_code, "anna took the label back" in again.json()["detail"]) == (409, True)
    post_label(site, lead)
    assert site.client.post("/api/v1/labels/none/undo").status_code == 404


def test_a_label_that_was_picked_for_teaching_is_in_force_on_its_item(site: Site) -> None:
    lead = groups(site)["groups"][0]["lead"]
    [said] = post_label(site, lead)["labels"]
    with site.bench.house.catalog.transaction() as unit:
        label = unit.reviews.label(said["id"])
        assert label is not None
        picked = type(label)(
            id="picked",
            region=label.region,
            kind=LabelKind.DEFECT,
            operator="eva",
            labelled_at=label.labelled_at,
            defect_type="scratch",
            role=LabelRole.SUPPORT,
            supersedes=label.id,
        )
        unit.add_labels([picked])
    shown = get(site, f"/queue/items/{lead['id']}")
    assert (shown["label"]["id"], shown["label"]["role"]) == ("picked", "support")
    [kept] = post_label(site, shown, severity=3)["labels"]
    assert (kept["role"], kept["severity"]) == ("support", 3)
    [changed] = post_label(site, get(site, f"/queue/items/{lead['id']}"), defect_type="dent")["labels"]
    assert changed["role"] == "held out"


def test_a_box_and_a_brushed_mask_correct_the_region(site: Site) -> None:
    lead = groups(site)["groups"][0]["lead"]
    box = {"top": 96, "left": 50, "bottom": 126, "right": 110}
    mask = np.zeros((30, 60), dtype=np.uint8)
    mask[5:20, 10:40] = 255
    sent = cv2.cvtColor(mask, cv2.COLOR_GRAY2BGRA)
    sent[..., 3] = 255
    text = base64.b64encode(cv2.imencode(".png", sent)[1].tobytes()).decode()
    [said] = post_label(site, lead, box=box, mask=text)["labels"]
    assert said["box"] == box
    np.testing.assert_array_equal(picture(site, said["mask"])[..., 0], mask)
    with site.bench.house.catalog.transaction() as unit:
        label = unit.reviews.label(said["id"])
    assert label is not None
    stored = decode(site.bench.house.images.get(label.region.mask or ""), name="mask")
    np.testing.assert_array_equal(stored, mask)


REFUSED: list[tuple[Json, int, str]] = [
    ({"box": {**BOX, "right": 481}}, 400, "leaves its frame"),
    ({"box": {**BOX, "right": 60}}, 400, "empty or negative"),
    ({"mask": "no base64!"}, 400, "no base64"),
    ({"mask": base64.b64encode(b"no image").decode()}, 422, "mask"),
    ({"mask": base64.b64encode(encode_png(np.ones((40, 30), np.uint8))).decode()}, 422, "30 x 40"),
    ({"mask": base64.b64encode(encode_png(np.zeros((30, 40), np.uint8))).decode()}, 422, "empty"),
    ({"severity": 6}, 422, "severity"),
    ({"kind": "not a defect"}, 400, "must have none"),
    ({"kind": "not a defect", "defect_type": None, "severity": 2}, 400, "severity 2"),
    ({"defect_type": None}, 400, "needs a type"),
    ({"defect_type": "rust"}, 409, "is retired"),
    ({"defect_type": "<b>x</b>"}, 400, "cannot be used"),
    ({"defect_type": "good"}, 400, "reserved"),
    ({"kind": "something"}, 422, "kind"),
]


def test_what_cannot_be_said_is_refused_and_changes_nothing(site: Site) -> None:
    lead = groups(site)["groups"][0]["lead"]
    for said, status, told in REFUSED:
        answer = post_label(site, lead, expect=status, **said)
        assert told in answer["detail"], (said, answer)
    assert groups(site)["waiting"] == 3


def test_any_region_of_a_frame_can_be_labelled_and_settles_what_waits_there(site: Site) -> None:
    body = {"frame": "frame-0", "box": BOX, "kind": "defect", "defect_type": "dent"}
    answer = site.client.post("/api/v1/labels", json=body)
    assert answer.status_code == 201
    assert groups(site)["waiting"] == 2
    again = site.client.post("/api/v1/labels", json=body)
    assert (again.status_code, "anna said 'dent'" in again.json()["detail"]) == (409, True)
    expected = answer.json()["labels"][0]["id"]
    assert site.client.post("/api/v1/labels", json={**body, "expected": expected}).status_code == 201
    for wrong in ({**body, "frame": "frame-9"}, {"kind": "defect", "defect_type": "dent"}):
        assert site.client.post("/api/v1/labels", json=wrong).status_code in (400, 404)


def test_what_is_put_behind_comes_back_to_others_only(site: Site) -> None:
    small = groups(site)["groups"][1]
    assert site.client.post(f"/api/v1/queue/items/{small['lead']['id']}/skip").status_code == 204
    assert [group["id"] for group in groups(site)["groups"]] == [groups(site)["groups"][0]["id"]]
    assert len(groups(as_person(site, "ben"))["groups"]) == 2
    assert site.client.post("/api/v1/queue/items/99-0/skip").status_code == 404


def test_labels_are_looked_up_by_type_and_role(site: Site) -> None:
    post_label(site, groups(site)["groups"][0]["lead"], defect_type="dent")
    every = get(site, "/labels", line=LINE)["labels"]
    assert [one["defect_type"] for one in every] == ["dent", "scratch"]
    assert [one["id"] for one in get(site, "/labels", line=LINE, role="support")["labels"]] == [SAMPLE]
    assert get(site, "/labels", line=LINE, defect_type="dent", offset=1)["labels"] == []
    assert picture(site, every[1]["crop"]).shape[2] == 3


def test_pictures_are_drawn_anew_and_named_by_what_they_show(site: Site) -> None:
    lead = groups(site)["groups"][0]["lead"]
    plain, heated = picture(site, lead["crop"]), picture(site, lead["crop"] + "?heatmap=1")
    assert plain.shape == heated.shape == (96, 96, 3)
    assert not np.array_equal(plain, heated)
    assert 220 < int(plain[48, 48, 0]) < 240
    answer = site.client.get(lead["crop"])
    assert answer.headers["cache-control"].startswith("private")
    same = site.client.get(lead["crop"], headers={"if-none-match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    other = site.client.get(lead["crop"] + "?heatmap=1", headers={"if-none-match": answer.headers["etag"]})
    assert other.status_code == 200


def test_a_frame_is_shown_whole_in_parts_and_under_its_heatmap(site: Site) -> None:
    item = get(site, f"/queue/items/{groups(site)['groups'][0]['lead']['id']}")
    places = item["image"]
    assert picture(site, places["overview_url"], media_type="image/webp").shape[:2] == (320, 480)
    whole = picture(site, places["part_url_template"] + "?left=50&top=90&width=60&height=50&scale=1")
    assert (whole.shape[:2], int(whole[20, 20, 0]), int(whole[2, 2, 0]) < 120) == ((50, 60), 230, True)
    half = picture(site, places["part_url_template"] + "?left=50&top=90&width=60&height=50&scale=0.5")
    assert half.shape[:2] == (25, 30)
    clipped = picture(site, places["part_url_template"] + "?left=470&top=310&width=60&height=50&scale=1")
    assert clipped.shape[:2] == (10, 10)
    heat = picture(site, places["heatmap_url"])
    assert (heat.shape, int(heat[0, 0, 3]), int(heat[-1, -1, 3])) == ((20, 30, 4), 255, 0)


NO_PICTURES = [
    ("/images/items/99-0/crop.png", 404),
    ("/images/items/..%2f..%2fetc/crop.png", 404),
    ("/images/labels/none/crop.png", 404),
    (f"/images/labels/{SAMPLE}/mask.png", 404),
    ("/images/frames/frame-9/overview.webp", 404),
    ("/images/frames/..%2F..%2Fcatalog.sqlite/overview.webp", 404),
    ("/images/frames/frame-0/part.png?left=480&top=0&width=5&height=5", 400),
    ("/images/frames/frame-0/part.png?left=0&top=0&width=480&height=320&scale=16", 400),
    ("/images/frames/frame-0/part.png?left=-1&top=0&width=5&height=5", 422),
    ("/images/frames/frame-0/heatmap.png?detector=none", 404),
]


def test_a_picture_that_is_not_there_or_too_large_is_refused(site: Site) -> None:
    assert [(path, site.client.get(path).status_code) for path, _ in NO_PICTURES] == NO_PICTURES


def test_who_may_not_label_may_look(site: Site) -> None:
    nobody = as_person(site, "nobody")
    nobody.who = None
    assert nobody.client.get("/api/v1/queue/groups", params={"line": LINE}).status_code == 401
    assert nobody.client.get("/images/items/1-0/crop.png", follow_redirects=False).status_code == 303
    looker = as_person(site, "eva", Role.ENGINEER)
    assert looker.who is not None
    looker.who = type(looker.who)(name="eva", role=None, permissions=frozenset({Permission.LOOK}), machine=True)
    lead = groups(looker)["groups"][0]["lead"]
    post_label(looker, lead, expect=403)
    assert looker.client.post(f"/api/v1/queue/items/{lead['id']}/skip").status_code == 403


def test_an_image_bomb_and_a_line_without_a_detector_are_refused(site: Site) -> None:
    catalog = site.bench.house.catalog
    site.bench.__dict__["single_scoring"] = SingleScoring(catalog=catalog, registry=InMemoryRegistry())
    small = encode_png(np.zeros((32, 32), dtype=np.uint8))
    huge = bytearray(small)
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    for content, status, told in (
        (bytes(huge), 422, "declares 100000 x 100000"),
        (small, 404, "no detector is in force"),
    ):
        answer = site.client.post("/api/v1/score", files={"image": ("a.png", content)}, data={"line": LINE})
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text
