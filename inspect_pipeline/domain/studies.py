"""An attribute agreement study: the items, who judges them, and what was answered; answers are only ever appended."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError

NOT_A_DEFECT = ""
"""The answer that a region is no defect; every other answer is the name of a type (or unknown, of a detector)."""

WANTED_ITEMS = 50
TRIALS, PEOPLE = (2, 3), (2, 3)
_FEWEST_OF_TYPE = 5
_LONGEST_S = 24 * 3600.0


class StudyState(StrEnum):
    """An open study takes answers and shows nothing; a closed one shows all and takes none."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyItem:
    """One region to judge; ``reference`` is what it is taken to be (None: the study has no reference)."""

    number: int
    frame: str
    roi: Roi
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study of a line: its items by number from 1, the answers offered, the people asked, the detectors beside them.

    ``models`` are versions as ``name@version``. Raises BadDataError for other numbers of trials or people, or no item.
    """

    id: str
    line: str
    name: str
    made_by: str
    made_at: datetime
    trials: int
    seed: int
    types: tuple[str, ...]
    items: tuple[StudyItem, ...]
    people: tuple[str, ...]
    models: tuple[str, ...] = ()
    closed_by: str | None = None
    closed_at: datetime | None = None

    def __post_init__(self) -> None:
        people = len(set(self.people))
        if not TRIALS[0] <= self.trials <= TRIALS[1]:
            raise BadDataError(f"study {self.name!r}: {self.trials} trials; give {TRIALS[0]} or {TRIALS[1]}")
        if people != len(self.people) or not PEOPLE[0] <= people <= PEOPLE[1]:
            raise BadDataError(
                f"study {self.name!r}: appraisers {', '.join(self.people) or 'none'}; name {PEOPLE[0]} or {PEOPLE[1]} "
                "different people"
            )
        if [item.number for item in self.items] != list(range(1, len(self.items) + 1)) or not self.items:
            raise BadDataError(f"study {self.name!r}: its {len(self.items)} items are not numbered from 1 on")
        if set(self.people) & set(self.models):
            raise BadDataError(f"study {self.name!r}: a person has the name of a detector")

    @property
    def state(self) -> StudyState:
        """Whether answers are still taken."""
        return StudyState.OPEN if self.closed_at is None else StudyState.CLOSED

    @property
    def has_reference(self) -> bool:
        """Whether it is known what the items are."""
        return any(item.reference is not None for item in self.items)

    @property
    def appraisers(self) -> tuple[str, ...]:
        """The people, then the detectors."""
        return self.people + self.models


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What an appraiser called an item on a trial (from 1), and how many seconds they looked."""

    study: str
    item: int
    trial: int
    appraiser: str
    answer: str
    seconds: float
    at: datetime

    def __post_init__(self) -> None:
        if not (math.isfinite(self.seconds) and 0.0 <= self.seconds <= _LONGEST_S):
            raise BadDataError(f"an answer took {self.seconds} seconds, which cannot be; give 0 to {_LONGEST_S:.0f}")


class RemarkKind(StrEnum):
    """What is to be known of a study before one trusts it."""

    FEW_ITEMS = "few_items"
    NO_GOOD = "no_good"
    NO_BAD = "no_bad"
    FEW_OF_TYPE = "few_of_type"
    NO_REFERENCE = "no_reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRemark:
    """A remark with its count, what was wanted, and the type that it is about."""

    kind: RemarkKind
    count: int = 0
    wanted: int = 0
    subject: str = ""


def remarks(items: Sequence[StudyItem]) -> list[StudyRemark]:
    """Return what speaks against a study of these items: AIAG asks for about 50, good, bad and marginal ones."""
    found = []
    if len(items) < WANTED_ITEMS:
        found.append(StudyRemark(kind=RemarkKind.FEW_ITEMS, count=len(items), wanted=WANTED_ITEMS))
    known = [item.reference for item in items if item.reference is not None]
    if not known:
        return [*found, StudyRemark(kind=RemarkKind.NO_REFERENCE)]
    if NOT_A_DEFECT not in known:
        found.append(StudyRemark(kind=RemarkKind.NO_GOOD))
    if all(one == NOT_A_DEFECT for one in known):
        found.append(StudyRemark(kind=RemarkKind.NO_BAD))
    for name in sorted(set(known) - {NOT_A_DEFECT}):
        if known.count(name) < _FEWEST_OF_TYPE:
            few = StudyRemark(
                kind=RemarkKind.FEW_OF_TYPE, count=known.count(name), wanted=_FEWEST_OF_TYPE, subject=name
            )
            found.append(few)
    return found


Answers = dict[tuple[str, int, int], str]
"""What was answered, by (appraiser, item, trial)."""


def answers_of(judgements: Iterable[Judgement]) -> Answers:
    """Return the answers by appraiser, item and trial."""
    return {(each.appraiser, each.item, each.trial): each.answer for each in judgements}
