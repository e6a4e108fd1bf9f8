"""The studies of the catalog in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditEvent
from inspect_pipeline.domain.studies import Judgement, Study, StudyState
from inspect_pipeline.errors import NotFoundError, RefusedError, StorageError


@dataclass(slots=True, kw_only=True)
class StudiesState:
    """What is kept: the studies by id, their answers in order."""

    studies: dict[str, Study] = field(default_factory=dict)
    judgements: list[Judgement] = field(default_factory=list)

    def __copy__(self) -> "StudiesState":
        return StudiesState(studies=dict(self.studies), judgements=list(self.judgements))


class InMemoryStudies:
    """The studies of one transaction in memory."""

    def __init__(
        self, state: StudiesState, *, has_frame: Callable[[str], bool], audit: Callable[[AuditEvent], AuditEntry]
    ) -> None:
        self._state = state
        self._has_frame = has_frame
        self._audit = audit

    def add(self, study: Study) -> None:
        if study.id in self._state.studies:
            raise RefusedError(f"study {study.id} is there already; open it, or make another one")
        if not all(self._has_frame(item.frame) for item in study.items):
            raise StorageError("the catalog refused rows that do not belong together: an item is on no known frame")
        self._state.studies[study.id] = study

    def study(self, study: str) -> Study | None:
        return self._state.studies.get(study)

    def studies(self, *, line: str | None = None) -> list[Study]:
        chosen = sorted((one for one in self._state.studies.values() if line in (None, one.line)), key=lambda s: s.id)
        return sorted(chosen, key=lambda one: one.made_at, reverse=True)

    def close(self, study: str, *, by: str, at: datetime) -> None:
        self._state.studies[study] = replace(self._open(study), closed_by=by, closed_at=at)

    def add_judgements(self, study: str, judgements: Sequence[Judgement]) -> None:
        self._open(study)
        given = {(one.study, one.item, one.trial, one.appraiser) for one in self._state.judgements}
        for one in judgements:
            key = (one.study, one.item, one.trial, one.appraiser)
            if key in given:
                raise RefusedError("this item was judged on this trial before, and an answer cannot be changed; go on")
            if one.item not in {item.number for item in self._state.studies[study].items}:
                raise StorageError("the catalog refused rows that do not belong together: there is no such item")
            given.add(key)
            self._state.judgements.append(one)
        if judgements:
            people = ", ".join(sorted({one.appraiser for one in judgements}))
            at = max(one.at for one in judgements)
            event = AuditEvent(at=at, actor=people, action=AuditAction.STUDY_JUDGED, subject=f"study {study}")
            detail = {"table": "study_judgements", "rows": str(len(judgements))}
            self._audit(replace(event, detail=detail))

    def judgements(self, study: str, *, appraiser: str | None = None) -> list[Judgement]:
        return [one for one in self._state.judgements if one.study == study and appraiser in (None, one.appraiser)]

    def _open(self, study: str) -> Study:
        found = self._state.studies.get(study)
        if found is None:
            raise NotFoundError(f"there is no study {study}")
        if found.state is StudyState.CLOSED:
            raise RefusedError(f"study {found.name!r} was closed by {found.closed_by}; it takes no more answers")
        return found
