"""What a closed study says: each appraiser with themselves, with the others, and with the reference.

A figure counts the items that all who are compared in it judged on every trial; where there is none it says why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from inspect_pipeline.domain.agreement import (
    ONE_RATER,
    MeasuredKappa,
    cohen_by_category,
    cohen_kappa,
    fleiss_by_category,
    fleiss_kappa,
)
from inspect_pipeline.domain.effectiveness import (
    NO_ITEM,
    NO_REFERENCE,
    Effectiveness,
    KappaGrade,
    clustered_rate,
    effectiveness,
    kappa_grade,
)
from inspect_pipeline.domain.figures import MeasuredRate, NotMeasured
from inspect_pipeline.domain.studies import NOT_A_DEFECT, Answers, Judgement, Study, StudyItem, answers_of

_MEDIAN_OF_NONE = NotMeasured(reason=NO_ITEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far some appraisers agree: the share of items on which all answers are one, and kappa with its grade."""

    share: MeasuredRate
    kappa: MeasuredKappa
    grade: KappaGrade
    by_category: Mapping[str, MeasuredKappa]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppraiserResult:
    """One appraiser: with themselves over the trials, and against the reference; the median seconds of an answer."""

    appraiser: str
    is_model: bool
    within: Agreement
    reference: Agreement
    effectiveness: Effectiveness
    seconds: float | NotMeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """Two appraisers with each other, trial by trial."""

    first: str
    second: str
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What was answered on an item, by appraiser on each trial (None: no answer), and how many answers were unlike."""

    item: StudyItem
    answers: Mapping[str, tuple[str | None, ...]]
    different: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """How often people answered ``answer`` where ``row`` was the reference, or another's answer without one."""

    row: str
    answer: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """All that a study says. ``between`` are the people, ``between_all`` people and detectors.

    ``matrix`` has the cells that are not 0, by row and answer; ``every_item`` all items by number.
    """

    study: Study
    judged: int
    expected: int
    appraisers: tuple[AppraiserResult, ...]
    between: Agreement
    between_all: Agreement
    pairs: tuple[PairResult, ...]
    all_reference: Agreement
    categories: tuple[str, ...]
    matrix: tuple[MatrixCell, ...]
    every_item: tuple[ItemResult, ...]

    @property
    def disputed(self) -> tuple[ItemResult, ...]:
        """The items that not all people call the same, or not as the reference does, the most disputed first."""
        chosen = [one for one in self.every_item if one.different]
        return tuple(sorted(chosen, key=lambda one: (-one.different, one.item.number)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A study with its answers."""

    study: Study
    answers: Answers

    def whole(self, appraisers: Sequence[str], *, referenced: bool = False) -> list[StudyItem]:
        """Return the items that all of them judged on every trial, with ``referenced`` those of a known reference."""
        trials = range(1, self.study.trials + 1)
        return [
            item
            for item in self.study.items
            if (not referenced or item.reference is not None)
            and all((who, item.number, trial) in self.answers for who in appraisers for trial in trials)
        ]

    def rows(self, appraisers: Sequence[str], items: Sequence[StudyItem]) -> tuple[list[list[str]], list[int]]:
        """Return for each trial of each item what the appraisers answered, and the item's number."""
        pairs = [(item.number, trial) for item in items for trial in range(1, self.study.trials + 1)]
        rows = [[self.answers[who, item, trial] for who in appraisers] for item, trial in pairs]
        return rows, [item for item, _ in pairs]

    def on_item(self, who: str, item: int) -> list[str]:
        return [self.answers[who, item, trial] for trial in range(1, self.study.trials + 1)]


def study_results(study: Study, judgements: Sequence[Judgement]) -> StudyResults:
    """Return what the answers say; the same answers give the same figures, in whatever order they were given."""
    asked = _Asked(study=study, answers=answers_of(judgements))
    people, everybody = study.people, study.appraisers
    return StudyResults(
        study=study,
        judged=len(asked.answers),
        expected=len(everybody) * len(study.items) * study.trials,
        appraisers=tuple(_appraiser(asked, who, judgements) for who in everybody),
        between=_between(asked, people),
        between_all=_between(asked, everybody),
        pairs=tuple(PairResult(first=a, second=b, agreement=_pair(asked, a, b)) for a, b in combinations(everybody, 2)),
        all_reference=_against(asked, people),
        categories=_categories(asked),
        matrix=tuple(
            MatrixCell(row=row, answer=answer, count=count) for (row, answer), count in sorted(_matrix(asked).items())
        ),
        every_item=tuple(_item(asked, item) for item in study.items),
    )


def _appraiser(asked: _Asked, who: str, judgements: Sequence[Judgement]) -> AppraiserResult:
    study = asked.study
    bad = {item.number: item.reference != NOT_A_DEFECT for item in study.items if item.reference is not None}
    decisions = {
        item.number: [answer != NOT_A_DEFECT for answer in asked.on_item(who, item.number)]
        for item in asked.whole([who])
    }
    took = sorted(each.seconds for each in judgements if each.appraiser == who)
    is_model = who in study.models
    return AppraiserResult(
        appraiser=who,
        is_model=is_model,
        within=_within(asked, who),
        reference=_against(asked, [who]),
        effectiveness=effectiveness(decisions, bad),
        seconds=took[len(took) // 2] if took and not is_model else _MEDIAN_OF_NONE,
    )


def _within(asked: _Asked, who: str) -> Agreement:
    """Return how far the appraiser's trials agree: the trials are the raters."""
    items = asked.whole([who])
    rows = [asked.on_item(who, item.number) for item in items]
    return _agreement([_one(row) for row in rows], fleiss_kappa(rows), fleiss_by_category(rows))


def _between(asked: _Asked, appraisers: Sequence[str]) -> Agreement:
    """Return how far appraisers agree on a trial; their share counts items of which all answers are one."""
    items = asked.whole(appraisers)
    rows, numbers = asked.rows(appraisers, items)
    if len(appraisers) < 2:
        alone = NotMeasured(reason=ONE_RATER)
        return Agreement(share=alone, kappa=alone, grade=KappaGrade.NOT_MEASURED, by_category={})
    whole = [_one([each for who in appraisers for each in asked.on_item(who, item.number)]) for item in items]
    return _agreement(whole, fleiss_kappa(rows, items=numbers), fleiss_by_category(rows, items=numbers))


def _pair(asked: _Asked, first: str, second: str) -> Agreement:
    items = asked.whole([first, second])
    rows, numbers = asked.rows([first, second], items)
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    whole = [_one(asked.on_item(first, item.number) + asked.on_item(second, item.number)) for item in items]
    return _agreement(whole, cohen_kappa(a, b, items=numbers), cohen_by_category(a, b, items=numbers))


def _against(asked: _Asked, appraisers: Sequence[str]) -> Agreement:
    """Return how far appraisers agree with the reference, every answer of each against it."""
    if not asked.study.has_reference:
        none = NotMeasured(reason=NO_REFERENCE)
        return Agreement(share=none, kappa=none, grade=KappaGrade.NOT_MEASURED, by_category={})
    given, truth, numbers, whole = [], [], [], []
    for item in asked.whole(appraisers, referenced=True):
        own = [answer for who in appraisers for answer in asked.on_item(who, item.number)]
        given += own
        truth += [item.reference or NOT_A_DEFECT] * len(own)
        numbers += [item.number] * len(own)
        whole.append(_one([*own, item.reference or NOT_A_DEFECT]))
    return _agreement(whole, cohen_kappa(truth, given, items=numbers), cohen_by_category(truth, given, items=numbers))


def _agreement(whole: Sequence[bool], kappa: MeasuredKappa, by_category: Mapping[str, MeasuredKappa]) -> Agreement:
    share = clustered_rate([[each] for each in whole], NO_ITEM)
    return Agreement(share=share, kappa=kappa, grade=kappa_grade(kappa), by_category=by_category)


def _one(answers: Sequence[str]) -> bool:
    return len(set(answers)) == 1


def _categories(asked: _Asked) -> tuple[str, ...]:
    """Return every answer that was offered, given or expected: no defect first, then the types by name."""
    names = {*asked.study.types, *asked.answers.values()}
    names |= {item.reference for item in asked.study.items if item.reference is not None}
    return (NOT_A_DEFECT, *sorted(names - {NOT_A_DEFECT}))


def _matrix(asked: _Asked) -> Counter[tuple[str, str]]:
    """Return how often each answer of a person met each reference; without a reference, each pair of people."""
    found: Counter[tuple[str, str]] = Counter()
    references = {item.number: item.reference for item in asked.study.items}
    people = set(asked.study.people)
    if asked.study.has_reference:
        for (who, item, _), answer in asked.answers.items():
            reference = references[item]
            if who in people and reference is not None:
                found[reference, answer] += 1
        return found
    for first, second in combinations(asked.study.people, 2):
        for (who, item, trial), answer in asked.answers.items():
            other = asked.answers.get((second, item, trial))
            if who == first and other is not None:
                found[answer, other] += 1
    return found


def _item(asked: _Asked, item: StudyItem) -> ItemResult:
    """Return an item's answers; ``different`` counts those of people that are not the reference, or the usual one."""
    trials = range(1, asked.study.trials + 1)
    answers = {
        who: tuple(asked.answers.get((who, item.number, trial)) for trial in trials) for who in asked.study.appraisers
    }
    given = [one for who in asked.study.people for one in answers[who] if one is not None]
    usual = item.reference if item.reference is not None else (Counter(sorted(given)).most_common(1) or [("", 0)])[0][0]
    return ItemResult(item=item, answers=answers, different=sum(one != usual for one in given))
