"""Options that several commands share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        help="Folder of all state; else INSPECT_WORKSPACE, else ./workspace.",
        show_default=False,
    ),
]
ConfigDirOption = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        metavar="DIR",
        help="Folder of configuration files; else INSPECT_CONFIGS, else ./configs where there is one.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

LineOption = Annotated[str, typer.Option("--line", metavar="NAME", help="The production line.")]
RecipeOption = Annotated[str, typer.Option("--recipe", metavar="NAME", help="The recipe of the line.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Same seed, same numbers.", min=0)]
OperatorOption = Annotated[
    str | None,
    typer.Option(
        "--operator", metavar="NAME", help="Who does this, for the records; else the user's login.", show_default=False
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL[@REF]",
        help="A registered name, such as initialization.default, with an alias or a version.",
        show_default=False,
    ),
]
