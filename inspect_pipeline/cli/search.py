"""``inspect-pipeline search``: rates, steps and options of a method, sought on held-out validation episodes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, SeedOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session

if TYPE_CHECKING:
    from rich.console import RenderableType

DataOption = Annotated[
    list[Path],
    typer.Option(
        "--data",
        metavar="DIR",
        help="A data folder, or a folder of one a family; several may be given.",
        show_default=False,
    ),
]
MoreArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DIR]...", help="Further data folders, after --data DIR.", show_default=False),
]
ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE", help="A further yaml file, named after its section.", show_default=False),
]
SpaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--space",
        metavar="KEY=LOW:HIGH[:log]",
        help="Search these only; or KEY=A,B,C. Else rate, decay, tasks a step and the method's options.",
        show_default=False,
    ),
]


def search(
    context: typer.Context,
    *,
    data: DataOption,
    more: MoreArgument = None,
    method: Annotated[str, typer.Option("--method", metavar="M", help="See train --list-methods.")] = "protonet",
    trials: Annotated[int, typer.Option("--trials", metavar="N", help="Trials of this run.", min=1)] = 30,
    sampler: Annotated[Literal["tpe", "grid"], typer.Option("--sampler", help="How trials are proposed.")] = "tpe",
    study: Annotated[
        str | None,
        typer.Option(
            "--study", metavar="NAME", help="Goes on where it stopped; else the method's name.", show_default=False
        ),
    ] = None,
    space: SpaceOption = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Trainings of a trial, averaged.", min=1)] = 1,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Record the search in MLflow.")] = True,
    config: ConfigOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Search settings of a method and write the best as a file for train --config."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house(config or ()) as house:
        found = house.studies.search(
            [*data, *(more or ())],
            method=method,
            trials=trials,
            sampler=sampler,
            study=study,
            space=tuple(space or ()),
            seed=seed,
            seeds=seeds,
            track=track,
        )
    document = document_of(found)
    answer = {**document.pop("summary"), **document}
    session.answer(answer, lambda: _view(answer))


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    title = f"Study {document['study']}: {len(document['trials'])} trials, {document['new']} new ones completed"
    rows = {
        "best validation accuracy": f"{document['accuracy']:.4f} (the best of many, so too high)",
        **{f"baseline {name}": f"{value:.4f}" for name, value in document["baselines"].items()},
        **{f"best {name}": value for name, value in document["values"].items()},
        "settings": document["config"],
    }
    states = [each["state"] for each in document["trials"]]
    rows |= {state: states.count(state) for state in ("complete", "pruned", "failed")}
    matters = [(name, f"{share:.2f}") for name, share in document["importance"].items()]
    return stacked(facts(title, rows), grid("What matters", ("axis", "share"), matters) if matters else None)
