"""Models over REST: what there is, what the gate says, and putting a version in force or going back."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.services.gate_view import gate_to, models_to, versions_to
from inspect_pipeline.web.access import Bench, MayLook, MayPromote

router = APIRouter(tags=["models"])

Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class PromoteBody(BaseModel):
    """The version to put in force, and why. ``override`` is the role in which it is done against the gate."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    reason: Reason
    override: Annotated[str, Field(min_length=1, max_length=80)] | None = None


class RollbackBody(BaseModel):
    """Why the version before is put in force again."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class PromotionAnswer(BaseModel):
    """A change of the version in force; ``in_force_from`` says from when on it judges."""

    model: str
    from_version: str | None
    to_version: str
    operator: str
    reason: str
    at: datetime
    kind: str
    in_force_from: str = "the next coil"


@router.get("/models")
def models(bench: Bench, _actor: MayLook) -> list[dict[str, Any]]:
    """Return the models with champion, challenger and previous version."""
    return models_to(bench.house.models)


@router.get("/models/{name}/versions")
def versions(name: str, bench: Bench, _actor: MayLook) -> dict[str, Any]:
    """Return the versions of a model and the history of the one in force."""
    return versions_to(bench.house.models, name)


@router.get("/models/{name}/gate")
def gate(
    name: str, bench: Bench, _actor: MayLook, version: Annotated[Version | None, Query()] = None
) -> dict[str, Any]:
    """Return what the gate says of a version, else of the challenger, beside the one in force."""
    return gate_to(bench.house.models, name, version=version)


@router.post("/models/{name}/promote")
def promote(name: str, body: PromoteBody, bench: Bench, actor: MayPromote) -> PromotionAnswer:
    """Put a version in force through its gate; the next coil uses it."""
    promotion, _ = bench.house.models.promote(
        name, operator=actor.name, reason=body.reason, version=body.version, override=body.override
    )
    return _answer(promotion)


@router.post("/models/{name}/rollback")
def rollback(name: str, body: RollbackBody, bench: Bench, actor: MayPromote) -> PromotionAnswer:
    """Put the version before in force again; the next coil uses it."""
    return _answer(bench.house.models.rollback(name, operator=actor.name, reason=body.reason))


def _answer(promotion: Promotion) -> PromotionAnswer:
    return PromotionAnswer(
        model=promotion.model,
        from_version=promotion.from_version,
        to_version=promotion.to_version,
        operator=promotion.operator,
        reason=promotion.reason,
        at=promotion.at,
        kind=promotion.kind.value,
    )
