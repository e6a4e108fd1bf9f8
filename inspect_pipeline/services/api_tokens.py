"""Tokens for machines: a text of 256 random bits, shown once, with scopes, an owner and an end."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from inspect_pipeline.domain.accounts import MACHINE, ApiToken, checked_person
from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.people import Actor, Permission
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import BadDataError, NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.accounts import held
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.sign_in_keys import digest_of_secret

PREFIX = "inspect_"
"""How every token begins, so that a scanner for leaked secrets knows one when it sees it."""
LONGEST_DAYS = 730
_USED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A token at the one moment when its text is known."""

    text: str
    token: ApiToken


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokens:
    """The use cases of tokens; ``new_secret`` gives 256 random bits as text."""

    catalog: Catalog
    clock: Clock
    new_secret: Callable[[], str]

    def listing(self) -> Sequence[ApiToken]:
        """Return all tokens by name, revoked ones included."""
        with self.catalog.transaction() as unit:
            return unit.people.tokens()

    def make(self, name: str, *, owner: str, scopes: Collection[Permission], days: int, by: str) -> MadeToken:
        """Make a token. Raises BadDataError without scopes or for the days, RefusedError where the name is taken.

        It never allows more than its owner may do at the time of use, and ends with the owner's account.
        """
        clean = checked_person(name)
        if not scopes:
            raise BadDataError(f"token {clean!r} allows nothing; give at least one scope")
        if not 1 <= days <= LONGEST_DAYS:
            raise BadDataError(f"token {clean!r} cannot live {days} days; give 1 to {LONGEST_DAYS}")
        now, text = self.clock(), f"{PREFIX}{self.new_secret()}"
        with self.catalog.transaction() as unit:
            account = held(unit, owner)
            token = ApiToken(
                name=clean,
                digest=digest_of_secret(text),
                owner=account.name,
                scopes=frozenset(scopes),
                created_at=now,
                created_by=by,
                expires_at=now + timedelta(days=days),
            )
            excess = token.scopes - token.permissions(account)
            if excess:
                shown = ", ".join(sorted(scope.value for scope in excess))
                raise RefusedError(f"{account.name} may not do this, so no token of theirs may: {shown}")
            if not unit.people.add_token(token):
                raise RefusedError(f"there is or was a token {clean!r}; names stay in the trail, choose another")
            self._note(unit, AuditAction.TOKEN_MADE, token, by=by)
        return MadeToken(text=text, token=token)

    def revoke(self, name: str, *, by: str) -> ApiToken:
        """Revoke a token from this moment on. Raises NotFoundError, and NothingToDoError for one revoked before."""
        with self.catalog.transaction() as unit:
            unit.people.hold()
            token = next((one for one in unit.people.tokens() if one.name.casefold() == name.strip().casefold()), None)
            if token is None:
                raise NotFoundError(f"there is no token of the name {name[:80]!r}")
            if token.revoked_at is not None:
                raise NothingToDoError(f"token {token.name!r} was revoked before")
            revoked = replace(token, revoked_at=self.clock())
            unit.people.put_token(revoked)
            self._note(unit, AuditAction.TOKEN_REVOKED, revoked, by=by)
        return revoked

    def machine(self, text: str) -> Actor | None:
        """Return the machine of a token; None for a forged, old or revoked one, and for one whose owner is gone."""
        now = self.clock()
        with self.catalog.transaction() as unit:
            token = unit.people.token(digest_of_secret(text))
            owner = None if token is None else unit.people.account(token.owner)
        if token is None or owner is None or not owner.active or not token.valid(now):
            return None
        if token.used_at is None or now - token.used_at >= _USED_EVERY:
            with self.catalog.transaction() as unit:
                unit.people.use_token(token.digest, now)
        return Actor(name=f"{MACHINE}{token.name}", role=None, permissions=token.permissions(owner), machine=True)

    def _note(self, unit: CatalogUnit, action: AuditAction, token: ApiToken, *, by: str) -> None:
        detail = {
            "owner": token.owner,
            "scopes": ", ".join(sorted(scope.value for scope in token.scopes)),
            "until": token.expires_at.isoformat(),
        }
        name = f"{MACHINE}{token.name}"
        unit.add_audit(AuditEvent(at=self.clock(), actor=by, action=action, subject=name, detail=detail))
