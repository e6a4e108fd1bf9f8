"""Files of labels for programs: import and export."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import Response

from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.people import Actor, Permission
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_exchange import ROLES, LabelsImported
from inspect_pipeline.services.label_files.records import MOST_BYTES
from inspect_pipeline.web.access import Bench, ForbiddenError, MayLabel, MayLook

router = APIRouter(prefix="/labels", tags=["labels"])
GUARDED = (LabelRole.GATE, LabelRole.GOLDEN)
"""Roles that decide on promotions: whoever may not promote may not import them."""


@router.post("/import")
def import_labels(
    *,
    bench: Bench,
    actor: MayLabel,
    file: Annotated[UploadFile, File(description="The file of labels, at most 64 MiB.")],
    line: Annotated[str, Form(max_length=200)],
    form: Annotated[str, Form(alias="format", description="coco, csv, label-studio or cvat", max_length=20)],
    role: Annotated[str, Form(description="held out, support, gate or golden", max_length=20)] = "held out",
) -> LabelsImported:
    """Append the labels of a file to the images of a line that have these names: all of them or none."""
    content = file.file.read(MOST_BYTES + 1)
    return bench.label_exchange.import_file(
        content,
        file_name=(file.filename or "file")[-80:],
        form=form,
        line=line,
        operator=actor.name,
        role=_role(role, actor),
    )


@router.get("/export", response_class=Response, responses={200: {"content": {"application/octet-stream": {}}}})
def export_labels(
    bench: Bench,
    actor: MayLook,
    line: Annotated[str, Query(max_length=200)],
    form: Annotated[str, Query(alias="format", description="coco, csv, label-studio or cvat", max_length=20)] = "coco",
) -> Response:
    """Return all labels in force of a line as one file."""
    made = bench.label_exchange.export_file(form=form, line=line)
    headers = {"content-disposition": f'attachment; filename="{made.file_name}"', "cache-control": "no-store"}
    return Response(made.content, media_type=made.media_type, headers=headers)


def _role(text: str, actor: Actor) -> LabelRole:
    text = text.replace("-", " ")  # as the command line writes it
    if text not in ROLES:
        raise BadDataError(f"role {text!r} of imported labels is not known; give one of {', '.join(ROLES)}")
    if ROLES[text] in GUARDED and not actor.may(Permission.PROMOTE):
        raise ForbiddenError(f"{actor.name} may not import labels for the gate: it needs the permission 'promote'")
    return ROLES[text]
