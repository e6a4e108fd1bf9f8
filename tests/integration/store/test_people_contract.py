"""What every book of people promises; the same tests on the fake, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inspect_pipeline.domain.accounts import Account, ApiToken, Session, Tries
from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.ports import Catalog
from tests.integration.store.records import NOON

HOUR = timedelta(hours=1)
ANNA = Account(name="Anna", role=Role.ADMIN, created_at=NOON, created_by="uid 0", password_hash="$argon2id$x")
BERT = Account(name="Bert", role=Role.OPERATOR, created_at=NOON, created_by="Anna", subject="https://id 42")
SESSION = Session(
    digest="d1",
    person="Anna",
    csrf="c",
    created_at=NOON,
    seen_at=NOON,
    expires_at=NOON + 12 * HOUR,
    address="10.0.0.7",
    browser="Firefox",
)
TOKEN = ApiToken(
    name="Press 1",
    digest="t1",
    owner="Anna",
    scopes=frozenset({Permission.SCORE, Permission.LOOK}),
    created_at=NOON,
    created_by="Anna",
    expires_at=NOON + 24 * HOUR,
)


@pytest.fixture
def peopled(catalog: Catalog) -> Catalog:
    """A catalog with Anna and Bert."""
    with catalog.transaction() as unit:
        unit.people.hold()
        assert unit.people.add_account(ANNA) is True
        assert unit.people.add_account(BERT) is True
    return catalog


def test_an_account_comes_back_as_it_was_whatever_the_case_of_its_name(peopled: Catalog) -> None:
    with peopled.transaction() as unit:
        assert unit.people.account("Anna") == unit.people.account("aNNA") == unit.people.account("ＡNNA") == ANNA
        assert unit.people.account("Carl") is None
        assert unit.people.account("a\0b") is None
        assert unit.people.account_of("https://id 42") == BERT
        assert unit.people.account_of("https://id 43") is None
        assert unit.people.accounts() == [ANNA, BERT]


def test_a_name_or_subject_that_is_taken_is_not_added_again(peopled: Catalog) -> None:
    with peopled.transaction() as unit:
        assert unit.people.add_account(replace(ANNA, name="ANNA", role=Role.OPERATOR)) is False
        assert unit.people.add_account(replace(BERT, name="Carl")) is False
        assert unit.people.accounts() == [ANNA, BERT]


def test_an_account_is_changed_and_one_that_is_not_there_is_not(peopled: Catalog) -> None:
    changed = replace(ANNA, role=Role.ENGINEER, active=False, password_hash=None)
    with peopled.transaction() as unit:
        unit.people.put_account(changed)
        assert unit.people.account("anna") == changed
    with pytest.raises(NotFoundError, match="Carl"), peopled.transaction() as unit:
        unit.people.put_account(replace(ANNA, name="Carl"))


def test_sessions_are_found_by_digest_seen_and_ended(peopled: Catalog) -> None:
    second = replace(SESSION, digest="d2", seen_at=NOON + HOUR)
    with peopled.transaction() as unit:
        unit.people.add_session(SESSION)
        unit.people.add_session(second)
        unit.people.add_session(replace(SESSION, digest="d3", person="Bert"))
        assert unit.people.session("d1") == SESSION
        assert unit.people.session("d9") is None
        assert unit.people.sessions("ANNA") == [second, SESSION]
        unit.people.see_session("d1", NOON + 2 * HOUR)
        assert unit.people.sessions("Anna") == [replace(SESSION, seen_at=NOON + 2 * HOUR), second]
        assert unit.people.end_session("d2") is True
        assert unit.people.end_session("d2") is False
        assert unit.people.end_sessions("anna") == 1
        assert unit.people.sessions("Anna") == []
        assert len(unit.people.sessions("Bert")) == 1


def test_sessions_that_are_over_are_forgotten(peopled: Catalog) -> None:
    with peopled.transaction() as unit:
        unit.people.add_session(SESSION)
        unit.people.add_session(replace(SESSION, digest="unseen", seen_at=NOON - HOUR))
        unit.people.add_session(replace(SESSION, digest="expired", expires_at=NOON))
        assert unit.people.forget_sessions(seen_before=NOON, expired_at=NOON) == 2
        assert unit.people.sessions("Anna") == [SESSION]


def test_a_token_is_found_by_digest_and_its_name_never_comes_twice(peopled: Catalog) -> None:
    revoked = replace(TOKEN, revoked_at=NOON + HOUR)
    with peopled.transaction() as unit:
        assert unit.people.add_token(TOKEN) is True
        assert unit.people.token("t1") == TOKEN
        assert unit.people.token("t2") is None
        unit.people.put_token(revoked)
        unit.people.use_token("t1", NOON + HOUR)
        assert unit.people.add_token(replace(TOKEN, name="PRESS 1", digest="t2")) is False
        assert unit.people.tokens() == [replace(revoked, used_at=NOON + HOUR)]
    with pytest.raises(NotFoundError, match="Press 2"), peopled.transaction() as unit:
        unit.people.put_token(replace(TOKEN, name="Press 2"))


def test_tries_are_set_dropped_and_forgotten_when_they_are_old_and_wait_no_longer(catalog: Catalog) -> None:
    old = Tries(key="old", failures=3, last_at=NOON - HOUR)
    waiting = Tries(key="waiting", failures=9, last_at=NOON - HOUR, blocked_until=NOON + HOUR)
    with catalog.transaction() as unit:
        for tries in (replace(old, failures=1), old, waiting, replace(old, key="new", last_at=NOON)):
            unit.people.put_tries(tries)
        assert unit.people.tries("old") == old
        assert unit.people.count_tries() == 3
        assert unit.people.forget_tries(NOON) == 1
        assert unit.people.tries("old") is None
        assert unit.people.tries("waiting") == waiting
        unit.people.drop_tries(["waiting", "new", "never there"])
        assert unit.people.count_tries() == 0


def test_the_trail_is_read_from_its_end(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        for number in range(5):
            action = AuditAction.SIGNED_IN if number % 2 else AuditAction.SIGNED_OUT
            unit.add_audit(AuditEvent(at=NOON, actor="Anna", action=action, subject=f"person {number}"))
        assert [one.seq for one in unit.latest_audit(before=None, limit=2)] == [5, 4]
        assert [one.seq for one in unit.latest_audit(before=4, limit=9)] == [3, 2, 1]
        assert [one.seq for one in unit.latest_audit(before=None, limit=9, action=AuditAction.SIGNED_IN)] == [4, 2]
        assert [one.seq for one in unit.latest_audit(before=None, limit=9, subject="person 2")] == [3]
