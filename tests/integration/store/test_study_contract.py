"""What every catalog promises of studies; the same tests on the fake, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.domain.studies import Judgement, Study, StudyItem, StudyState
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError, StorageError
from inspect_pipeline.services.ports import Catalog
from inspect_pipeline.store.catalog import open_catalog
from tests.integration.store.records import BOX, NOON, a_coil, a_frame

TRUTH = ("Kratzer", "", None)


def a_study(name: str = "s1", *, line: str = "line-1", minutes: int = 0) -> Study:
    return Study(
        id=name,
        line=line,
        name="Mai 划痕",
        made_by="anna",
        made_at=NOON + timedelta(minutes=minutes),
        trials=2,
        seed=2**40,
        types=("Kratzer", "Loch"),
        items=tuple(
            StudyItem(number=n, frame=f"coil-1/{n - 1}", roi=BOX, reference=t) for n, t in enumerate(TRUTH, start=1)
        ),
        people=("anna", "bo"),
        models=("detector.line-1.default@3",),
    )


def an_answer(item: int = 1, *, trial: int = 1, appraiser: str = "anna", answer: str = "Loch") -> Judgement:
    return Judgement(study="s1", item=item, trial=trial, appraiser=appraiser, answer=answer, seconds=2.5, at=NOON)


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(number) for number in range(3)])
        unit.studies.add(a_study())
    return catalog


def test_a_study_is_made_once_on_frames_that_are_there_and_comes_back_newest_first(filled: Catalog) -> None:
    lost = replace(a_study("s2"), items=(StudyItem(number=1, frame="coil-9/0", roi=BOX, reference=None),))
    with pytest.raises(RefusedError, match="s1"), filled.transaction() as unit:
        unit.studies.add(a_study())
    with pytest.raises(StorageError, match="do not belong together"), filled.transaction() as unit:
        unit.studies.add(lost)
    with filled.transaction() as unit:
        unit.studies.add(a_study("s0", line="line-2", minutes=5))
    with filled.transaction() as unit:
        assert unit.studies.study("s1") == a_study()
        assert unit.studies.study("s2") is None
        assert [one.id for one in unit.studies.studies()] == ["s0", "s1"]
        assert [one.id for one in unit.studies.studies(line="line-1")] == ["s1"]


def test_answers_come_back_in_order_and_one_that_was_given_cannot_be_changed(filled: Catalog) -> None:
    given = [an_answer(2, answer=""), an_answer(1), an_answer(1, appraiser="bo"), an_answer(1, trial=2)]
    with filled.transaction() as unit:
        unit.studies.add_judgements("s1", given[:2])
        unit.studies.add_judgements("s1", given[2:])
    for again in (an_answer(), an_answer(answer="Kratzer")):
        with pytest.raises(RefusedError, match="cannot be changed"), filled.transaction() as unit:
            unit.studies.add_judgements("s1", [an_answer(3), again])
    with pytest.raises(StorageError, match="do not belong together"), filled.transaction() as unit:
        unit.studies.add_judgements("s1", [an_answer(9)])
    with pytest.raises(NotFoundError, match="s9"), filled.transaction() as unit:
        unit.studies.add_judgements("s9", [an_answer()])
    with pytest.raises(BadDataError, match="time zone"), filled.transaction() as unit:
        unit.studies.add_judgements("s1", [replace(an_answer(3), at=NOON.replace(tzinfo=None))])
    with filled.transaction() as unit:
        assert unit.studies.judgements("s1") == given
        assert unit.studies.judgements("s1", appraiser="bo") == [given[2]]
        assert unit.studies.judgements("s2") == []


def test_a_closed_study_takes_no_answer_and_is_closed_once(filled: Catalog) -> None:
    with filled.transaction() as unit:
        unit.studies.close("s1", by="carla", at=NOON)
    with filled.transaction() as unit:
        closed = unit.studies.study("s1")
        assert closed == replace(a_study(), closed_by="carla", closed_at=NOON)
        assert closed.state is StudyState.CLOSED
    with pytest.raises(RefusedError, match="carla"), filled.transaction() as unit:
        unit.studies.add_judgements("s1", [an_answer()])
    with pytest.raises(RefusedError, match="carla"), filled.transaction() as unit:
        unit.studies.close("s1", by="bo", at=NOON)
    with pytest.raises(NotFoundError, match="s9"), filled.transaction() as unit:
        unit.studies.close("s9", by="bo", at=NOON)


def test_the_trail_vouches_for_answers_without_telling_them(filled: Catalog) -> None:
    with filled.transaction() as unit:
        unit.studies.add_judgements("s1", [an_answer()])
        unit.studies.add_judgements("s1", [an_answer(2, appraiser="bo")])
    with filled.transaction() as unit:
        entries = unit.audit(action=AuditAction.STUDY_JUDGED)
        assert [(one.event.actor, one.event.subject) for one in entries] == [("anna", "study s1"), ("bo", "study s1")]
        assert "Loch" not in repr(entries)
        assert unit.audit_proof({}).faults == ()


def test_the_database_itself_refuses_to_change_an_answer(database_url: str) -> None:
    catalog = open_catalog(database_url)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(number) for number in range(3)])
        unit.studies.add(a_study())
        unit.studies.add_judgements("s1", [an_answer()])
    engine = sa.create_engine(database_url)
    for statement in ("UPDATE study_judgements SET answer = 'Kratzer'", "DELETE FROM study_judgements"):
        with pytest.raises(sa.exc.DatabaseError, match="never changed"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    engine.dispose()
    with catalog.transaction() as unit:
        assert unit.studies.judgements("s1") == [an_answer()]
    catalog.close()
