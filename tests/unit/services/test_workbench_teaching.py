"""Picked labels teach, what fails teaches nothing, and what was taught can be taken back exactly."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.jobs import Job, JobKind, JobState
from inspect_pipeline.domain.labels import LabelKind, LabelRole, in_force
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import BadDataError, NotFoundError, NothingToDoError, RefusedError, StorageError
from inspect_pipeline.services.finding_preview import FindingPreview
from inspect_pipeline.services.finding_vectors import kept_vectors
from inspect_pipeline.services.jobs import Jobs
from inspect_pipeline.services.ports import FeatureStore
from inspect_pipeline.services.workbench_teaching import TeachRequest, WorkbenchTeaching

from .plant import DETECTOR, LINE, NOON, SPOT, Plant, picture

COIL = "judged"


@dataclass
class Desk:
    """The plant with a judged coil of spots, labels on it, and the teaching over it."""

    plant: Plant
    teaching: WorkbenchTeaching
    picks: tuple[str, ...]

    def teach(self, picks: tuple[str, ...] | None = None, name: str = "spot") -> Job:
        request = TeachRequest(
            line=LINE, recipe="default", defect_type=name, labels=self.picks if picks is None else picks
        )
        return self.ended(self.teaching.start(request, operator="anna"))

    def ended(self, job: Job) -> Job:
        while self.teaching.jobs.job(job.id).state.open:
            time.sleep(0.01)
        return self.teaching.jobs.job(job.id)

    def said(self) -> dict[str, tuple[LabelRole, str | None]]:
        """Role and type of what is in force on the judged coil, by frame."""
        with self.plant.catalog.transaction() as unit:
            labels = in_force(unit.labels(coil=COIL))
        return {label.region.frame: (label.role, label.defect_type) for label in labels}


@pytest.fixture(scope="module")
def judged(first_lesson: Plant) -> Plant:
    """The line with its detector in force, a judged coil of three spots, and a label on each; scored once."""
    plant = deepcopy(first_lesson)
    plant.promote("1")
    plant.add_coil(COIL)
    frames = [plant.add_frame(number, picture(700 + number, "spot"), coil=COIL) for number in range(3)]
    replace(plant.scoring(), features=plant.features).run(COIL)
    for frame in frames:
        plant.add_label(frame, "spot", roi=SPOT, role=LabelRole.HELD_OUT)
    return plant


@pytest.fixture
def desk(judged: Plant) -> Iterator[Desk]:
    plant = deepcopy(judged)
    with plant.catalog.transaction() as unit:
        picks = tuple(label.id for label in unit.labels(coil=COIL))
    numbers = itertools.count(1)
    jobs = Jobs(catalog=plant.catalog, clock=lambda: NOON, new_id=lambda: f"job-{next(numbers)}")
    teaching = WorkbenchTeaching(
        catalog=plant.catalog,
        registry=plant.registry,
        teaching=lambda _recipe: plant.teaching(),
        preview=FindingPreview(
            catalog=plant.catalog, registry=plant.registry, features=plant.features, kept=kept_vectors
        ),
        jobs=jobs,
        clock=lambda: NOON,
    )
    yield Desk(plant=plant, teaching=teaching, picks=picks)
    jobs.close()


def test_picked_labels_teach_and_the_answer_says_what_they_allow_to_say(desk: Desk) -> None:
    done = desk.teach()
    assert (done.state, done.error) == (JobState.DONE, None)
    answer = done.document["answer"]
    assert answer["leave_one_out"]["spot"]["outlook"]["sentence"].startswith("seen 3 of 3; 95% interval 29-100%")
    assert (answer["life_cycles"]["spot"], answer["version"], answer["against"]) == ("provisional", "2", "1")
    assert set(desk.said().values()) == {(LabelRole.SUPPORT, "spot")}
    assert desk.plant.registry.aliased(DETECTOR, "challenger") == "2"


def test_after_the_answer_come_the_findings_and_the_frames_of_late(desk: Desk) -> None:
    document = desk.teach().document
    assert document["preview"]["compared"] > 0
    assert document["effect"]["against"] == f"{DETECTOR}@1"
    with desk.plant.catalog.transaction() as unit:
        kept = [run for run in unit.stages() if run.stage == "effect"]
    assert [run.model for run in kept] == [f"{DETECTOR}@2"]


def test_taking_back_restores_the_labels_and_the_version_of_before(desk: Desk) -> None:
    before = desk.said()
    taught = desk.teach()
    taken = desk.ended(desk.teaching.take_back(taught.id, operator="ben"))
    assert (taken.kind, taken.state, taken.document["answer"]["version"]) == (JobKind.TAKE_BACK, JobState.DONE, "1")
    assert desk.said() == before
    with pytest.raises(NothingToDoError):
        desk.teaching.take_back(taught.id, operator="ben")


def test_two_samples_make_a_candidate(desk: Desk) -> None:
    assert desk.teach(desk.picks[:2]).document["answer"]["life_cycles"]["spot"] == "candidate"


def test_a_sample_that_had_another_name_gets_this_one_and_has_its_own_again_when_taken_back(desk: Desk) -> None:
    taught = desk.teach(name="bright spot")
    assert set(desk.said().values()) == {(LabelRole.SUPPORT, "bright spot")}
    desk.ended(desk.teaching.take_back(taught.id, operator="ben"))
    assert set(desk.said().values()) == {(LabelRole.HELD_OUT, "spot")}


def test_what_fails_teaches_nothing(desk: Desk) -> None:
    before = desk.said()
    with desk.plant.catalog.transaction() as unit:
        good = [label for label in in_force(unit.labels(line=LINE)) if label.kind is LabelKind.NOT_A_DEFECT]
        unit.add_labels(
            [replace(label, id=f"w{label.id}", role=LabelRole.WITHDRAWN, supersedes=label.id) for label in good]
        )
    failed = desk.teach()
    assert failed.state is JobState.FAILED
    assert "too few" in str(failed.error)
    assert desk.said() == before


def test_a_teaching_whose_answer_is_there_stays_when_what_follows_it_fails(desk: Desk) -> None:
    def gone(_features: FeatureStore, _frame: str, _detector: str) -> dict[int, NDArray[np.float32]]:
        raise StorageError("the feature store is gone")

    desk.teaching = replace(desk.teaching, preview=replace(desk.teaching.preview, kept=gone))
    failed = desk.teach()
    assert (failed.state, failed.error) == (JobState.FAILED, "the feature store is gone")
    assert failed.document["answer"]["version"] == desk.plant.registry.aliased(DETECTOR, "challenger") == "2"
    assert set(desk.said().values()) == {(LabelRole.SUPPORT, "spot")}


def test_labels_that_cannot_teach_are_refused_before_anything_is_done(desk: Desk) -> None:
    frame = desk.plant.add_frame(9, picture(1), coil=COIL)
    golden = desk.plant.add_label(frame, "spot", roi=SPOT, role=LabelRole.GOLDEN).id
    for picks, error, why in (
        ((), BadDataError, "no label is picked"),
        (("nowhere",), NotFoundError, "no label"),
        ((golden,), BadDataError, "never teaches"),
    ):
        with pytest.raises(error, match=why):
            desk.teach(picks)
    with pytest.raises(BadDataError):
        desk.teach(name="unknown")
    with desk.plant.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="spot", life_cycle=LifeCycle.RETIRED))
    with pytest.raises(RefusedError, match="retired"):
        desk.teach()


def test_a_label_that_was_corrected_since_the_page_was_opened_is_refused(desk: Desk) -> None:
    desk.teach()
    with pytest.raises(BadDataError, match="corrected"):
        desk.teach()


def test_what_was_looked_at_before_is_not_looked_at_again(desk: Desk) -> None:
    prepared = desk.ended(desk.teaching.prepare(LINE, "default", desk.picks, operator="anna"))
    assert prepared.document["frames"] == 3
    again = desk.ended(desk.teaching.prepare(LINE, "default", desk.picks, operator="anna"))
    assert again.document["frames"] == 0


def test_a_line_is_taught_by_one_at_a_time(desk: Desk) -> None:
    waited: list[float] = []
    another = ExitStack()
    another.enter_context(desk.plant.catalog.turn(f"teach {LINE}"))

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        another.close()

    desk.teaching = replace(desk.teaching, sleep=sleep)
    assert desk.teach().state is JobState.DONE
    assert len(waited) == 1
