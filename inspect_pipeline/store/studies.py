"""Attribute agreement studies in SQL."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.studies import Judgement, Study, StudyItem
from inspect_pipeline.errors import NotFoundError, RefusedError
from inspect_pipeline.store import audit_rows
from inspect_pipeline.store.rows import Values, add_new
from inspect_pipeline.store.study_tables import StudyItemRow, StudyJudgementRow, StudyRow

_TABLE = StudyJudgementRow.__tablename__


class SqlStudies:
    """The studies of a transaction; ``writing`` gives its session with the write lock taken."""

    def __init__(self, session: Session, writing: Callable[[], Session]) -> None:
        self._session = session
        self._writing = writing

    def add(self, study: Study) -> None:
        """Add a study with its items. Raises RefusedError for an id that is there."""
        session = self._writing()
        values = {name: value for name, value in asdict(study).items() if name != "items"}
        values |= {name: list(values[name]) for name in ("types", "people", "models")}
        if not add_new(session, StudyRow, [values], key=["id"]):
            raise RefusedError(f"study {study.id} is there already; open it, or make another one")
        add_new(session, StudyItemRow, [_item_values(study.id, item) for item in study.items], key=["study", "number"])

    def study(self, study: str) -> Study | None:
        """Return the study or None."""
        row = self._session.get(StudyRow, study)
        return None if row is None else self._study(row)

    def studies(self, *, line: str | None = None) -> list[Study]:
        """Return the studies, newest first."""
        query = select(StudyRow).order_by(StudyRow.made_at.desc(), StudyRow.id)
        if line is not None:
            query = query.where(StudyRow.line == line)
        return [self._study(row) for row in self._session.scalars(query)]

    def close(self, study: str, *, by: str, at: datetime) -> None:
        """Close the study. Raises NotFoundError, or RefusedError for one that is closed."""
        session = self._writing()
        audit_rows.take_turn(session)
        self._open(session, study)
        session.execute(update(StudyRow).where(StudyRow.id == study).values(closed_by=by, closed_at=at))

    def add_judgements(self, study: str, judgements: Sequence[Judgement]) -> None:
        """Append answers and the entry of the trail that vouches for them, which does not tell them.

        Raises NotFoundError, and RefusedError when the study is closed or one of them was given before: an answer that
        was given cannot be changed.
        """
        session = self._writing()
        before = audit_rows.last_number(session, _TABLE)
        self._open(session, study)
        new = add_new(
            session,
            StudyJudgementRow,
            [asdict(each) for each in judgements],
            key=["study", "item", "trial", "appraiser"],
        )
        if new != len(judgements):
            raise RefusedError("this item was judged on this trial before, and an answer cannot be changed; go on")
        if new:
            people = ", ".join(sorted({each.appraiser for each in judgements}))
            at = max(each.at for each in judgements)
            event = AuditEvent(at=at, actor=people, action=AuditAction.STUDY_JUDGED, subject=f"study {study}")
            audit_rows.append_sealed(session, event, table=_TABLE, after=before)

    def judgements(self, study: str, *, appraiser: str | None = None) -> list[Judgement]:
        """Return the answers given in a study, or those of one appraiser, in the order they were given."""
        query = select(StudyJudgementRow).where(StudyJudgementRow.study == study).order_by(StudyJudgementRow.seq)
        if appraiser is not None:
            query = query.where(StudyJudgementRow.appraiser == appraiser)
        return [_judgement(row) for row in self._session.scalars(query)]

    def _open(self, session: Session, study: str) -> None:
        row = session.get(StudyRow, study, populate_existing=True)
        if row is None:
            raise NotFoundError(f"there is no study {study}")
        if row.closed_at is not None:
            raise RefusedError(f"study {row.name!r} was closed by {row.closed_by}; it takes no more answers")

    def _study(self, row: StudyRow) -> Study:
        query = select(StudyItemRow).where(StudyItemRow.study == row.id).order_by(StudyItemRow.number)
        return Study(
            id=row.id,
            line=row.line,
            name=row.name,
            made_by=row.made_by,
            made_at=row.made_at,
            trials=row.trials,
            seed=row.seed,
            types=tuple(row.types),
            items=tuple(_item(each) for each in self._session.scalars(query)),
            people=tuple(row.people),
            models=tuple(row.models),
            closed_by=row.closed_by,
            closed_at=row.closed_at,
        )


def _item_values(study: str, item: StudyItem) -> Values:
    return {
        "study": study,
        "number": item.number,
        "frame": item.frame,
        **asdict(item.roi),
        "reference": item.reference,
    }


def _item(row: StudyItemRow) -> StudyItem:
    roi = Roi(top=row.top, left=row.left, bottom=row.bottom, right=row.right)
    return StudyItem(number=row.number, frame=row.frame, roi=roi, reference=row.reference)


def _judgement(row: StudyJudgementRow) -> Judgement:
    return Judgement(
        study=row.study,
        item=row.item,
        trial=row.trial,
        appraiser=row.appraiser,
        answer=row.answer,
        seconds=row.seconds,
        at=row.at,
    )
