"""``monitor``: what alarms and what could not be watched, and the exit code that a shift's script looks at."""

from datetime import UTC, datetime

from inspect_pipeline.domain.alarms import Alarm, AlarmArea
from inspect_pipeline.services.monitoring import Delivery, LineLook, MonitorSummary
from tests.unit.cli.conftest import Program

ALARM = Alarm(
    area=AlarmArea.DRIFT, subject="poly", key="k", text="focus of cam-1: beyond its limits", since="coil-7",
    what_to_do="clean the lens", strength=-6.5,
)  # fmt: skip


def _summary(*alarms: Alarm) -> MonitorSummary:
    look = LineLook(
        line="poly", recipe="default", detector="detector.poly.default@3", coils=31, through="coil-9", golden=4,
        alarms=alarms, not_watched=("contrast of cam-1: too few coils",), at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip
    told = (Delivery(target="https://mes.example/alarms", attempts=4, error="HTTP 503"),) if alarms else ()
    return MonitorSummary(lines=(look,), stores=(), deliveries=told, seconds=1.5)


def test_a_quiet_line_ends_with_0_and_says_what_could_not_be_watched(program: Program) -> None:
    program.house.watched = _summary()
    ran = program("monitor", "--line", "poly", "--json")
    assert (ran.code, ran.document["alarms"]) == (0, [])
    assert ran.document["lines"][0]["not_watched"] == ["contrast of cam-1: too few coils"]
    assert program.house.calls == [("monitor", {"line": "poly"})]
    assert "contrast" in program("monitor").out


def test_an_alarm_ends_with_3_after_the_whole_answer(program: Program) -> None:
    program.house.watched = _summary(ALARM)
    ran = program("monitor", "--json")
    assert ran.code == 3
    (alarm,) = ran.document["alarms"]
    assert (alarm["area"], alarm["since"], alarm["strength"]) == ("drift", "coil-7", -6.5)
    assert ran.document["deliveries"][0]["error"] == "HTTP 503"
    assert "1 alarms; poly: focus of cam-1" in ran.err
