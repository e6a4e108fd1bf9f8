"""``inspect-pipeline train``: meta-train an initialization and register it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, SeedOption, WorkspaceOption
from inspect_pipeline.cli.session import Session, open_session
from inspect_pipeline.cli.text import rate_text
from inspect_pipeline.errors import NothingToDoError

if TYPE_CHECKING:
    from rich.console import RenderableType


MoreArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DIR]...", help="Further data folders, after --data DIR.", show_default=False),
]
DataOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="A data folder, or a folder of one a family; several may be given. Else the history in the catalog.",
        show_default=False,
    ),
]
MethodOption = Annotated[str, typer.Option("--method", metavar="M", help="See --list-methods.")]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="Registered as initialization.NAME.")]
EmbeddingOption = Annotated[
    str | None,
    typer.Option(
        "--embedding",
        metavar="E",
        help="descriptors, conv4 or resnet12 (networks learn from images); else as in training.yaml.",
        show_default=False,
    ),
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the method; several may be given."),
]
ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE", help="A further yaml file, named after its section.", show_default=False),
]


def train(
    context: typer.Context,
    *,
    more: MoreArgument = None,
    data: DataOption = None,
    method: MethodOption = "protonet",
    name: NameOption = "default",
    config: ConfigOption = None,
    option: OptionOption = None,
    embedding: EmbeddingOption = None,
    list_methods: Annotated[bool, typer.Option("--list-methods", help="Name the methods and end.")] = False,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Meta-train an initialization on known families and register it as challenger.

    Ends with 4 when the same data, settings and seed were trained before.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    if list_methods:
        _list_methods(session)
        return
    with session.house(config or ()) as house:
        folders = [*(data or ()), *(more or ())]
        options = tuple(option or ())
        summary = house.train(folders, method=method, name=name, seed=seed, options=options, embedding=embedding)
    document = document_of(summary)
    session.answer(document, lambda: _view(document))
    if not summary.new:
        raise NothingToDoError(f"{summary.model} version {summary.version} was trained on the same input before")


def _list_methods(session: Session) -> None:
    with session.house() as house:
        methods, details = list(house.train_methods()), house.method_details()
    session.answer({"methods": methods, "details": details}, lambda: _methods_view(details))


def _methods_view(details: Sequence[Mapping[str, Any]]) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [
        (
            row["name"],
            row["learned"],
            ", ".join(f"{name}={value}" for name, value in row["options"].items()),
            row["paper"],
        )
        for row in details
    ]
    return grid("Methods, and the frozen baselines beside them", ("name", "learns from", "options", "paper"), rows)


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts

    rows: dict[str, object] = {
        "method": document["method"],
        "head in force": document["chosen"],
        "families": document["families"] if isinstance(document["families"], int) else ", ".join(document["families"]),
        "speed": f"{document['episodes_per_s']:.1f} episodes/s",
        "took": f"{document['seconds']:.1f} s",
    }
    rows |= metric_rows(document["metrics"])
    return facts(f"{document['model']} version {document['version']}", rows)


def metric_rows(metrics: Mapping[str, float | None]) -> dict[str, object]:
    """Return the metrics for people: one with ``_low`` and ``_high`` beside it becomes a rate with its interval."""
    ends = {f"{name}{end}" for name in metrics for end in ("_low", "_high")}
    return {name: _metric(metrics, name) for name in metrics if name not in ends}


def _metric(metrics: Mapping[str, float | None], name: str) -> str:
    value, low, high = metrics[name], metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if value is None or low is None or high is None:
        return "not measured" if value is None else f"{value:.4g}"
    return rate_text(value, (low, high))
