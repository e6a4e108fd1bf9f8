"""``inspect-pipeline evaluate``: accuracy on labelled data with its interval, beside the baselines."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inspect_pipeline.cli.detect_view import detect_view
from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, SeedOption, WorkspaceOption
from inspect_pipeline.cli.session import Session, open_session
from inspect_pipeline.cli.text import rate_text
from inspect_pipeline.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House

Task = Literal["classify", "detect"]
CLASSIFY_ONLY = ("way", "query", "episodes", "method", "regions")
DETECT_ONLY = ("normals", "draws", "curve-shots", "curve-normals", "baselines", "page")
NORMALS, DRAWS = 20, 10
DataOption = Annotated[Path, typer.Option("--data", metavar="DIR", help="A data folder.", show_default=False)]
TaskOption = Annotated[
    Task, typer.Option("--task", help="classify: N-way K-shot episodes; detect: detectors taught over repeated draws.")
]
WayOption = Annotated[int, typer.Option("--way", metavar="N", help="Classes in an episode.", min=2)]
ShotOption = Annotated[int, typer.Option("--shot", metavar="K", help="Support samples of a class.", min=1)]
QueryOption = Annotated[int, typer.Option("--query", metavar="Q", help="Query samples of a class.", min=1)]
EpisodesOption = Annotated[int, typer.Option("--episodes", metavar="E", help="Episodes drawn.", min=1)]
NormalsOption = Annotated[
    int | None,
    typer.Option("--normals", metavar="M", help="Good images a draw; with detect, else 20.", show_default=False, min=4),
]
DrawsOption = Annotated[
    int | None, typer.Option("--draws", metavar="D", help="With detect, else 10.", show_default=False, min=1)
]
CurveShotsOption = Annotated[
    str | None,
    typer.Option("--curve-shots", metavar="K,K", help="Points of a curve over samples: 1,3,5,10.", show_default=False),
]
CurveNormalsOption = Annotated[
    str | None,
    typer.Option("--curve-normals", metavar="M,M", help="And over good images: 5,10,20,40.", show_default=False),
]
BaselinesOption = Annotated[
    Literal["fast", "all"], typer.Option("--baselines", help="all: a fine-tuned classifier too, seconds a draw.")
]
PageOption = Annotated[
    Path | None, typer.Option("--page", metavar="FILE", help="Also write an HTML page.", show_default=False)
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME@ALIAS", help="Else the default initialization.", show_default=False),
]
MethodOption = Annotated[
    str | None, typer.Option("--method", metavar="M", help="A method without training.", show_default=False)
]
RegionsOption = Annotated[
    Literal["image", "boxes"], typer.Option("--regions", help="Samples: whole images, or the boxes drawn in them.")
]


def evaluate(
    context: typer.Context,
    *,
    data: DataOption,
    task: TaskOption = "classify",
    way: WayOption = 5,
    shot: ShotOption = 5,
    query: QueryOption = 15,
    episodes: EpisodesOption = 600,
    seed: SeedOption = 0,
    normals: NormalsOption = None,
    draws: DrawsOption = None,
    curve_shots: CurveShotsOption = None,
    curve_normals: CurveNormalsOption = None,
    baselines: BaselinesOption = "fast",
    page: PageOption = None,
    model: ModelOption = None,
    method: MethodOption = None,
    regions: RegionsOption = "image",
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure accuracy over episodes, or detection over draws, with the 95% interval, beside the baselines."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    _refuse_contradictions(context, task)
    if task == "detect":
        curves = (_points("curve-shots", curve_shots), _points("curve-normals", curve_normals))
        with session.house() as house:
            found = house.evaluate_detection(
                data,
                shot=shot,
                normals=normals or NORMALS,
                draws=draws or DRAWS,
                seed=seed,
                model=model,
                curve_shots=curves[0],
                curve_normals=curves[1],
                fine_tuned=baselines == "all",
            )
            answer = document_of(found) | _page(house, document_of(found), data, page)
        session.answer(answer, lambda: detect_view(answer))
        return
    sizes = (way, shot, query, episodes, seed)
    document = _classified(session, data, sizes, model=model, method=method, regions=regions)
    session.answer(document, lambda: _view(document))


def _classified(
    session: Session,
    data: Path,
    sizes: tuple[int, int, int, int, int],
    *,
    model: str | None,
    method: str | None,
    regions: Literal["image", "boxes"],
) -> Document:
    way, shot, query, episodes, seed = sizes
    with session.house() as house:
        summary = house.evaluate(
            data,
            way=way,
            shot=shot,
            query=query,
            episodes=episodes,
            seed=seed,
            model=model,
            method=method,
            regions=regions,
        )
    return document_of(summary)


def _page(house: "House", answer: Document, data: Path, out: Path | None) -> Document:
    """Return where the page was written, nothing where none was asked for."""
    if out is None:
        return {}
    command = shlex.join(["inspect-pipeline", *sys.argv[1:]])
    return {"page": str(house.detection_page(answer, data=data, command=command, out=out))}


def _refuse_contradictions(context: typer.Context, task: Task) -> None:
    other = CLASSIFY_ONLY if task == "detect" else DETECT_ONLY
    given = [f"--{name}" for name in other if _was_given(context, name.replace("-", "_"))]
    if given:
        verb, its = ("belongs", "it") if len(given) == 1 else ("belong", "them")
        owner = "classify" if task == "detect" else "detect"
        raise UserError(f"{' and '.join(given)} {verb} to --task {owner}; leave {its} out for --task {task}")
    if _was_given(context, "model") and _was_given(context, "method"):
        raise UserError("--model and --method were both given; a model has its method already, give one of them")


def _points(name: str, text: str | None) -> tuple[int, ...]:
    """Return the points of a curve, smallest first, each once."""
    if text is None:
        return ()
    words = [word.strip() for word in text.split(",")]
    wrong = [word for word in words if not (word.isascii() and word.isdecimal())]
    if wrong:
        raise UserError(f"--{name} {text}: {wrong[0]!r} is no count; give whole numbers with commas between: 1,3,5")
    return tuple(sorted({int(word) for word in words}))


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    title = f"{document['way']}-way {document['shot']}-shot accuracy over {document['episodes']} episodes"
    baselines = {
        f"baseline {name}": rate_text(row["accuracy"], row["interval"]) for name, row in document["baselines"].items()
    }
    main = facts(
        title,
        {document["method"]: rate_text(document["accuracy"], document["interval"])}
        | baselines
        | {"seed": document["seed"], "data": document["fingerprint"]},
    )
    rows = [(name, rate_text(row["recall"], row["interval"])) for name, row in document["per_type"].items()]
    return stacked(main, grid("Each type", ("type", "recall"), rows) if rows else None)
