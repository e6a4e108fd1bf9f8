"""The chain of the audit trail: nothing in it can be changed, removed, inserted or cut off unseen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.audit import (
    GENESIS,
    AuditAction,
    AuditEntry,
    AuditEvent,
    anchor_of,
    anchor_text,
    chain_faults,
    entry_after,
)
from inspect_pipeline.errors import BadDataError

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
EVENTS = st.builds(
    AuditEvent,
    at=st.datetimes(timezones=st.just(UTC)),
    actor=st.text(min_size=1).filter(str.strip),
    action=st.sampled_from(AuditAction),
    subject=st.text(),
    before=st.none() | st.text(),
    after=st.none() | st.text(),
    reason=st.text(),
    detail=st.dictionaries(st.text(), st.text(), max_size=2),
)


def trail_of(events: list[AuditEvent]) -> list[AuditEntry]:
    trail: list[AuditEntry] = []
    for event in events:
        trail.append(entry_after(trail[-1] if trail else None, event))
    return trail


def event(number: int) -> AuditEvent:
    return AuditEvent(at=NOON, actor="operator-7", action=AuditAction.PROMOTED, subject="d", after=str(number))


def faults(trail: list[AuditEntry], **anchors: str) -> list[tuple[int, str]]:
    seen = {int(name[1:]): digest for name, digest in anchors.items()}
    return [(fault.seq, fault.what) for fault in chain_faults(trail, anchors=seen)]


@given(st.lists(EVENTS, max_size=6))
def test_a_trail_as_written_has_no_fault(events: list[AuditEvent]) -> None:
    trail = trail_of(events)
    assert faults(trail) == []
    assert [entry.seq for entry in trail] == list(range(1, len(events) + 1))
    assert [entry.previous for entry in trail] == [GENESIS, *(entry.digest for entry in trail[:-1])][: len(trail)]


@given(st.lists(EVENTS, min_size=2, max_size=6), st.data())
def test_a_change_of_any_field_of_any_entry_is_found_there(events: list[AuditEvent], data: st.DataObject) -> None:
    trail = trail_of(events)
    at = data.draw(st.integers(0, len(trail) - 1))
    other = data.draw(EVENTS.filter(lambda one: one != trail[at].event))
    forged = [*trail[:at], replace(trail[at], event=other), *trail[at + 1 :]]
    assert (at + 1, "its text was changed after it was written") in faults(forged)


@given(st.lists(EVENTS, min_size=3, max_size=6), st.data())
def test_an_entry_forged_with_a_fitting_digest_is_found_at_the_next(
    events: list[AuditEvent], data: st.DataObject
) -> None:
    trail = trail_of(events)
    at = data.draw(st.integers(0, len(trail) - 2))
    other = data.draw(EVENTS.filter(lambda one: one != trail[at].event))
    forged = entry_after(trail[at - 1] if at else None, other)
    assert [seq for seq, _ in faults([*trail[:at], forged, *trail[at + 1 :]])] == [at + 2]


def test_a_removed_entry_is_missed_by_its_number() -> None:
    trail = trail_of([event(number) for number in range(5)])
    assert faults([*trail[:2], *trail[3:]]) == [(4, "entries 3 to 3 are missing")]


def test_a_trail_cut_at_its_end_or_written_anew_is_found_by_an_anchor_kept_elsewhere() -> None:
    trail = trail_of([event(number) for number in range(4)])
    seq, digest = anchor_of(anchor_text(trail[3]))
    assert seq == 4
    assert faults(trail[:3]) == []
    [cut] = faults(trail[:3], _4=digest)
    assert cut[0] == 4
    assert "its end was cut" in cut[1]
    [anew] = faults(trail_of([event(number + 10) for number in range(4)]), _4=digest)
    assert anew == (4, "the model registry remembers another entry in its place")


def test_a_moment_is_the_same_in_every_time_zone() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=8)))
    assert entry_after(None, replace(event(1), at=east)).digest == entry_after(None, event(1)).digest


@pytest.mark.parametrize("text", ["", "4", "4:abc", f"x:{'0' * 64}", f"-1:{'0' * 64}"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(BadDataError, match="is no SEQ:DIGEST"):
        anchor_of(text)


def test_nobody_and_no_time_zone_are_refused() -> None:
    with pytest.raises(BadDataError, match="nobody is named"):
        replace(event(1), actor=" ")
    with pytest.raises(BadDataError, match="has no time zone"):
        replace(event(1), at=NOON.replace(tzinfo=None))
