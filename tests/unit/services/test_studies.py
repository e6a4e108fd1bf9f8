"""A study on the fakes: drawn from labels, judged blind and in turn, closed by hand, the detector beside the people."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.findings import Evidence, Finding
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.studies import Judgement, Study
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.services.studies import Studies, StudyDraft, blind_order
from inspect_pipeline.services.study_models import answer_of
from inspect_pipeline.services.study_pictures import study_picture
from tests.unit.services.plant import BAR, COIL, DETECTOR, LINE, NOON, SPOT, Plant, Ticking, picture

DRAFT = StudyDraft(name="May", line=LINE, people=("anna", "bo"), items=8, seed=3)
CHAMPION = f"{DETECTOR}@1"


@dataclass
class Oracle:
    """A detector that calls everything a bar; ``asked`` are the versions it was asked for."""

    asked: list[str] = field(default_factory=list)

    def judge(self, study: Study, model: str) -> list[Judgement]:
        self.asked.append(model)
        return [
            Judgement(study=study.id, item=item.number, trial=t, appraiser=model, answer="bar", seconds=0.1, at=NOON)
            for item in study.items
            for t in range(1, study.trials + 1)
        ]


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.add_coil()
    for number, mark in enumerate(["bar"] * 6 + ["spot"] * 3 + [None] * 9):
        frame = plant.add_frame(number, picture(number, mark))
        roi = {"bar": BAR, "spot": SPOT}.get(mark or "", Roi(top=0, left=0, bottom=96, right=96))
        plant.add_label(frame, mark, roi=roi, role=LabelRole.HELD_OUT)
    return plant


def _studies(plant: Plant, oracle: Oracle | None = None) -> Studies:
    return Studies(
        catalog=plant.catalog,
        images=plant.images,
        registry=plant.registry,
        clock=Ticking(),
        model=lambda: oracle or Oracle(),
    )


def _judge_all(studies: Studies, study: Study, who: str, answer: str = "") -> None:
    while not (at := studies.task(study.id, who=who)).done:
        assert at.trial is not None
        assert at.position is not None
        studies.judge(study.id, who=who, trial=at.trial, position=at.position, answer=answer, seconds=1.0)


def test_items_are_half_good_and_the_types_alike_and_the_seed_decides(plant: Plant) -> None:
    studies = _studies(plant)
    study, again = studies.make(DRAFT, by="eve"), studies.make(DRAFT, by="eve")
    other = studies.make(replace(DRAFT, seed=4), by="eve")
    assert Counter(item.reference for item in study.items) == {"": 4, "bar": 2, "spot": 2}
    assert study.items == again.items
    assert study.items != other.items
    assert study.types == ("bar", "spot")
    # Were they in the order of their strata, the number of an item would tell what it is.
    assert [item.reference for item in study.items] != sorted(item.reference or "" for item in study.items)


@pytest.mark.parametrize(("wanted", "counts"), [(14, {"": 7, "bar": 4, "spot": 3}), (90, {"": 9, "bar": 6, "spot": 3})])
def test_what_one_stratum_lacks_the_others_give(plant: Plant, wanted: int, counts: dict[str, int]) -> None:
    study = _studies(plant).make(replace(DRAFT, items=wanted), by="eve")
    assert Counter(item.reference for item in study.items) == counts


def test_withdrawn_labels_unusable_frames_and_a_region_named_twice_make_no_further_item(plant: Plant) -> None:
    dark = plant.add_frame(90, picture(90), reason="too dark")
    plant.add_label(dark, "bar", role=LabelRole.HELD_OUT)
    frame = plant.add_frame(91, picture(91, "bar"))
    first = plant.add_label(frame, "bar", roi=BAR, role=LabelRole.HELD_OUT)
    plant.add_label(frame, "bar", roi=BAR, role=LabelRole.WITHDRAWN, name="w", supersedes=first.id)
    twice = plant.add_frame(0, None, reason="x")  # known already: frame 0 holds a bar
    plant.add_label(twice, "bar", roi=BAR, role=LabelRole.GATE, name="again")
    study = _studies(plant).make(replace(DRAFT, items=90), by="eve")
    assert len(study.items) == 18


def test_a_retired_type_is_not_offered_and_one_without_labels_is(plant: Plant) -> None:
    with plant.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="hole", life_cycle=LifeCycle.CANDIDATE))
        unit.put_type(LINE, DefectType(name="old", life_cycle=LifeCycle.RETIRED))
    assert _studies(plant).make(DRAFT, by="eve").types == ("bar", "hole", "spot")


def test_without_a_reference_no_item_says_what_it_was_taken_for(plant: Plant) -> None:
    study = _studies(plant).make(replace(DRAFT, with_reference=False), by="eve")
    assert {item.reference for item in study.items} == {None}
    assert study.types == ("bar", "spot")


def test_the_order_is_each_ones_own_on_every_trial_and_always_the_same(plant: Plant) -> None:
    study = _studies(plant).make(replace(DRAFT, items=18), by="eve")
    orders = {(who, trial): tuple(blind_order(study, who, trial)) for who in study.people for trial in (1, 2)}
    assert len(set(orders.values())) == 4
    assert all(sorted(order) == list(range(1, 19)) for order in orders.values())
    assert orders["anna", 1] == tuple(blind_order(study, "anna", 1))


def test_an_appraiser_goes_through_the_trials_one_place_after_the_other(plant: Plant) -> None:
    studies = _studies(plant)
    study = studies.make(DRAFT, by="eve")
    seen = []
    for trial in (1, 2):
        for position in range(1, 9):
            at = studies.task(study.id, who="anna")
            assert (at.trial, at.position, at.items, at.done) == (trial, position, 8, False)
            seen.append((trial, position))
            studies.judge(study.id, who="anna", trial=trial, position=position, answer="bar", seconds=2.0)
    assert studies.task(study.id, who="anna").done
    assert studies.task(study.id, who="bo").position == 1
    with plant.catalog.transaction() as unit:
        given = unit.studies.judgements(study.id)
    assert [one.item for one in given[:8]] == blind_order(study, "anna", 1)
    assert len(seen) == len(given) == 16


@pytest.mark.parametrize(("trial", "position"), [(1, 1), (1, 3), (2, 1), (2, 2), (0, 2), (1, 0), (1, -1)])
def test_no_answer_is_given_twice_too_early_or_nowhere(plant: Plant, trial: int, position: int) -> None:
    studies = _studies(plant)
    study = studies.make(DRAFT, by="eve")
    studies.judge(study.id, who="anna", trial=1, position=1, answer="bar", seconds=1.0)
    with pytest.raises(RefusedError, match="item 2 of trial 1"):
        studies.judge(study.id, who="anna", trial=trial, position=position, answer="spot", seconds=1.0)


def test_only_those_who_are_asked_judge_and_only_what_is_offered(plant: Plant) -> None:
    studies = _studies(plant)
    study = studies.make(DRAFT, by="eve")
    for call in (
        lambda: studies.task(study.id, who="eve"),
        lambda: studies.judge(study.id, who="eve", trial=1, position=1, answer="bar", seconds=1.0),
        lambda: studies.picture(study.id, who="eve", trial=1, position=1),
    ):
        with pytest.raises(RefusedError, match="eve is not asked"):
            call()
    with pytest.raises(BadDataError, match="not offered"):
        studies.judge(study.id, who="anna", trial=1, position=1, answer="dent", seconds=1.0)
    with pytest.raises(NotFoundError, match="no study"):
        studies.task("nowhere", who="anna")


def test_a_picture_is_shown_at_its_place_and_one_ahead_and_no_other(plant: Plant) -> None:
    studies = _studies(plant)
    study = studies.make(DRAFT, by="eve")
    studies.judge(study.id, who="anna", trial=1, position=1, answer="bar", seconds=1.0)
    first, second = (studies.picture(study.id, who="anna", trial=1, position=p) for p in (2, 3))
    assert first != second
    item = study.items[blind_order(study, "anna", 1)[1] - 1]
    with plant.catalog.transaction() as unit:
        frame = unit.frame(item.frame)
    assert frame is not None
    assert frame.image is not None
    assert first == study_picture(decode(plant.images.get(frame.image), name="f"), item.roi)
    for trial, position in ((1, 1), (1, 4), (2, 1)):
        with pytest.raises(RefusedError, match="not your next"):
            studies.picture(study.id, who="anna", trial=trial, position=position)
    with pytest.raises(RefusedError, match="open"):
        studies.item_picture(study.id, 1)


def test_an_open_study_shows_counts_and_nothing_else_to_anybody(plant: Plant) -> None:
    studies = _studies(plant)
    study = studies.make(DRAFT, by="eve")
    _judge_all(studies, study, "anna", "bar")
    with pytest.raises(RefusedError, match="before it is closed"):
        studies.results(study.id)
    seen = studies.overview(study.id)
    assert [(one.appraiser, one.given, one.wanted) for one in seen.progress] == [("anna", 16, 16), ("bo", 0, 16)]
    assert "'bar'" not in repr(seen)
    assert studies.overviews(line=LINE) == [seen]
    assert studies.overviews(line="other") == []


def test_a_study_is_closed_by_hand_when_all_have_judged_or_as_it_is(plant: Plant) -> None:
    studies = _studies(plant)
    study = studies.make(DRAFT, by="eve")
    _judge_all(studies, study, "anna", "bar")
    with pytest.raises(RefusedError, match="16 of 32 answers are missing"):
        studies.close(study.id, by="eve")
    closed = studies.close(study.id, by="eve", incomplete=True)
    assert closed.closed_by == "eve"
    assert studies.results(study.id).judged == 16
    assert studies.item_picture(study.id, 1)[:4] == b"\x89PNG"
    with pytest.raises(RefusedError, match="closed by eve"):
        studies.close(study.id, by="eve", incomplete=True)
    with pytest.raises(RefusedError, match="no more answers"):
        studies.task(study.id, who="bo")
    with pytest.raises(NotFoundError, match="no number 9"):
        studies.item_picture(study.id, 9)
    with plant.catalog.transaction() as unit:
        said = [entry.event.action for entry in unit.audit(subject=f"study {study.id}")]
    assert said == [AuditAction.STUDY_OPENED, *[AuditAction.STUDY_JUDGED] * 16, AuditAction.STUDY_CLOSED]


def test_the_champion_judges_when_the_study_is_closed_and_not_what_it_was_taught_from(plant: Plant) -> None:
    taught = plant.add_frame(40, picture(40, "bar"))
    plant.add_label(taught, "bar", roi=BAR, role=LabelRole.SUPPORT)
    plant.add_label(taught, "bar", roi=SPOT, role=LabelRole.HELD_OUT, name="beside a support")
    bundle = Bundle(kind=ModelKind.DETECTOR, manifest={"class_names": ["bar"]}, tensors=b"")
    plant.registry.register(DETECTOR, bundle, tags={})
    plant.promote("1")
    oracle = Oracle()
    studies = _studies(plant, oracle)
    study = studies.make(replace(DRAFT, items=90, champion=True), by="eve")
    assert study.models == (CHAMPION,)
    assert len(study.items) == 18
    assert taught.id not in {item.frame for item in study.items}
    for who in study.people:
        _judge_all(studies, study, who)
    assert oracle.asked == []
    studies.close(study.id, by="eve")
    assert oracle.asked == [CHAMPION]
    results = studies.results(study.id)
    model = results.appraisers[-1]
    assert (model.appraiser, model.is_model, results.judged) == (CHAMPION, True, 3 * 36)


def test_a_detector_that_is_not_there_takes_part_in_no_study(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="no version challenger"):
        _studies(plant).make(replace(DRAFT, challenger=True), by="eve")
    with pytest.raises(NotFoundError, match="no version in force"):
        _studies(plant).make(replace(DRAFT, champion=True), by="eve")


@pytest.mark.parametrize(
    "changes", [{"items": 0}, {"items": 301}, {"seed": -1}, {"people": ("anna",)}, {"trials": 4}, {"line": "other"},
                {"name": "<b>"}, {"people": ("anna", "a/b")}],
)  # fmt: skip
def test_a_draft_that_cannot_be_is_refused(plant: Plant, changes: dict[str, object]) -> None:
    with pytest.raises(BadDataError):
        _studies(plant).make(replace(DRAFT, **changes), by="eve")


def _finding(roi: Roi, name: str, score: float) -> Finding:
    return Finding(
        frame=COIL, roi=roi, defect_type=name, life_cycle=LifeCycle.APPROVED, score=score, crossweb_mm=0.0,
        downweb_m=0.0, width_mm=1.0, length_mm=1.0, evidence=Evidence.TYPE,
    )  # fmt: skip


def test_a_detector_answers_with_its_strongest_finding_on_the_region() -> None:
    region = Roi(top=0, left=0, bottom=40, right=40)
    beside = _finding(Roi(top=35, left=35, bottom=75, right=75), "spot", 9.0)
    inside = _finding(Roi(top=5, left=5, bottom=10, right=10), "bar", 1.5)
    stronger = _finding(Roi(top=0, left=0, bottom=90, right=90), "unknown", 2.0)
    assert answer_of([], region) == ""
    assert answer_of([beside], region) == ""
    assert answer_of([beside, inside], region) == "bar"
    assert answer_of([inside, stronger, beside], region) == "unknown"


def test_the_picture_has_the_region_in_its_surroundings_and_large_ones_are_made_smaller() -> None:
    small = decode(study_picture(picture(1), Roi(top=40, left=40, bottom=50, right=50)), name="p")
    assert small.shape[:2] == (96, 96)
    wide = np.zeros((200, 6000), dtype=np.uint16)
    large = decode(study_picture(wide, Roi(top=0, left=0, bottom=200, right=6000)), name="p")
    assert large.shape[1] == 1400
