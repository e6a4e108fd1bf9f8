"""People, sessions, tokens and waits: who gets in, for how long, and what is written of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inspect_pipeline.domain.accounts import WaitRule
from inspect_pipeline.domain.people import ALLOWED, Permission, Role, person
from inspect_pipeline.errors import BadDataError, NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.password_hashing import Argon2Passwords
from inspect_pipeline.services.security_settings import LockoutSettings, OidcSettings
from inspect_pipeline.services.signing_in import SignedIn, TooManyTriesError, Visit, WrongSignInError
from tests.unit.services.people import CHEAP, GOOD, HERE, Place

OTHER = "a lamp over green sheets"


@pytest.fixture
def place() -> Place:
    """A plant with the admin Anna."""
    return Place()


def failed(place: Place, name: str = "Anna", visit: Visit = HERE, password: str = "wrong horse battery") -> str:
    """Return the kind of error that a wrong password gives."""
    with pytest.raises((WrongSignInError, TooManyTriesError)) as caught:
        place.signing_in.sign_in(name, password, visit)
    return type(caught.value).__name__


# Accounts ------------------------------------------------------------------------------------------------------------


def test_an_account_is_added_with_who_made_it_and_a_hash_in_place_of_the_password(place: Place) -> None:
    account = place.accounts.add("  Bert ", Role.OPERATOR, OTHER, by="Anna")
    assert (account.name, account.role, account.created_by, account.active) == ("Bert", Role.OPERATOR, "Anna", True)
    assert account.password_hash is not None
    assert account.password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert OTHER not in place.everything_written()
    assert place.trail()[-1] == ("Anna", "person added", "Bert")


@pytest.mark.parametrize("name", ["anna", "ANNA", "Ａnna"])
def test_a_name_that_differs_only_by_case_or_width_is_taken(place: Place, name: str) -> None:
    with pytest.raises(RefusedError, match="there is a person"):
        place.accounts.add(name, Role.OPERATOR, OTHER, by="Anna")


@pytest.mark.parametrize("name", ["", "a/b", "token:x", "a\nb", "<b>", "x" * 200, "\u202eabc"])
def test_a_name_that_would_mislead_is_refused(place: Place, name: str) -> None:
    with pytest.raises(BadDataError, match="name"):
        place.accounts.add(name, Role.OPERATOR, OTHER, by="Anna")


@pytest.mark.parametrize(
    "password",
    [
        "short words",
        "Password1234!",
        "p4ssw0rd2024!",
        "passwordpassword",
        "aaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123456789012",
        "qwertyuiopasd",
        "1q1q1q1q1q1q",
        "my name is BERT",
        "Welcome2024!!",
        "x" * 257,
    ],
)
def test_a_password_that_is_tried_first_is_refused_and_never_repeated(place: Place, password: str) -> None:
    with pytest.raises(BadDataError) as caught:
        place.accounts.add("Bert", Role.OPERATOR, password, by="Anna")
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    "password", [GOOD, "ünïcode wörds täke", "十二个字以上的密码就可以用了", "x7#Lq0!vTz9@", "correct horse battery"]
)
def test_a_long_password_of_any_characters_is_taken(place: Place, password: str) -> None:
    place.accounts.add("Bert", Role.OPERATOR, password, by="Anna")
    assert place.signing_in.sign_in("bert", password, HERE).account.name == "Bert"


def test_the_same_password_typed_on_another_keyboard_is_the_same(place: Place) -> None:
    place.accounts.add("Bert", Role.OPERATOR, "cafe\u0301 at the mill", by="Anna")
    assert place.signing_in.sign_in("Bert", "caf\u00e9 at the mill", HERE)


def test_the_last_active_admin_keeps_the_role_and_stays(place: Place) -> None:
    for change in (
        lambda: place.accounts.set_role("anna", Role.OPERATOR, by="Anna"),
        lambda: place.accounts.set_active("anna", active=False, by="Anna"),
    ):
        with pytest.raises(RefusedError, match="last active admin"):
            change()
    assert place.accounts.has_admin()
    place.accounts.add("Bert", Role.ADMIN, OTHER, by="Anna")
    place.accounts.set_active("Bert", active=False, by="Anna")
    with pytest.raises(RefusedError, match="last active admin"):
        place.accounts.set_role("Anna", Role.OPERATOR, by="Anna")
    place.accounts.set_active("Bert", active=True, by="Anna")
    assert place.accounts.set_role("Anna", Role.OPERATOR, by="Bert").role is Role.OPERATOR


def test_a_change_that_changes_nothing_and_one_of_nobody_are_said(place: Place) -> None:
    with pytest.raises(NothingToDoError):
        place.accounts.set_role("Anna", Role.ADMIN, by="Anna")
    with pytest.raises(NothingToDoError):
        place.accounts.set_active("Anna", active=True, by="Anna")
    with pytest.raises(NotFoundError, match="nobody of the name 'Carl'"):
        place.accounts.set_password("Carl", OTHER, by="Anna")


# Signing in ----------------------------------------------------------------------------------------------------------


def test_a_person_signs_in_and_only_the_hash_of_the_id_is_kept(place: Place) -> None:
    begun = place.signing_in.sign_in("ANNA", GOOD, HERE)
    found = place.signing_in.session(begun.secret)
    assert found is not None
    assert found[1] == person("Anna", Role.ADMIN)
    assert found[0].csrf != begun.secret
    assert begun.secret not in place.everything_written()
    assert place.trail()[-1] == ("Anna", "signed in", "Anna")


def test_a_forged_id_is_nobody(place: Place) -> None:
    begun = place.signing_in.sign_in("Anna", GOOD, HERE)
    for forged in ("", "x", begun.secret + "x", begun.session.digest, begun.session.handle, begun.secret.upper()):
        assert place.signing_in.session(forged) is None


def test_every_sign_in_has_an_id_of_its_own(place: Place) -> None:
    first, second = (place.signing_in.sign_in("Anna", GOOD, HERE) for _ in range(2))
    assert first.secret != second.secret
    assert first.session.csrf != second.session.csrf
    assert len(place.signing_in.sessions("Anna")) == 2


def test_a_session_ends_an_hour_after_its_last_request_and_never_lives_beyond_twelve(place: Place) -> None:
    begun = place.signing_in.sign_in("Anna", GOOD, HERE)
    place.later(3599)
    assert place.signing_in.session(begun.secret)
    place.later(3599)
    assert place.signing_in.session(begun.secret), "it was seen an hour ago"
    place.later(3600)
    assert place.signing_in.session(begun.secret) is None

    begun = place.signing_in.sign_in("Anna", GOOD, HERE)
    for _ in range(23):
        place.later(1800)
        assert place.signing_in.session(begun.secret)
    place.later(1800)
    assert place.signing_in.session(begun.secret) is None


def test_sessions_that_are_over_are_removed_when_somebody_signs_in(place: Place) -> None:
    for _ in range(5):
        place.signing_in.sign_in("Anna", GOOD, HERE)
    place.later(4000)
    place.signing_in.sign_in("Anna", GOOD, HERE)
    with place.catalog.transaction() as unit:
        assert len(unit.people.sessions("Anna")) == 1


@pytest.mark.parametrize("change", ["role", "active", "password", "everywhere"])
def test_all_sessions_end_when_role_password_or_standing_change(place: Place, change: str) -> None:
    place.accounts.add("Bert", Role.ENGINEER, OTHER, by="Anna")
    begun = place.signing_in.sign_in("Bert", OTHER, HERE)
    changes = {
        "role": lambda: place.accounts.set_role("Bert", Role.OPERATOR, by="Anna"),
        "active": lambda: place.accounts.set_active("Bert", active=False, by="Anna"),
        "password": lambda: place.accounts.set_password("Bert", GOOD, by="Anna"),
        "everywhere": lambda: place.signing_in.sign_out_everywhere("Bert"),
    }
    changes[change]()
    assert place.signing_in.session(begun.secret) is None


def test_one_session_ends_and_the_other_goes_on(place: Place) -> None:
    first, second = (place.signing_in.sign_in("Anna", GOOD, HERE) for _ in range(2))
    place.signing_in.sign_out(first.secret)
    assert place.signing_in.session(first.secret) is None
    assert place.signing_in.session(second.secret)
    place.signing_in.end("Anna", second.session.handle)
    assert place.signing_in.session(second.secret) is None
    place.signing_in.sign_out("never there")


def test_nobody_ends_the_session_of_another(place: Place) -> None:
    place.accounts.add("Bert", Role.OPERATOR, OTHER, by="Anna")
    annas = place.signing_in.sign_in("Anna", GOOD, HERE)
    with pytest.raises(NotFoundError):
        place.signing_in.end("Bert", annas.session.handle)
    assert place.signing_in.session(annas.secret)


def test_who_changes_their_password_goes_on_in_a_new_session_and_all_others_end(place: Place) -> None:
    old, other = (place.signing_in.sign_in("Anna", GOOD, HERE) for _ in range(2))
    new = place.signing_in.change_password("Anna", old=GOOD, new=OTHER, visit=HERE)
    assert [place.signing_in.session(one.secret) is not None for one in (old, other, new)] == [False, False, True]
    assert failed(place, password=GOOD) == "WrongSignInError"
    assert place.signing_in.sign_in("Anna", OTHER, HERE)


def test_the_old_password_is_asked_for_and_its_failures_count(place: Place) -> None:
    for _ in range(5):
        with pytest.raises(WrongSignInError, match="old password"):
            place.signing_in.change_password("Anna", old="guess after guess", new=OTHER, visit=HERE)
    with pytest.raises(TooManyTriesError):
        place.signing_in.change_password("Anna", old=GOOD, new=OTHER, visit=HERE)


def test_a_wrong_name_a_wrong_password_and_a_person_let_out_get_the_same_answer(place: Place) -> None:
    place.accounts.add("Bert", Role.OPERATOR, OTHER, by="Anna")
    place.accounts.set_active("Bert", active=False, by="Anna")
    said = set()
    for name, password in (("Nobody", GOOD), ("Anna", OTHER), ("Bert", OTHER)):
        with pytest.raises(WrongSignInError) as caught:
            place.signing_in.sign_in(name, password, HERE)
        said.add(str(caught.value))
    assert said == {"name or password is wrong"}


def test_a_wrong_name_costs_as_many_hashes_as_a_wrong_password(place: Place) -> None:
    looked = []

    class Counting(Argon2Passwords):
        def matches(self, password: str, hashed: str | None) -> bool:
            looked.append(hashed is not None)
            return super().matches(password, hashed)

    place.passwords = Counting(CHEAP)
    failed(place, "Nobody")
    failed(place, "Anna")
    assert looked == [False, True]


def test_a_name_that_is_nobodys_is_compared_with_a_real_hash() -> None:
    slow = Argon2Passwords(replace(CHEAP, memory_kib=8192, passes=2))
    assert slow._nobodys.startswith("$argon2id$v=19$m=8192,t=2,p=1$")
    assert slow.matches("x", None) is False


def test_a_hash_of_older_parameters_is_renewed_at_the_next_sign_in(place: Place) -> None:
    place.passwords = Argon2Passwords(replace(CHEAP, passes=2))
    place.signing_in.sign_in("Anna", GOOD, HERE)
    [account] = place.accounts.listing()
    assert account.password_hash is not None
    assert account.password_hash.startswith("$argon2id$v=19$m=8,t=2,p=1$")
    assert place.signing_in.sign_in("Anna", GOOD, HERE)


# Waiting -------------------------------------------------------------------------------------------------------------


def test_waits_double_up_to_the_longest() -> None:
    rule = WaitRule(free=3, first_s=10, longest_s=50)
    assert [rule.wait(n) for n in (1, 2)] == [None, None]
    assert [rule.wait(n) for n in (3, 4, 5, 6, 9999)] == [timedelta(seconds=s) for s in (10, 20, 40, 50, 50)]


def test_after_five_failures_even_the_right_password_waits_and_then_gets_in(place: Place) -> None:
    assert [failed(place) for _ in range(5)] == ["WrongSignInError"] * 5
    assert failed(place, password=GOOD) == "TooManyTriesError"
    assert place.accounts.waits() == {"Anna": 15.0}
    place.later(14.9)
    assert failed(place, password=GOOD) == "TooManyTriesError"
    place.later(0.2)
    assert place.signing_in.sign_in("Anna", GOOD, HERE)
    assert failed(place) == "WrongSignInError", "the count began anew"
    assert place.trail().count(("somebody at 10.0.0.7", "locked out", "Anna")) == 1


def test_the_right_password_at_the_last_free_try_is_no_lock_out(place: Place) -> None:
    assert [failed(place) for _ in range(4)] == ["WrongSignInError"] * 4
    place.signing_in.sign_in("Anna", GOOD, HERE)
    assert "locked out" not in [what for _, what, _ in place.trail()]
    assert place.accounts.waits() == {}


def test_each_further_failure_doubles_the_wait(place: Place) -> None:
    waits = []
    for _ in range(5):
        failed(place)
    for _ in range(8):
        [wait] = place.accounts.waits().values()
        waits.append(wait)
        place.later(wait)
        failed(place)
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]


def test_a_name_that_is_nobodys_waits_like_any_other(place: Place) -> None:
    kinds = [failed(place, "Nobody") for _ in range(6)]
    assert kinds == ["WrongSignInError"] * 5 + ["TooManyTriesError"]


def test_an_address_that_tries_many_names_waits_too_and_others_do_not(place: Place) -> None:
    kinds = [failed(place, f"name {n}") for n in range(21)]
    assert kinds == ["WrongSignInError"] * 20 + ["TooManyTriesError"]
    assert failed(place, "Anna", password=GOOD) == "TooManyTriesError"
    assert place.signing_in.sign_in("Anna", GOOD, Visit(address="10.0.0.8"))


def test_a_network_of_ipv6_counts_as_one_address(place: Place) -> None:
    kinds = [failed(place, f"name {n}", Visit(address=f"2001:db8:1:2:{n:x}::1")) for n in range(21)]
    assert kinds[-1] == "TooManyTriesError"
    assert failed(place, "x", Visit(address="2001:db8:1:3::1")) == "WrongSignInError"


def test_an_account_of_ones_own_does_not_wash_an_address_clean(place: Place) -> None:
    place.accounts.add("Mallory", Role.OPERATOR, OTHER, by="Anna")
    for number in range(20):
        assert failed(place, f"name {number}") == "WrongSignInError"
        if number < 19:
            place.signing_in.sign_in("Mallory", OTHER, HERE)
    assert failed(place, "Mallory", password=OTHER) == "TooManyTriesError"


def test_an_admin_unlocks_and_the_trail_says_who(place: Place) -> None:
    for _ in range(5):
        failed(place)
    place.accounts.unlock("anna", by="Bert")
    assert place.signing_in.sign_in("Anna", GOOD, HERE)
    assert ("Bert", "unlocked", "Anna") in place.trail()


def test_ten_thousand_guesses_get_nobody_in_and_leave_the_owner_an_account_after_the_wait(place: Place) -> None:
    kinds: dict[str, int] = {"WrongSignInError": 0, "TooManyTriesError": 0}
    for number in range(10_000):
        visit = Visit(address=f"10.{number % 50}.0.1")
        kinds[failed(place, "Anna" if number % 2 else f"name {number % 997}", visit, f"guess number {number}")] += 1
        place.later(0.5)
    assert kinds["WrongSignInError"] < 1500
    assert sum(kinds.values()) == 10_000
    with place.catalog.transaction() as unit:
        assert unit.people.count_tries() <= 997 + 50 + 1
        assert len(unit.audit()) <= 3, "single failures fill no trail"
        assert unit.people.sessions("Anna") == []
    place.later(LockoutSettings().longest_wait_s)
    assert place.signing_in.sign_in("Anna", GOOD, Visit(address="10.99.0.1"))
    place.later(LockoutSettings().forget_s + 1)
    failed(place)
    with place.catalog.transaction() as unit:
        assert unit.people.count_tries() == 2, "what is a day old is forgotten"


# Tokens --------------------------------------------------------------------------------------------------------------


def made(place: Place, name: str = "Press 1", *, days: int = 30, scopes: frozenset[Permission] | None = None) -> str:
    wanted = frozenset({Permission.SCORE}) if scopes is None else scopes
    return place.tokens.make(name, owner="Anna", scopes=wanted, days=days, by="Anna").text


def test_a_token_names_its_machine_and_allows_its_scopes_and_nothing_else(place: Place) -> None:
    text = made(place)
    machine = place.tokens.machine(text)
    assert machine is not None
    assert (machine.name, machine.role, machine.machine) == ("token:Press 1", None, True)
    assert machine.permissions == {Permission.SCORE}
    assert text.startswith("inspect_")
    assert text not in place.everything_written()
    assert place.trail()[-1] == ("Anna", "token made", "token:Press 1")


@pytest.mark.parametrize("end", ["revoked", "expired", "owner let out"])
def test_a_token_ends(place: Place, end: str) -> None:
    text = made(place)
    if end == "revoked":
        place.tokens.revoke("press 1", by="Anna")
    elif end == "expired":
        place.later(30 * 86400)
    else:
        place.accounts.add("Bert", Role.ADMIN, OTHER, by="Anna")
        place.accounts.set_active("Anna", active=False, by="Bert")
    assert place.tokens.machine(text) is None


def test_a_token_never_allows_more_than_its_owner_may_today(place: Place) -> None:
    text = made(place, scopes=ALLOWED[Role.ADMIN])
    place.accounts.add("Bert", Role.ADMIN, OTHER, by="Anna")
    place.accounts.set_role("Anna", Role.OPERATOR, by="Bert")
    machine = place.tokens.machine(text)
    assert machine is not None
    assert machine.permissions == ALLOWED[Role.OPERATOR]
    with pytest.raises(RefusedError, match="manage people"):
        made(place, "Press 2", scopes=frozenset({Permission.MANAGE_PEOPLE}))


def test_a_token_without_scopes_or_end_or_of_a_used_name_is_refused(place: Place) -> None:
    made(place)
    for days in (0, 731):
        with pytest.raises(BadDataError, match="cannot live"):
            made(place, "Press 2", days=days)
    with pytest.raises(BadDataError, match="allows nothing"):
        made(place, "Press 2", scopes=frozenset())
    place.tokens.revoke("Press 1", by="Anna")
    with pytest.raises(RefusedError, match="is or was a token"):
        made(place, "PRESS 1")
    with pytest.raises(NothingToDoError):
        place.tokens.revoke("Press 1", by="Anna")
    with pytest.raises(NotFoundError):
        place.tokens.revoke("Press 9", by="Anna")


def test_a_token_says_when_it_was_used(place: Place) -> None:
    text = made(place)
    for seconds, used in ((10, 10), (60, 10), (3600, 3670)):
        place.later(seconds)
        place.tokens.machine(text)
        [token] = place.tokens.listing()
        assert token.used_at is not None
        assert (token.used_at - token.created_at).total_seconds() == used


# Another provider ----------------------------------------------------------------------------------------------------

CLAIMS = {"iss": "https://id.example", "sub": "7", "preferred_username": "Zoe", "groups": ["qa", "all"]}


@pytest.fixture
def provided() -> Place:
    """A plant whose provider knows the quality engineers."""
    roles = {"qa": Role.ENGINEER, "it": Role.ADMIN}
    return Place(oidc=OidcSettings(issuer="https://id.example", roles=roles))


def test_a_person_of_the_provider_gets_the_highest_role_of_the_claims(provided: Place) -> None:
    account = provided.oidc_people.account({**CLAIMS, "groups": ["qa", "it"]})
    assert (account.name, account.role, account.password_hash) == ("Zoe", Role.ADMIN, None)
    assert provided.trail()[-1] == ("provider https://id.example", "person added", "Zoe")


def test_the_role_follows_the_claims_and_the_name_does_not(provided: Place) -> None:
    provided.oidc_people.account(CLAIMS)
    again = provided.oidc_people.account({**CLAIMS, "groups": "it", "preferred_username": "Anna"})
    assert (again.name, again.role) == ("Zoe", Role.ADMIN)


def test_a_provider_cannot_make_anybody_into_a_local_person(provided: Place) -> None:
    with pytest.raises(RefusedError, match="belongs to another account"):
        provided.oidc_people.account({**CLAIMS, "preferred_username": "anna"})


def test_people_without_a_role_are_refused_or_operators_as_set(provided: Place) -> None:
    with pytest.raises(RefusedError, match="no role here"):
        provided.oidc_people.account({**CLAIMS, "groups": ["all"]})
    provided.oidc = replace(provided.oidc, unknown_role=Role.OPERATOR)
    assert provided.oidc_people.account({**CLAIMS, "groups": {"odd": 1}}).role is Role.OPERATOR
    with pytest.raises(BadDataError, match="unknown_role"):
        replace(provided.oidc, unknown_role=Role.ADMIN)


def test_a_person_of_the_provider_has_no_password_here(provided: Place) -> None:
    account = provided.oidc_people.account(CLAIMS)
    assert failed(provided, "Zoe") == "WrongSignInError"
    with pytest.raises(RefusedError, match="another provider"):
        provided.accounts.set_password("Zoe", OTHER, by="Anna")
    begun: SignedIn = provided.signing_in.begin(account, HERE)
    assert provided.signing_in.session(begun.secret)
    provided.accounts.set_active("Zoe", active=False, by="Anna")
    with pytest.raises(RefusedError, match="not active"):
        provided.signing_in.begin(account, HERE)
