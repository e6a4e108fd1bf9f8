"""Doubtful labels for programs: the list, and the correction of one."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from inspect_pipeline.domain.people import Permission
from inspect_pipeline.services.label_noise import LabelNoise, NoiseReport
from inspect_pipeline.web.access import Bench, ForbiddenError, MayLabel, MayLook
from inspect_pipeline.web.api.labels_files import GUARDED

router = APIRouter(prefix="/labels/noise", tags=["labels"])


class Correction(BaseModel):
    """The right name of a label's region; null for no defect."""

    model_config = ConfigDict(extra="forbid")

    line: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=200)] | None


class Corrected(BaseModel):
    """The label that says it now."""

    label: str
    supersedes: str


@router.get("")
def list_doubted(bench: Bench, actor: MayLook, line: Annotated[str, Query(max_length=200)]) -> NoiseReport:
    """Return the labels of a line that cross-validated naming disagrees with; the first look takes minutes."""
    return bench.label_noise.report(line)


@router.post("/{label}/correct", status_code=201)
def correct_label(bench: Bench, actor: MayLabel, label: str, right: Correction) -> Corrected:
    """Append a label with the right name in the place of the doubted one."""
    noise: LabelNoise = bench.label_noise
    if noise.role_of(label, line=right.line) in GUARDED and not actor.may(Permission.PROMOTE):
        raise ForbiddenError(f"{actor.name} may not change labels for the gate: it needs the permission 'promote'")
    made = noise.correct(label, line=right.line, name=right.name or "", by=actor.name)
    return Corrected(label=made.id, supersedes=label)
