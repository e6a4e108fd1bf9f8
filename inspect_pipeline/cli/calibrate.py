"""``inspect-pipeline calibrate``: a line's detector from good material, before any defect is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import (
    ConfigDirOption,
    DebugOption,
    JsonOption,
    LineOption,
    OperatorOption,
    RecipeOption,
    SeedOption,
    WorkspaceOption,
)
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.cli.text import share_text
from inspect_pipeline.errors import NothingToDoError

if TYPE_CHECKING:
    from rich.console import RenderableType

NormalsOption = Annotated[
    Path, typer.Option("--normals", metavar="DIR", help="Images of good material.", show_default=False)
]


def calibrate(
    context: typer.Context,
    *,
    normals: NormalsOption,
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    operator: OperatorOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Build a line's detector from images of good material; it is registered as challenger.

    On a line without samples of defects everything that is not normal is UNKNOWN, at the overkill that the recipe
    promises. Types taught later build on the same good images. On a line with types these stay known. Ends with 4 when
    the same images were given before.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        summary = house.calibrate(normals, line=line, recipe=recipe, operator=operator_name(operator), seed=seed)
    document = document_of(summary)
    session.answer(document, lambda: _view(document))
    if not summary.new:
        raise NothingToDoError(f"{summary.model} version {summary.version} came from the same good images before")


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    overkill, known = document["overkill"], ", ".join(document["leave_one_out"])
    main = facts(
        f"{document['model']} version {document['version']} (challenger)",
        {
            "knows": known or "good material only: everything else is UNKNOWN",
            "from": document["initialization"],
            "known-good regions": document["normals"],
            "overkill": share_text(overkill["alarms"], overkill["of"], overkill["interval"]),
            "took": f"{document['seconds']:.1f} s",
        },
    )
    return stacked(main, *(grid("Warning", (warning,), ()) for warning in document["warnings"]))
