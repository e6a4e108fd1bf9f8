"""Pages and interface of coils, live, trends and health on a real workspace."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_pipeline.domain.people import Role
from inspect_pipeline.services.monitoring import MonitorSummary
from tests.integration.web.live_plant import LINE, LivePlant

PAGES = ("/coils", "/coils/coil-now", "/live", "/trends", "/health")
CHINESE = {"accept-language": "zh-CN"}


class NoGolden:
    """A line without golden labels."""

    def run(self, line: str, challenger: object, champion: object) -> None:
        return None


def _watched(plant: LivePlant) -> MonitorSummary:
    monitoring = plant.house.monitoring
    object.__setattr__(monitoring, "trials", NoGolden())
    object.__setattr__(monitoring, "tracker", None)
    return plant.house.monitor(LINE)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    made = LivePlant(Path(tmp_path_factory.mktemp("live")))
    made.put_in_force()
    for number in range(26):
        made.add_coil(f"coil-{number:02}", hours=60 - number, focus=1.0 if number < 24 else 0.3)
    made.add_coil("coil-now", hours=1, frames=12, findings=70, torn=(3,), lost=(5, 6), waiting=2, pictures=True)
    _watched(made)
    yield made
    made.house.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_for_who_may_look_in_both_languages_and_for_nobody_else(plant: LivePlant, path: str) -> None:
    english, chinese = plant.client().get(path), plant.client().get(path, headers=CHINESE)
    assert (english.status_code, chinese.status_code) == (200, 200)
    assert 'lang="zh"' in chinese.text
    assert not re.search(r"\b(coils|live)\.[a-z_]+\b(?!\w*\.(css|js|html))", re.sub(r"<[^>]*>", "", chinese.text))
    for text in (english.text, chinese.text):
        assert not re.search(r'\sstyle="|<script>|\son\w+="', text)
    nobody = plant.client(None).get(path)
    assert (nobody.status_code, nobody.headers["location"]) == (303, f"/sign-in?next={path}")


def test_coils_are_listed_newest_first_page_by_page_with_their_verdicts(plant: LivePlant) -> None:
    first, second = plant.client().get("/coils").text, plant.client().get("/coils?page=2").text
    assert first.index("coil-now") < first.index("coil-25")
    assert "coil-00" not in first
    assert "coil-00" in second
    assert "27 coils" in first
    assert plant.client().get("/coils", params={"line": "no such"}).text.count("<tr>") == 0
    assert plant.client().get("/coils?page=0").status_code == 422


def test_one_coil_says_what_was_found_and_what_was_not_inspected_and_why(plant: LivePlant) -> None:
    text = plant.client().get("/coils/coil-now").text
    assert "2.500 m were not inspected" in text
    assert "torn: only 3 of 1000 lines arrived" in text
    assert "no frame holds these lines" in text
    assert 'data-kind="missing"' in text
    assert "hole &lt;b&gt;" in text
    assert "hole <b>" not in text
    assert text.count('href="/queue?item=') == 50
    rest = plant.client().get("/coils/coil-now?table=2").text
    assert rest.count('href="/queue?item=') == 20
    assert plant.client().get("/coils/no such").status_code == 404
    assert plant.client().get("/coils/coil-now?detector=detector.x.y@9").status_code == 404


def test_the_interface_gives_the_same_coil_with_a_ledger_that_balances(plant: LivePlant) -> None:
    coil = plant.client().get("/api/v1/coils/coil-now").json()
    assert (coil["captured"], coil["unusable"], coil["length_m"], coil["width_mm"]) == (10, 1, 6.0, 1000.0)
    assert coil["inspected_m"] + coil["not_inspected_m"] == pytest.approx(6.0)
    assert {one["kind"]: (one["start_m"], one["length_m"]) for one in coil["stretches"]} == {
        "unusable": (1.5, 0.5), "missing": (2.5, 1.0), "captured": (5.0, 1.0),
    }  # fmt: skip
    rate = coil["alarm_rate"]
    assert rate["interval"][0] <= rate["rate"] <= rate["interval"][1]


def test_findings_come_as_columns_of_equal_length_whole_or_in_part(plant: LivePlant) -> None:
    found = plant.client().get("/api/v1/coils/coil-now/findings").json()
    columns = [found[name] for name in found if name != "types"]
    assert {len(column) for column in columns} == {70}
    assert found["downweb_m"] == sorted(found["downweb_m"])
    assert max(found["type_of"]) < len(found["types"])
    part = plant.client().get("/api/v1/coils/coil-now/findings?offset=60&limit=20").json()
    assert part["items"] == found["items"][60:]
    listed = plant.client().get("/api/v1/coils", params={"line": LINE, "size": 2}).json()
    assert ([one["id"] for one in listed["coils"]], listed["total"]) == (["coil-now", "coil-25"], 27)


def test_trends_show_control_charts_and_the_alarm_in_the_readers_language(plant: LivePlant) -> None:
    english = plant.client().get("/trends", params={"line": LINE}).text
    assert english.count('class="drawing"') >= 6
    assert "Focus" in english
    assert "clean and focus the lens" in english.lower()
    assert "beyond its limits since coil coil-24" in english
    assert "请清洁镜头并重新对焦" in plant.client().get("/trends", headers=CHINESE).text
    document = plant.client().get("/api/v1/trends", params={"line": LINE}).json()
    focus = next(one for one in document["charts"] if one["signal"] == "focus")
    assert [one["coil"] for one in focus["points"] if one["beyond"]] == ["coil-24", "coil-25"]
    assert document["coils"][-1]["overkill"] is None


def test_a_line_without_a_detector_in_force_says_that_nothing_is_watched(tmp_path: Path) -> None:
    bare = LivePlant(tmp_path)
    bare.add_coil("coil-1")
    assert "nothing is watched" in bare.client().get("/trends").text
    said = bare.client().get("/api/v1/trends", params={"line": LINE}).json()
    assert (said["detector"], said["not_watched"]) == (None, ["no detector is in force; promote one"])
    bare.house.close()


def test_the_live_page_shows_the_newest_coil_its_captures_and_the_alarms(plant: LivePlant) -> None:
    page, part = plant.client().get("/live").text, plant.client().get("/live/now", params={"line": LINE}).text
    assert part in page
    assert "coil-now" in part
    assert "Focus" in part
    assert part.count("thumbnail.png") == 9
    assert "torn" in part
    assert plant.client().get("/live/now?line=nowhere").status_code == 404
    picture = plant.client().get("/live/frames/coil-now/0/thumbnail.png")
    assert (picture.status_code, picture.content[:8]) == (200, b"\x89PNG\r\n\x1a\n")
    assert plant.client().get("/live/frames/coil-now/3/thumbnail.png").status_code == 404
    assert plant.client().get("/live/frames/../../etc/passwd/thumbnail.png").status_code == 404


def test_alarms_and_health_tell_a_machine_what_is_wrong(plant: LivePlant) -> None:
    alarms = plant.client().get("/api/v1/alarms").json()
    assert {one["area"] for one in alarms} == {"drift", "store"}
    assert any("images" in one["text"] for one in alarms)
    health = plant.client().get("/api/v1/health").json()
    assert health["ok"] is False  # most frames of this plant point at an image that was never stored
    assert {one["name"]: one["ok"] for one in health["checks"]}["catalog"] is True
    page = plant.client().get("/health").text
    assert "does not work" in page
    assert "coil-now" in page
    assert plant.client(None).get("/api/v1/alarms").status_code == 401


def test_the_report_is_a_page_of_the_site_without_a_style_of_its_own(plant: LivePlant) -> None:
    plant.house.registry._entries.clear()
    report = plant.client(Role.ENGINEER).get("/coils/coil-now/report")
    assert report.status_code == 200, report.text
    assert '<link rel="stylesheet" href="/report-style.css">' in report.text
    assert "<style>" not in report.text
    assert "Content-Security-Policy" not in report.text
    assert "--type-0" in plant.client().get("/report-style.css").text


def test_both_languages_have_the_same_words() -> None:
    folder = Path(__file__).resolve().parents[3] / "inspect_pipeline" / "web" / "locales"
    for area in ("coils", "live"):
        english, chinese = (json.loads((folder / tag / f"{area}.json").read_text("utf-8")) for tag in ("en", "zh"))
        assert english.keys() == chinese.keys()
        for key, text in english.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
