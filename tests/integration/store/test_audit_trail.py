"""The audit trail on real databases: fixed rows, nothing lost between writers, and no tampering that goes unseen."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.in_force import MoveKind, PendingMove
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.domain.taxonomy import LifeCycle, TypeMove
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.ports import Catalog
from inspect_pipeline.store.catalog import SqlCatalog, open_catalog
from tests.integration.store.processes import at_once
from tests.integration.store.records import a_coil, a_frame, a_label

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
MODEL = "detector.line-1.default"


def promotion(number: int) -> Promotion:
    return Promotion(
        model=MODEL, from_version=None, to_version=str(number), operator="operator-7", reason="better", at=NOON
    )


def fill(catalog: Catalog) -> None:
    """Two batches of labels, a step of a type, two promotions and a changed setting."""
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(0)])
    for batch in ("a", "b"):
        with catalog.transaction() as unit:
            unit.add_labels([a_label(f"{batch}-{number}") for number in range(3)])
    step = TypeMove(
        line="line-1",
        defect_type="scratch",
        before=None,
        after=LifeCycle.PROVISIONAL,
        operator="operator-7",
        reason="taught",
        at=NOON,
    )
    with catalog.transaction() as unit:
        unit.add_type_move(step)
        unit.add_promotion(promotion(1))
        unit.add_promotion(promotion(2))
        unit.add_audit(AuditEvent(at=NOON, actor="files", action=AuditAction.SETTINGS, subject="recipe r", after="x"))


def test_labels_steps_and_promotions_bring_their_entry_along_and_the_trail_is_intact(catalog: Catalog) -> None:
    fill(catalog)
    with catalog.transaction() as unit:
        assert unit.add_labels([a_label("a-0")]) == 0  # nothing new, nothing to tell
        trail = unit.audit()
        assert unit.audit_proof({trail[-1].seq: trail[-1].digest}).faults == ()
        assert [entry.seq for entry in unit.audit(after=2, limit=2)] == [3, 4]
        assert [entry.event.after for entry in unit.audit(subject=MODEL, action=AuditAction.PROMOTED)] == ["1", "2"]
    labelled, moved, promoted = AuditAction.LABELLED, AuditAction.TYPE_MOVED, AuditAction.PROMOTED
    assert [entry.event.action for entry in trail] == [
        labelled,
        labelled,
        moved,
        promoted,
        promoted,
        AuditAction.SETTINGS,
    ]
    assert trail[0].event.detail["rows"] == "3"


def test_a_change_under_way_is_noted_once_a_model_and_says_what_is_on_record(catalog: Catalog) -> None:
    move = PendingMove(
        model=MODEL,
        kind=MoveKind.PROMOTED,
        from_version="1",
        to_version="2",
        previous_before=None,
        challenger_before="2",
        operator="operator-7",
        reason="better",
        at=NOON,
    )
    with catalog.transaction() as unit:
        unit.add_promotion(promotion(1))
        unit.begin_move(move)
    with pytest.raises(RefusedError, match="is under way"), catalog.transaction() as unit:
        unit.begin_move(move)
    with catalog.transaction() as unit:
        assert unit.pending_moves() == [move]
        standing = unit.standing(MODEL)
        assert (standing.recorded, standing.pending) == ("1", move)
        assert [standing.agrees(alias) for alias in ("1", "2", "3", None)] == [True, True, False, False]
        unit.end_move(MODEL)
        assert unit.pending_moves() == []
        assert unit.standing("detector.other").recorded is None


def test_a_turn_is_held_by_one_and_given_back(catalog: Catalog) -> None:
    with catalog.turn("in force d") as ours, catalog.turn("in force d") as again, catalog.turn("in force e") as other:
        assert (ours, again, other) == (True, False, True)
    with catalog.turn("in force d") as ours:
        assert ours


@pytest.mark.parametrize("statement", ["UPDATE audit_trail SET reason = 'forged'", "DELETE FROM audit_trail"])
def test_the_database_itself_refuses_to_change_an_entry(database_url: str, statement: str) -> None:
    catalog = open_catalog(database_url)
    fill(catalog)
    catalog.close()
    engine = sa.create_engine(database_url)
    with pytest.raises(sa.exc.DBAPIError, match="entries of the audit trail are never changed"), engine.begin() as raw:
        raw.execute(sa.text(statement))
    engine.dispose()


def unlocked(raw: sa.Connection) -> None:
    """Take the triggers away, as one could who owns the database."""
    if raw.dialect.name == "postgresql":
        raw.execute(sa.text("ALTER TABLE audit_trail DISABLE TRIGGER ALL"))
    else:
        raw.execute(sa.text("DROP TRIGGER audit_trail_no_update"))
        raw.execute(sa.text("DROP TRIGGER audit_trail_no_delete"))


COPY = "INSERT INTO promotions (model, to_version, operator, reason, at) SELECT model, to_version, operator, reason, at FROM promotions WHERE seq = 1"  # noqa: E501
TAMPERED = {
    "an entry's text": ("UPDATE audit_trail SET reason = 'forged' WHERE seq = 4", "changed after it was written"),
    "an entry removed": ("DELETE FROM audit_trail WHERE seq = 2", "entries 2 to 2 are missing"),
    "the end cut off": ("DELETE FROM audit_trail WHERE seq > 4", "its end was cut"),
    "all of it removed": ("DELETE FROM audit_trail", "its end was cut"),
    "a label changed": ("UPDATE labels SET defect_type = 'stain' WHERE id = 'b-1'", "of labels are no longer the 3"),
    "a label removed": ("DELETE FROM labels WHERE id = 'a-2'", "of labels are no longer the 3"),
    "a promotion changed": ("UPDATE promotions SET operator = 'x' WHERE seq = 2", "of promotions are no longer the 1"),
    "a promotion put in": (COPY, "1 rows of promotions from 1 on were put in past the trail"),
    "a step removed": ("DELETE FROM type_moves", "of type_moves are no longer the 1"),
}


@pytest.mark.parametrize(("statement", "found"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_by_one_who_owns_the_database_is_found(database_url: str, statement: str, found: str) -> None:
    catalog = open_catalog(database_url)
    fill(catalog)
    with catalog.transaction() as unit:
        last = unit.audit()[-1]
        assert unit.audit_proof({last.seq: last.digest}).faults == ()
    engine = sa.create_engine(database_url)
    with engine.begin() as raw:
        unlocked(raw)
        raw.execute(sa.text(statement))
    engine.dispose()
    with catalog.transaction() as unit:
        faults = [fault.what for fault in unit.audit_proof({last.seq: last.digest}).faults]
    catalog.close()
    assert any(found in fault for fault in faults), faults


def _append(url: str, number: int) -> int:
    catalog = open_catalog(url)
    for each in range(12):
        with catalog.transaction() as unit:
            unit.add_labels([a_label(f"{number}-{each}")])
        with catalog.transaction() as unit:
            unit.add_promotion(promotion(each))
    catalog.close()
    return number


def test_four_processes_that_write_at_once_leave_one_unbroken_trail(database_url: str) -> None:
    catalog: SqlCatalog = open_catalog(database_url)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(0)])
    assert at_once(4, _append, database_url) == [0, 1, 2, 3]
    with catalog.transaction() as unit:
        assert len(unit.audit()) == 4 * 24
        assert unit.audit_proof({}).faults == ()
    catalog.close()
