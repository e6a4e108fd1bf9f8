"""``inspect-pipeline labels add``: labels that the gate looks at and that never teach."""

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
