"""What a study says: the records refuse what cannot be, and results count what was answered and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inspect_pipeline.domain.agreement import ONE_CATEGORY, Kappa
from inspect_pipeline.domain.effectiveness import NO_ITEM, NO_REFERENCE, Grade, KappaGrade
from inspect_pipeline.domain.figures import NotMeasured, ShownRate
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.studies import (
    NOT_A_DEFECT,
    Judgement,
    RemarkKind,
    Study,
    StudyItem,
    StudyState,
    remarks,
)
from inspect_pipeline.domain.study_results import MatrixCell, study_results
from inspect_pipeline.errors import BadDataError

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
TRUTH = ["scratch", "scratch", "hole", "hole", "", "", "", ""]
MODEL = "detector.l.r@3"


def _items(truth: "list[str] | list[None]") -> tuple[StudyItem, ...]:
    box = Roi(top=0, left=0, bottom=8, right=8)
    return tuple(StudyItem(number=n, frame=f"f{n}", roi=box, reference=t) for n, t in enumerate(truth, start=1))


def _study(**changes: object) -> Study:
    study = Study(
        id="s", line="l", name="May", made_by="anna", made_at=NOON, trials=2, seed=0, types=("hole", "scratch"),
        items=_items(TRUTH), people=("anna", "bo"), models=(MODEL,),
    )  # fmt: skip
    return replace(study, **changes)


def _answered(study: Study, wrong: dict[tuple[str, int, int], str] | None = None) -> list[Judgement]:
    """Every appraiser answers the truth on every trial, but for what is ``wrong``."""
    return [
        Judgement(
            study="s", item=item.number, trial=trial, appraiser=who, seconds=float(item.number), at=NOON,
            answer=(wrong or {}).get((who, item.number, trial), TRUTH[item.number - 1]),
        )
        for who in study.appraisers
        for trial in range(1, study.trials + 1)
        for item in study.items
    ]  # fmt: skip


def test_a_study_in_which_all_are_right_is_perfect_in_every_respect() -> None:
    study = _study()
    found = study_results(study, _answered(study))
    assert (found.judged, found.expected, found.disputed) == (48, 48, ())
    for one in [found.between, found.between_all, found.all_reference, *(pair.agreement for pair in found.pairs)]:
        assert isinstance(one.kappa, Kappa)
        assert (one.kappa.value, one.grade) == (1.0, KappaGrade.GOOD)
        assert isinstance(one.share, ShownRate)
        assert (one.share.count, one.share.total) == (8, 8)
        assert set(one.by_category) == {"", "hole", "scratch"}
    assert [(one.appraiser, one.is_model) for one in found.appraisers] == [
        ("anna", False),
        ("bo", False),
        (MODEL, True),
    ]
    assert all(one.effectiveness.grade is Grade.ACCEPTABLE for one in found.appraisers)
    assert [(pair.first, pair.second) for pair in found.pairs] == [("anna", "bo"), ("anna", MODEL), ("bo", MODEL)]
    assert [(cell.row, cell.answer, cell.count) for cell in found.matrix] == [
        ("", "", 16),
        ("hole", "hole", 8),
        ("scratch", "scratch", 8),
    ]


def test_one_other_answer_is_seen_where_it_belongs_and_nowhere_else() -> None:
    study = _study()
    found = study_results(study, _answered(study, {("bo", 3, 2): "scratch"}))
    anna, bo = found.appraisers[0], found.appraisers[1]
    assert isinstance(anna.within.kappa, Kappa)
    assert anna.within.kappa.value == 1.0
    assert isinstance(bo.within.share, ShownRate)
    assert (bo.within.share.count, bo.within.share.total) == (7, 8)
    assert isinstance(bo.within.kappa, Kappa)
    assert bo.within.kappa.value < 1.0
    assert bo.effectiveness.grade is Grade.ACCEPTABLE  # a defect of another type is still rejected
    assert isinstance(found.between.share, ShownRate)
    assert (found.between.share.count, found.between.share.total) == (7, 8)
    assert MatrixCell(row="hole", answer="scratch", count=1) in found.matrix
    assert [(one.item.number, one.different) for one in found.disputed] == [(3, 1)]
    assert found.disputed[0].answers["bo"] == ("hole", "scratch")
    assert isinstance(found.between.by_category[NOT_A_DEFECT], Kappa)
    assert found.between.by_category[NOT_A_DEFECT].value == 1.0


def test_an_item_that_one_has_not_judged_counts_only_for_those_who_have() -> None:
    study = _study()
    given = [one for one in _answered(study) if (one.appraiser, one.item) != ("bo", 8)]
    found = study_results(study, given)
    anna, bo = found.appraisers[0], found.appraisers[1]
    assert [one.within.share.total for one in (anna, bo) if isinstance(one.within.share, ShownRate)] == [8, 7]
    assert isinstance(found.between.share, ShownRate)
    assert found.between.share.total == 7


def test_without_a_reference_nothing_is_said_of_it_and_people_are_compared() -> None:
    study = _study(items=_items([None] * 8))
    found = study_results(study, _answered(study, {("bo", 3, 2): "scratch"}))
    assert found.all_reference.kappa == NotMeasured(reason=NO_REFERENCE)
    assert found.appraisers[0].effectiveness.effective == NotMeasured(reason=NO_REFERENCE)
    assert isinstance(found.between.kappa, Kappa)
    assert MatrixCell(row="hole", answer="scratch", count=1) in found.matrix
    assert [one.item.number for one in found.disputed] == [3]


def test_a_study_that_nobody_judged_has_reasons_and_no_number() -> None:
    found = study_results(_study(), [])
    for one in found.appraisers:
        assert one.within.share == NotMeasured(reason=NO_ITEM)
        assert isinstance(one.within.kappa, NotMeasured)
        assert isinstance(one.seconds, NotMeasured)
    assert isinstance(found.between.kappa, NotMeasured)
    assert found.disputed == ()


def test_one_category_alone_is_no_agreement_beyond_chance() -> None:
    study = _study(items=_items(["hole"] * 4))
    given = [replace(one, answer="hole") for one in _answered(study)]
    assert study_results(study, given).between.kappa == NotMeasured(reason=ONE_CATEGORY)


def test_the_order_in_which_answers_came_does_not_matter() -> None:
    study = _study()
    given = _answered(study, {("bo", 3, 2): "scratch", ("anna", 5, 1): "hole"})
    assert study_results(study, given) == study_results(study, given[::-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 1}, "1 trials"),
        ({"people": ("anna",)}, "different people"),
        ({"people": ("anna", "anna")}, "different people"),
        ({"people": ("anna", "bo", "cy", "di")}, "different people"),
        ({"items": ()}, "numbered"),
        ({"people": ("anna", MODEL)}, "name of a detector"),
    ],
)
def test_a_study_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        _study(**changes)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e9])
def test_an_answer_that_took_no_possible_time_is_refused(seconds: float) -> None:
    with pytest.raises(BadDataError, match="cannot be"):
        replace(_answered(_study())[0], seconds=seconds)


def test_a_study_is_open_until_it_is_closed() -> None:
    assert _study().state is StudyState.OPEN
    assert _study(closed_by="anna", closed_at=NOON).state is StudyState.CLOSED


def test_remarks_say_what_the_items_cannot_show() -> None:
    assert [one.kind for one in remarks(_items(TRUTH * 7))] == []
    few = remarks(_items(TRUTH))
    assert [(one.kind, one.count, one.wanted, one.subject) for one in few] == [
        (RemarkKind.FEW_ITEMS, 8, 50, ""),
        (RemarkKind.FEW_OF_TYPE, 2, 5, "hole"),
        (RemarkKind.FEW_OF_TYPE, 2, 5, "scratch"),
    ]
    assert [one.kind for one in remarks(_items(["hole"] * 50))] == [RemarkKind.NO_GOOD]
    assert [one.kind for one in remarks(_items([""] * 50))] == [RemarkKind.NO_BAD]
    assert [one.kind for one in remarks(_items([None] * 50))] == [RemarkKind.NO_REFERENCE]
