"""The review queue: groups of like findings, the findings of a group, and one finding with all that is known of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from inspect_pipeline.domain.review_records import ItemKey
from inspect_pipeline.web.access import Bench, MayLabel, MayLook
from inspect_pipeline.web.api.review_shapes import GroupShape, ItemDetailShape, ItemShape

router = APIRouter(tags=["queue"])

_LARGEST = (1 << 63) - 1

Name = Annotated[str, Query(min_length=1, max_length=80)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Limit = Annotated[int, Query(ge=1, le=200)]
Item = Annotated[str, Path(max_length=40)]


class LineShape(BaseModel):
    """A line and one of its recipes."""

    line: str
    recipe: str


class GroupsShape(BaseModel):
    """Some groups, the most valuable first, and how many findings wait in all."""

    waiting: int
    groups: list[GroupShape]


class ItemsShape(BaseModel):
    """Findings of a group, the most informative first, those that were settled last."""

    items: list[ItemShape]


@router.get("/lines")
def lines(actor: MayLook, bench: Bench) -> list[LineShape]:
    """Return every line with its recipes."""
    del actor
    return [LineShape(line=line, recipe=recipe) for line, recipe in bench.house.lines()]


@router.get("/queue/groups")
def groups(
    *, actor: MayLook, bench: Bench, line: Name, recipe: Name = "default", offset: Offset = 0, limit: Limit = 30
) -> GroupsShape:
    """Return groups of a line and recipe that have something open for who asks."""
    page = bench.reviewing.groups(line, recipe, person=actor.name, offset=offset, limit=limit)
    return GroupsShape(waiting=page.waiting, groups=[GroupShape.of(group) for group in page.groups])


@router.get("/queue/groups/{group}/items")
def items(
    actor: MayLook,
    bench: Bench,
    group: Annotated[int, Path(ge=0, le=_LARGEST)],
    offset: Offset = 0,
    limit: Limit = 60,
) -> ItemsShape:
    """Return the findings of a group."""
    found = bench.reviewing.items(group, person=actor.name, offset=offset, limit=limit)
    return ItemsShape(items=[ItemShape.of(item) for item in found])


@router.get("/queue/items/{item}")
def item(actor: MayLook, bench: Bench, item: Item) -> ItemDetailShape:
    """Return one finding, whether it waits or not."""
    del actor
    return ItemDetailShape.of_detail(bench.reviewing.item(ItemKey.of(item)))


@router.post("/queue/items/{item}/skip", status_code=204)
def skip(actor: MayLabel, bench: Bench, item: Item) -> Response:
    """Put a finding behind for who asks, until the next shift."""
    bench.labelling.skip(ItemKey.of(item), person=actor.name)
    return Response(status_code=204)
