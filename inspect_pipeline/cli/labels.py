"""``inspect-pipeline labels``: labels for the gate from a folder, and files of labels of other tools in and out."""

from pathlib import Path
from typing import Annotated

import typer

from inspect_pipeline.cli.documents import Document
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import (
    ConfigDirOption,
    DebugOption,
    JsonOption,
    LineOption,
    OperatorOption,
    RecipeOption,
    WorkspaceOption,
)
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.errors import UserError

_ROLES = ("gate", "golden")
_FILE_ROLES = ("held-out", "support", "gate", "golden")
_FORMATS = "coco|csv|label-studio|cvat"
FormatOption = Annotated[str, typer.Option("--format", metavar=_FORMATS, help="What the file is.", show_default=False)]


def add(
    context: typer.Context,
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A data folder: images/<class>/*.", show_default=False)],
    role: Annotated[
        str, typer.Option("--role", metavar="gate|golden", help="golden: must never be judged wrong.")
    ] = "gate",
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Keep the labels of a folder for a line's gate: challengers are tried on them, nothing is taught from them."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    if role not in _ROLES:
        raise UserError(f"--role {role}: there is no such role; give gate or golden")
    with session.house() as house:
        summary = house.add_labels(folder, role=role, line=line, recipe=recipe, operator=operator_name(operator))
    document: Document = {"line": line, "role": role, "images": summary.captured, "unusable": len(summary.unusable)}
    session.answer(document, lambda: f"{summary.captured} images with their labels are kept for the gate of {line}")


def import_file(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of labels.", show_default=False)],
    form: FormatOption,
    line: LineOption = "default",
    role: Annotated[
        str, typer.Option("--role", metavar="|".join(_FILE_ROLES), help="What the labels are for.")
    ] = "held-out",
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Append the labels of a file to the images of a line that have these names: all of them, or none."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    if role not in _FILE_ROLES:
        raise UserError(f"--role {role}: there is no such role; give one of {', '.join(_FILE_ROLES)}")
    with session.house() as house:
        from inspect_pipeline.bootstrap.label_exchange import import_labels
        from inspect_pipeline.domain.labels import LabelRole

        chosen = LabelRole(role.replace("-", " "))
        done = import_labels(house, file, form=form, line=line, role=chosen, operator=operator_name(operator))
    document: Document = {"line": line, "format": form, "role": role}
    document |= {"images": done.images, "labels": done.labels, "new": done.new}
    session.answer(document, lambda: f"{done.new} of {done.labels} labels on {done.images} images are new on {line}")


def export_file(
    context: typer.Context,
    *,
    form: FormatOption,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write.", show_default=False)],
    line: LineOption = "default",
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write all labels in force of a line to a file that other tools read."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.label_exchange import export_labels

        made = export_labels(house, out, form=form, line=line)
    document: Document = {"path": str(out), "format": form, "line": line, "images": made.images, "labels": made.labels}
    session.answer(document, lambda: f"{made.labels} labels on {made.images} images are in {out}")
