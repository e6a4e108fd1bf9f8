"""Many at once: tries that come together count one by one, and two admins cannot remove each other."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from inspect_pipeline.domain.people import Role
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.accounts import Accounts
from inspect_pipeline.services.password_hashing import Argon2Passwords
from inspect_pipeline.services.security_settings import HashSettings, LockoutSettings, SessionSettings
from inspect_pipeline.services.signing_in import SigningIn, TooManyTriesError, Visit, WrongSignInError
from inspect_pipeline.store.catalog import SqlCatalog, open_catalog
from tests.integration.store.records import NOON

MANY = 12
WORDS = "three quiet rollers"


def people_of(catalog: SqlCatalog) -> Accounts:
    passwords = Argon2Passwords(HashSettings(memory_kib=8, passes=1, lanes=1, at_once=MANY))
    return Accounts(catalog=catalog, passwords=passwords, clock=lambda: NOON)


def at_once(works: list[Callable[[], str]]) -> Counter[str]:
    """Run the works at the same moment and count what they say."""
    ready = Barrier(len(works))

    def one(work: Callable[[], str]) -> str:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(one, works))


def test_tries_at_the_same_moment_count_one_by_one(database_url: str) -> None:
    catalog = open_catalog(database_url)
    accounts = people_of(catalog)
    accounts.add("Anna", Role.ADMIN, WORDS, by="uid 0")
    signing_in = SigningIn(
        catalog=catalog,
        passwords=accounts.passwords,
        accounts=accounts,
        clock=lambda: NOON,
        new_secret=lambda: "never used",
        lockout=LockoutSettings(),
        limits=SessionSettings(),
    )

    def guess() -> str:
        with pytest.raises((WrongSignInError, TooManyTriesError)) as caught:
            signing_in.sign_in("Anna", "wrong wrong wrong", Visit(address="10.0.0.7"))
        return type(caught.value).__name__

    assert at_once([guess] * MANY) == {"WrongSignInError": 5, "TooManyTriesError": MANY - 5}
    catalog.close()


def test_of_two_admins_who_remove_each_other_one_stays(database_url: str) -> None:
    catalog = open_catalog(database_url)
    accounts = people_of(catalog)
    for name in ("Anna", "Bert"):
        accounts.add(name, Role.ADMIN, WORDS, by="uid 0")

    def remove(name: str, by: str) -> str:
        try:
            accounts.set_role(name, Role.OPERATOR, by=by)
        except RefusedError as error:
            return str(error).partition(" is ")[2]
        return "removed"

    told = at_once([lambda: remove("Anna", "Bert"), lambda: remove("Bert", "Anna")])
    assert told == {"removed": 1, "the last active admin; make another one first": 1}
    assert accounts.has_admin()
    catalog.close()
