"""``inspect-pipeline evaluate``: accuracy on labelled data with its interval, beside the baselines."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inspect_pipeline.cli.detect_view import detect_view
from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.method_view import cross_domain_view, method_view
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, SeedOption, WorkspaceOption
from inspect_pipeline.cli.points import points_of
from inspect_pipeline.cli.session import Session, open_session
from inspect_pipeline.errors import UserError

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.house import House

Task = Literal["classify", "detect", "cross-domain"]
_EPISODES = ("way", "query", "episodes", "method", "regions", "option", "plots", "track", "config")
BELONGS_TO: dict[Task, tuple[str, ...]] = {
    "classify": (*_EPISODES, "curve-steps", "open-world", "model", "curve-shots"),
    "detect": ("normals", "draws", "curve-normals", "baselines", "model", "curve-shots"),
    "cross-domain": (*_EPISODES, "seeds"),
}
"""The options that not every task takes, by the tasks that do."""
NORMALS, DRAWS = 20, 10
MoreArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DIR]...", help="Further data folders, after --data DIR.", show_default=False),
]
DataOption = Annotated[
    list[Path],
    typer.Option(
        "--data",
        metavar="DIR",
        help="A data folder, or a folder of one a family; several may be given.",
        show_default=False,
    ),
]
TaskOption = Annotated[
    Task,
    typer.Option(
        "--task",
        help="classify: N-way K-shot episodes; detect: detectors taught over repeated draws; cross-domain: each "
        "material in turn is left out of the training.",
    ),
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
CurveStepsOption = Annotated[
    str | None,
    typer.Option(
        "--curve-steps", metavar="N,N", help="Points of a curve over steps of adaptation: 0-20.", show_default=False
    ),
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the method; several may be given."),
]
OpenWorldOption = Annotated[
    bool, typer.Option("--open-world/--closed-world", help="Measure types left out and types added as well, or not.")
]
SeedsOption = Annotated[
    int, typer.Option("--seeds", metavar="N", help="Trainings of each left-out material, from --seed on.", min=1)
]
PlotsOption = Annotated[
    Path | None,
    typer.Option("--plots", metavar="DIR", help="Also write every chart as SVG and PNG.", show_default=False),
]
TrackOption = Annotated[bool, typer.Option("--track/--no-track", help="Record the run in MLflow, with its page.")]
ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE", help="A further yaml file, named after its section.", show_default=False),
]
RegionsOption = Annotated[
    Literal["image", "boxes"], typer.Option("--regions", help="Samples: whole images, or the boxes drawn in them.")
]


def evaluate(
    context: typer.Context,
    *,
    data: DataOption,
    more: MoreArgument = None,
    task: TaskOption = "classify",
    way: WayOption = 5,
    shot: ShotOption = 5,
    query: QueryOption = 15,
    episodes: EpisodesOption = 600,
    seed: SeedOption = 0,
    seeds: SeedsOption = 1,
    normals: NormalsOption = None,
    draws: DrawsOption = None,
    curve_shots: CurveShotsOption = None,
    curve_normals: CurveNormalsOption = None,
    curve_steps: CurveStepsOption = None,
    open_world: OpenWorldOption = True,
    baselines: BaselinesOption = "fast",
    page: PageOption = None,
    plots: PlotsOption = None,
    track: TrackOption = True,
    model: ModelOption = None,
    method: MethodOption = None,
    option: OptionOption = None,
    regions: RegionsOption = "image",
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure accuracy over episodes, or detection over draws, with the 95% interval, beside the baselines."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    _refuse_contradictions(context, task)
    folders = [*data, *(more or ())]
    points = {
        "shots": points_of("curve-shots", curve_shots),
        "normals": points_of("curve-normals", curve_normals),
        "steps": points_of("curve-steps", curve_steps),
    }
    sizes = {"shot": shot, "seed": seed}
    if task == "detect":
        sizes |= {"normals": normals or NORMALS, "draws": draws or DRAWS}
        _detect(session, folders, sizes, points, model=model, baselines=baselines, page=page)
        return
    sizes |= {"way": way, "query": query, "episodes": episodes, "seeds": seeds}
    asked = Asked(method=method, model=model, options=tuple(option or ()), regions=regions, open_world=open_world)
    left = Left(page=page, plots=plots, track=track)
    _study(session, task, folders, sizes, points, asked=asked, left=left, config=config or ())


def _study(
    session: Session,
    task: Task,
    data: Sequence[Path],
    sizes: Mapping[str, int],
    points: Mapping[str, tuple[int, ...]],
    *,
    asked: "Asked",
    left: "Left",
    config: Sequence[Path],
) -> None:
    crossed = task == "cross-domain"
    with session.house(config) as house:
        answer = _crossed(house, data, sizes, asked) if crossed else _classified(house, data, sizes, points, asked)
        answer |= _published(house, answer, data, left)
    session.answer(answer, lambda: cross_domain_view(answer) if crossed else method_view(answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is measured over episodes."""

    method: str | None
    model: str | None
    options: tuple[str, ...]
    regions: Literal["image", "boxes"]
    open_world: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What the run leaves behind beside its answer."""

    page: Path | None
    plots: Path | None
    track: bool


def _classified(
    house: "House",
    data: Sequence[Path],
    sizes: Mapping[str, int],
    points: Mapping[str, tuple[int, ...]],
    asked: Asked,
) -> Document:
    summary = house.studies.evaluate(
        data,
        way=sizes["way"],
        shot=sizes["shot"],
        query=sizes["query"],
        episodes=sizes["episodes"],
        seed=sizes["seed"],
        model=asked.model,
        method=asked.method,
        options=asked.options,
        regions=asked.regions,
        curve_shots=points["shots"],
        curve_steps=points["steps"],
        open_world=asked.open_world,
    )
    return document_of(summary)


def _crossed(house: "House", data: Sequence[Path], sizes: Mapping[str, int], asked: Asked) -> Document:
    summary = house.studies.cross_domain(
        data,
        method=asked.method or "protonet",
        options=asked.options,
        way=sizes["way"],
        shot=sizes["shot"],
        query=sizes["query"],
        episodes=sizes["episodes"],
        seed=sizes["seed"],
        seeds=sizes["seeds"],
        regions=asked.regions,
    )
    return document_of(summary)


def _published(house: "House", answer: Document, data: Sequence[Path], left: Left) -> Document:
    """Return where page, charts and run are, without those that were not asked for."""
    command = shlex.join(["inspect-pipeline", *sys.argv[1:]])
    found = document_of(
        house.studies.publish(answer, data=data, command=command, page=left.page, plots=left.plots, track=left.track)
    )
    return {name: value for name, value in found.items() if value}


def _detect(
    session: Session,
    data: Sequence[Path],
    sizes: Mapping[str, int],
    points: Mapping[str, tuple[int, ...]],
    *,
    model: str | None,
    baselines: Literal["fast", "all"],
    page: Path | None,
) -> None:
    if len(data) > 1:
        raise UserError("--task detect takes one --data DIR; give a folder that holds one folder a family")
    with session.house() as house:
        found = house.evaluate_detection(
            data[0],
            shot=sizes["shot"],
            normals=sizes["normals"],
            draws=sizes["draws"],
            seed=sizes["seed"],
            model=model,
            curve_shots=points["shots"],
            curve_normals=points["normals"],
            fine_tuned=baselines == "all",
        )
        answer = document_of(found) | _page(house, document_of(found), data[0], page)
    session.answer(answer, lambda: detect_view(answer))


def _page(house: "House", answer: Document, data: Path, out: Path | None) -> Document:
    """Return where the page was written, nothing where none was asked for."""
    if out is None:
        return {}
    command = shlex.join(["inspect-pipeline", *sys.argv[1:]])
    return {"page": str(house.detection_page(answer, data=data, command=command, out=out))}


def _refuse_contradictions(context: typer.Context, task: Task) -> None:
    every = dict.fromkeys(name for names in BELONGS_TO.values() for name in names)
    given = [name for name in every if name not in BELONGS_TO[task] and _was_given(context, name.replace("-", "_"))]
    if given:
        owner = next(other for other in BELONGS_TO if set(given) & set(BELONGS_TO[other]))
        words = " and ".join(f"--{name}" for name in given)
        verb, its = ("belongs", "it") if len(given) == 1 else ("belong", "them")
        raise UserError(f"{words} {verb} to --task {owner}; leave {its} out for --task {task}")
    if _was_given(context, "model") and _was_given(context, "method"):
        raise UserError("--model and --method were both given; a model has its method already, give one of them")


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
