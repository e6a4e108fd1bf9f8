"""Who sends a request and what they may do: what every page and every door of the interface asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.people import Actor, Permission
from inspect_pipeline.errors import InspectError


class NotSignedInError(InspectError):
    """The request names nobody: a page leads to the sign-in, the interface answers 401."""


class ForbiddenError(InspectError):
    """The actor may not do this: 403."""


class Identify(Protocol):
    """Finds out who sends a request."""

    def __call__(self, request: Request, /) -> Actor | None:
        """Return the actor, None where the request names nobody. Raises NotSignedInError for a forged or old name."""
        ...


def workbench(request: Request) -> Workbench:
    """Return the use cases of the application that serves the request."""
    return cast(Workbench, request.app.state.workbench)


def actor_of(request: Request) -> Actor | None:
    """Return who sends the request, None where nobody is signed in."""
    if not hasattr(request.state, "actor"):
        request.state.actor = cast(Identify, request.app.state.identify)(request)
    return cast("Actor | None", request.state.actor)


def csrf_token(request: Request) -> str:
    """Return the token that forms and scripts of this reader's pages send back with every change."""
    return str(getattr(request.state, "csrf", ""))


@dataclass(frozen=True, slots=True)
class Requirement:
    """The dependency that gives the actor, who must be allowed to do ``permission``; None: be signed in."""

    permission: Permission | None

    def __call__(self, request: Request) -> Actor:
        """Return the actor. Raises NotSignedInError or ForbiddenError."""
        actor = actor_of(request)
        if actor is None:
            raise NotSignedInError("sign in first")
        if self.permission is not None and not actor.may(self.permission):
            raise ForbiddenError(f"{actor.name} may not do this: it needs the permission {self.permission.value!r}")
        return actor


def requires(permission: Permission) -> Callable[[Request], Actor]:
    """Return the dependency that gives the actor, who must be allowed to do it."""
    return Requirement(permission)


Bench = Annotated[Workbench, Depends(workbench)]
SignedIn = Annotated[Actor, Depends(Requirement(None))]
MayLook = Annotated[Actor, Depends(requires(Permission.LOOK))]
MayLabel = Annotated[Actor, Depends(requires(Permission.LABEL))]
MayTeach = Annotated[Actor, Depends(requires(Permission.TEACH))]
MayScore = Annotated[Actor, Depends(requires(Permission.SCORE))]
MayJudgeStudy = Annotated[Actor, Depends(requires(Permission.JUDGE_STUDY))]
MayManageStudy = Annotated[Actor, Depends(requires(Permission.MANAGE_STUDY))]
MayApproveType = Annotated[Actor, Depends(requires(Permission.APPROVE_TYPE))]
MayPromote = Annotated[Actor, Depends(requires(Permission.PROMOTE))]
MayAudit = Annotated[Actor, Depends(requires(Permission.AUDIT))]
MayManagePeople = Annotated[Actor, Depends(requires(Permission.MANAGE_PEOPLE))]
