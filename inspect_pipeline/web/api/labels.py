"""Labels: said of findings or of any region of a frame, taken back, and looked up; the types of a line."""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from inspect_pipeline.domain.labels import LabelKind, LabelRole
from inspect_pipeline.domain.review_records import ItemKey
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.labelling import MOST_AT_ONCE, Said, Target
from inspect_pipeline.web.access import Bench, MayLabel, MayLook
from inspect_pipeline.web.api.queue import Limit, Name, Offset
from inspect_pipeline.web.api.review_shapes import Box, LabelShape

router = APIRouter(tags=["labels"])

_LONGEST_ID = 200
_LONGEST_MASK = 8 << 20


class TargetShape(BaseModel):
    """A finding, and the id of the label that the person saw in force on it."""

    item: Annotated[str, Field(max_length=40)]
    expected: Annotated[str, Field(max_length=_LONGEST_ID)] | None = None


class Statement(BaseModel):
    """What is said, either of ``items`` or of the ``box`` of a ``frame``; ``mask`` is a PNG of the box in base64.

    ``expected`` is for a region of a frame what it is in ``items``.
    """

    items: Annotated[list[TargetShape], Field(max_length=MOST_AT_ONCE)] = []
    frame: Annotated[str, Field(min_length=1, max_length=_LONGEST_ID)] | None = None
    expected: Annotated[str, Field(max_length=_LONGEST_ID)] | None = None
    kind: LabelKind
    defect_type: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    severity: Annotated[int, Field(ge=1, le=5)] | None = None
    box: Box | None = None
    mask: Annotated[str, Field(max_length=_LONGEST_MASK)] | None = None

    def said(self) -> Said:
        """Return what is said. Raises BadDataError for what cannot be."""
        return Said(
            kind=self.kind,
            defect_type=self.defect_type,
            severity=self.severity,
            box=None if self.box is None else self.box.roi(),
            mask=None if self.mask is None else _decoded(self.mask),
        )


class LabelsShape(BaseModel):
    """Labels."""

    labels: list[LabelShape]


class TypeShape(BaseModel):
    """A type of a line, how many labels in force name it, and how many of them teach."""

    name: str
    life_cycle: str
    labels: int
    supports: int


@router.post("/labels", status_code=201)
def label(actor: MayLabel, bench: Bench, statement: Statement) -> LabelsShape:
    """Label findings, all or none, or one region of a frame; 409 says who said what meanwhile."""
    if bool(statement.items) == (statement.frame is not None):
        raise BadDataError("give either items or a frame with its box")
    said = statement.said()
    if statement.frame is not None:
        frame, expected = statement.frame, statement.expected
        made = [bench.labelling.label_region(frame, said, expected=expected, operator=actor.name)]
    else:
        targets = [Target(item=ItemKey.of(one.item), expected=one.expected) for one in statement.items]
        made = bench.labelling.label_items(targets, said, operator=actor.name)
    return LabelsShape(labels=[LabelShape.of(one) for one in made])


@router.post("/labels/{label}/undo", status_code=201)
def undo(actor: MayLabel, bench: Bench, label: Annotated[str, Path(max_length=_LONGEST_ID)]) -> LabelShape:
    """Take a label back; what it settled is open again."""
    return LabelShape.of(bench.labelling.undo(label, operator=actor.name))


@router.get("/labels")
def labels(
    *,
    actor: MayLook,
    bench: Bench,
    line: Name,
    defect_type: Annotated[str, Query(min_length=1, max_length=80)] | None = None,
    role: LabelRole | None = None,
    offset: Offset = 0,
    limit: Limit = 60,
) -> LabelsShape:
    """Return labels in force of a line, latest first; withdrawn ones only where their role is asked for."""
    del actor
    found = bench.reviewing.labels(line, defect_type=defect_type, role=role, offset=offset, limit=limit)
    return LabelsShape(labels=[LabelShape.of(one) for one in found])


@router.get("/types")
def types(actor: MayLook, bench: Bench, line: Name) -> list[TypeShape]:
    """Return the types of a line by name, retired ones included."""
    del actor
    return [
        TypeShape(name=one.name, life_cycle=one.life_cycle.value, labels=counted.labels, supports=counted.supports)
        for one, counted in bench.reviewing.types(line)
    ]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadDataError(f"the mask is no base64 ({error}); give the bytes of a PNG in base64") from error
