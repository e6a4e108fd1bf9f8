"""Who am I, people and tokens over REST."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from inspect_pipeline.domain.accounts import Account, ApiToken
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.services.api_tokens import LONGEST_DAYS
from inspect_pipeline.web.access import Bench, MayManagePeople, SignedIn

router = APIRouter(tags=["people"])
NameInPath = Annotated[str, Path(min_length=1, max_length=200)]
NewName = Annotated[str, Field(min_length=1, max_length=80)]
NewPassword = Annotated[str, Field(min_length=12, max_length=256)]


class Asked(BaseModel):
    """A body of this interface: a key that is not known is refused, not overlooked."""

    model_config = ConfigDict(extra="forbid")


class NewPerson(Asked):
    """A person to add."""

    name: NewName
    role: Role
    password: NewPassword


class PersonChange(Asked):
    """What is to be different; what is not given stays."""

    role: Role | None = None
    active: bool | None = None
    password: NewPassword | None = None


class NewToken(Asked):
    """A token to make."""

    name: NewName
    owner: NewName
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))]
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """Who sends the request and what they may do."""

    name: str
    role: Role | None
    machine: bool
    permissions: list[Permission]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person as others may see them; ``waits_s`` is how long the account is locked out."""

    name: str
    role: Role
    active: bool
    by_provider: bool
    created_at: datetime
    created_by: str
    waits_s: float

    @classmethod
    def of(cls, account: Account, waits_s: float) -> Self:
        """Return the view of an account."""
        return cls(
            name=account.name,
            role=account.role,
            active=account.active,
            by_provider=account.subject is not None,
            created_at=account.created_at,
            created_by=account.created_by,
            waits_s=waits_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token without its text."""

    name: str
    owner: str
    scopes: list[Permission]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        """Return the view of a token."""
        return cls(
            name=token.name,
            owner=token.owner,
            scopes=sorted(token.scopes),
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            used_at=token.used_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTokenView:
    """A new token with its text, which is shown this once."""

    text: str
    token: TokenView


@router.get("/session")
def who_am_i(actor: SignedIn) -> WhoAmI:
    """Return who sends the request."""
    permissions = sorted(actor.permissions)
    return WhoAmI(name=actor.name, role=actor.role, machine=actor.machine, permissions=permissions)


@router.get("/people")
def people(bench: Bench, _actor: MayManagePeople) -> list[PersonView]:
    """Return all people by name."""
    waits = bench.accounts.waits()
    return [PersonView.of(one, waits.get(one.name, 0.0)) for one in bench.accounts.listing()]


@router.post("/people", status_code=201)
def add_person(bench: Bench, actor: MayManagePeople, body: NewPerson) -> PersonView:
    """Add a person."""
    return PersonView.of(bench.accounts.add(body.name, body.role, body.password, by=actor.name), 0.0)


@router.patch("/people/{name}")
def change_person(bench: Bench, actor: MayManagePeople, name: NameInPath, body: PersonChange) -> PersonView:
    """Change role, standing or password of a person, in this order; each change ends their sessions."""
    account = bench.accounts.account(name)
    if body.role not in (None, account.role):
        account = bench.accounts.set_role(name, body.role or account.role, by=actor.name)
    if body.active not in (None, account.active):
        account = bench.accounts.set_active(name, active=bool(body.active), by=actor.name)
    if body.password is not None:
        bench.accounts.set_password(name, body.password, by=actor.name)
    return PersonView.of(account, bench.accounts.waits().get(account.name, 0.0))


@router.post("/people/{name}/unlock", status_code=204)
def unlock_person(bench: Bench, actor: MayManagePeople, name: NameInPath) -> Response:
    """Let a person try to sign in again at once."""
    bench.accounts.unlock(name, by=actor.name)
    return Response(status_code=204)


@router.get("/tokens")
def tokens(bench: Bench, _actor: MayManagePeople) -> list[TokenView]:
    """Return all tokens by name, revoked ones included."""
    return [TokenView.of(token) for token in bench.api_tokens.listing()]


@router.post("/tokens", status_code=201)
def make_token(bench: Bench, actor: MayManagePeople, body: NewToken) -> MadeTokenView:
    """Make a token for a machine; its text is in this answer and nowhere else."""
    made = bench.api_tokens.make(body.name, owner=body.owner, scopes=body.scopes, days=body.days, by=actor.name)
    return MadeTokenView(text=made.text, token=TokenView.of(made.token))


@router.delete("/tokens/{name}")
def revoke_token(bench: Bench, actor: MayManagePeople, name: NameInPath) -> TokenView:
    """Revoke a token from this moment on."""
    return TokenView.of(bench.api_tokens.revoke(name, by=actor.name))
