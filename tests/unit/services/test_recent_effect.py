"""What a new detector would have said of the frames judged last: flips, extra alarms, bounds and reasons."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.learning.calibration import Channel
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.recent_effect import Pair, RecentFrames, effect_to
from inspect_pipeline.services.teaching_settings import TeachingSettings

from .plant import COIL, DETECTOR, LINE, NOON, Plant, picture, silent


def detector(plant: Plant, version: str = "1") -> Detector:
    return Detector.from_bundle(plant.registry.load(DETECTOR, version=version)[1])


def recent(
    plant: Plant, *, frames: int = 50, seconds: float = 60.0, clock: Callable[[], datetime] = lambda: NOON
) -> RecentFrames:
    return RecentFrames(
        catalog=plant.catalog,
        images=plant.images,
        settings=TeachingSettings(effect_frames=frames, effect_s=seconds),
        clock=clock,
        progress=silent,
    )


def touchy(one: Detector) -> Detector:
    """The detector with a limit of its anomaly channel that all good material is over."""
    return replace(one, anomaly=Channel(floor=0.0, limit=1.0))


@pytest.fixture
def judged(plant: Plant) -> Plant:
    """Two coils of six frames each, the last one of each with the bar, judged by the champion."""
    for coil in (COIL, "coil-2"):
        plant.add_coil(coil)
        for number in range(6):
            plant.add_frame(number, picture(500 + number, "bar" if number == 5 else None), coil=coil)
        plant.scoring().run(coil)
    return plant


def effect(plant: Plant, challenger: Detector, **more: object) -> dict[str, object]:
    work = recent(plant, **more)  # type: ignore[arg-type]
    champion = (f"{DETECTOR}@1", plant.registry.load(DETECTOR, version="1")[1])
    return effect_to(work.effect(LINE, "default", champion=champion, challenger=challenger))


def test_the_same_detector_changes_nothing(judged: Plant) -> None:
    found = effect(judged, detector(judged))
    assert (found["against"], found["frames"], found["flips"], found["changed"]) == (f"{DETECTOR}@1", 12, {}, [])
    assert found["extra_alarms"]["count"] == 0  # type: ignore[index]
    assert (found["skipped"], found["note"]) == (None, None)


def test_verdicts_that_change_are_counted_and_their_frames_named(judged: Plant) -> None:
    found = effect(judged, touchy(detector(judged)))
    assert found["flips"] == {"PASS->UNKNOWN": 10}
    assert found["extra_alarms"]["count"] == 10  # type: ignore[index]
    assert found["extra_alarms"]["of"] == 12  # type: ignore[index]
    assert {one["source"] for one in found["changed"]} == {f"{n:03}.png" for n in range(5)}  # type: ignore[attr-defined]


def test_a_defect_that_loses_its_type_is_a_flip_and_no_extra_alarm(judged: Plant) -> None:
    found = effect(judged, replace(detector(judged), heads=()))
    assert found["flips"] in ({"DEFECT->UNKNOWN": 2}, {"DEFECT->PASS": 2})
    assert found["extra_alarms"]["count"] == 0  # type: ignore[index]


def test_both_are_read_with_the_taxonomy_of_the_line(judged: Plant) -> None:
    with judged.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="bar", life_cycle=LifeCycle.RETIRED))
    found = effect(judged, replace(detector(judged), heads=()))
    assert "DEFECT->UNKNOWN" not in found["flips"]  # type: ignore[operator]


def test_the_newest_frames_come_first_and_no_more_than_asked_for(judged: Plant) -> None:
    found = effect(judged, touchy(detector(judged)), frames=3)
    assert found["frames"] == 3
    assert [one["frame"] for one in found["changed"]] == ["coil-2/004", "coil-2/003"]  # type: ignore[attr-defined]


def test_frames_of_other_lines_and_recipes_and_unjudged_ones_do_not_count(judged: Plant) -> None:
    judged.add_coil("other line", line="other")
    judged.add_coil("other recipe", recipe="other")
    judged.add_coil("unjudged")
    for coil in ("other line", "other recipe", "unjudged"):
        judged.add_frame(0, picture(1), coil=coil)
    assert effect(judged, detector(judged))["frames"] == 12


@dataclass
class Slow:
    """A clock that goes on by ten seconds whenever it is read."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=10)
        return self.now


def test_it_ends_when_its_time_is_over_and_says_so(judged: Plant) -> None:
    found = effect(judged, detector(judged), seconds=25.0, clock=Slow())
    assert found["frames"] == 3
    assert found["note"] == "9 of 12 frames were left out: 25 s were over"


def test_frames_whose_image_is_gone_are_counted_and_left_out(judged: Plant) -> None:
    with judged.catalog.transaction() as unit:
        gone = unit.frames("coil-2")[0].image
    judged.images.contents.pop(gone or "")
    found = effect(judged, detector(judged))
    assert (found["frames"], found["note"]) == (
        10,
        "2 of 12 frames have no image any more, or none that both can judge",
    )


def test_without_a_champion_or_frames_or_where_it_is_switched_off_the_reason_is_given(plant: Plant) -> None:
    one = detector(plant)
    none = recent(plant).effect(LINE, "default", champion=None, challenger=one)
    assert effect_to(none)["skipped"] == "no detector is in force to compare with"
    assert effect(plant, one)["skipped"] == "no frame of the line has been judged yet"
    assert effect(plant, one, frames=0)["skipped"] == "switched off (teaching.effect_frames is 0)"


def test_one_description_serves_two_detectors_of_one_backbone_alone(plant: Plant) -> None:
    one = detector(plant)
    assert Pair.of(one, touchy(one)).one_backbone
    other = detector(plant)
    with_another_trunk = next(iter(other.backbone.parameters()))
    with_another_trunk.data += 0.01
    assert not Pair.of(one, other).one_backbone
    maps = Pair.of(one, other).maps(picture(3))
    assert (maps[0][1].anomaly != maps[1][1].anomaly).any()


def test_teaching_keeps_the_effect_beside_the_evidence(judged: Plant) -> None:
    judged.add_lesson("spot", 3, first=30)
    summary = judged.teaching().adapt(LINE, "default")
    assert summary.effect is not None
    assert (summary.effect["against"], summary.effect["frames"]) == (f"{DETECTOR}@1", 12)
    _, bundle = judged.registry.load(DETECTOR, version=summary.version)
    assert bundle.manifest["effect"] == summary.effect
    assert judged.teaching().adapt(LINE, "default").effect == summary.effect
    assert summary.against_champion is not None
    assert summary.against_champion["bar"]["of"] == 4
    assert {Verdict(name) for flip in summary.effect["flips"] for name in flip.split("->")} <= set(Verdict)
