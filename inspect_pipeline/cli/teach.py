"""``inspect-pipeline teach``: a new defect type from a few samples."""

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
from inspect_pipeline.cli.text import rate_text, share_text
from inspect_pipeline.domain.taxonomy import checked_type
from inspect_pipeline.errors import NothingToDoError, UserError
from inspect_pipeline.learning.detector_settings import ADAPTATIONS, checked_adaptation

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.services.teaching import TeachSummary


TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="The name of the type.", show_default=False)]
SamplesOption = Annotated[
    Path | None,
    typer.Option(
        "--samples", metavar="DIR", help="Images of the type: a flat folder or a data folder.", show_default=False
    ),
]
LabelsOption = Annotated[
    Path | None, typer.Option("--labels", metavar="FILE", help="Boxes of the type, as boxes.csv.", show_default=False)
]
AdaptationOption = Annotated[
    str | None,
    typer.Option(
        "--adaptation",
        metavar="NAME",
        help=f"What is tried beyond the closed form, taken only if left-out samples gain: {', '.join(ADAPTATIONS)}.",
        show_default=False,
    ),
]
NormalsOption = Annotated[
    Path | None, typer.Option("--normals", metavar="DIR", help="Images of good material.", show_default=False)
]


WithdrawOption = Annotated[
    bool, typer.Option("--withdraw", help="Take the type's samples back instead, and adapt to what is left.")
]


def teach(
    context: typer.Context,
    *,
    defect_type: TypeArgument,
    samples: SamplesOption = None,
    labels: LabelsOption = None,
    normals: NormalsOption = None,
    withdraw: WithdrawOption = False,
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    operator: OperatorOption = None,
    adaptation: AdaptationOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Teach a defect type from 3 to 5 samples; the line's new detector is registered as challenger.

    With --withdraw the type is un-taught: the detector of the samples left, often one of before, is the challenger.
    Ends with 4 when the same samples were taught before.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    _refuse_sources(samples, labels, normals, withdraw=withdraw)
    name = checked_type(defect_type)
    if adaptation is not None:
        checked_adaptation(adaptation)
    who = operator_name(operator)
    with session.house() as house:
        if withdraw:
            summary = house.withdraw(name, line=line, recipe=recipe, operator=who, seed=seed)
        else:
            summary = house.teach(
                name,
                samples=samples,
                labels=labels,
                normals=normals,
                line=line,
                recipe=recipe,
                operator=who,
                seed=seed,
                adaptation=adaptation,
            )
    document = teach_document(summary, name)
    session.answer(document, lambda: _view(document))
    if not summary.new and not withdraw:
        raise NothingToDoError(f"{summary.model} version {summary.version} was taught the same samples before")


def _refuse_sources(samples: Path | None, labels: Path | None, normals: Path | None, *, withdraw: bool) -> None:
    if withdraw and any(given is not None for given in (samples, labels, normals)):
        raise UserError("--withdraw takes samples back; give no --samples, --labels or --normals with it")
    if not withdraw and (samples is None) == (labels is None):
        raise UserError("teach needs samples of the type: give either --samples DIR or --labels FILE")


def teach_document(summary: "TeachSummary", defect_type: str) -> Document:
    """Return the answer: the summary, and the life cycle that the taught type has reached."""
    return {**document_of(summary), "type": defect_type, "life_cycle": summary.life_cycles.get(defect_type)}


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    overkill = document["overkill"]
    main = facts(
        f"{document['model']} version {document['version']} (challenger)",
        {
            "taught": f"{document['type']} ({document['life_cycle'] or 'not among the types'})",
            "from": document["initialization"],
            "known-good regions": document["normals"],
            "overkill": share_text(overkill["alarms"], overkill["of"], overkill["interval"]),
            "took": f"{document['seconds']:.1f} s",
            **_adaptation(document["adaptation"]),
        },
    )
    warnings = (grid(kind, (message,), ()) for kind, message in _warnings(document))
    return stacked(main, _types(document), _effect(document["effect"]), *warnings)


def _warnings(document: Document) -> list[tuple[str, str]]:
    """Return (severity, message) of all that is to be said; without records what there is are warnings."""
    checks = [(f"{check['severity']}: {check['kind']}".capitalize(), check["message"]) for check in document["checks"]]
    return checks or [("Warning", warning) for warning in document["warnings"]]


def _effect(effect: Document | None) -> "RenderableType | None":
    """Return what changes on recent frames, or why that is not known."""
    from inspect_pipeline.cli.tables import facts

    if effect is None:
        return None
    if effect["skipped"] is not None:
        return facts("Effect on recent frames", {"not tried": effect["skipped"]})
    extra = effect["extra_alarms"]
    rows: dict[str, object] = {
        "frames": f"{effect['frames']} of those judged last, against {effect['against']}",
        "extra alarms": share_text(extra["count"], extra["of"], extra["interval"]),
        "verdicts that change": ", ".join(f"{flip} {count}" for flip, count in effect["flips"].items()) or "none",
    }
    if effect["changed"]:
        rows["frames that change"] = ", ".join(one["source"] for one in effect["changed"])
    return facts("Effect on recent frames", rows | ({"note": effect["note"]} if effect["note"] else {}))


def _adaptation(outcome: Document | None) -> dict[str, str]:
    if outcome is None:
        return {}
    taken = "taken" if outcome["accepted"] else "not taken, the closed form stays"
    return {f"adaptation {outcome['name']}": f"{taken}: {outcome['reason']}"}


def _types(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = []
    for name, row in document["leave_one_out"].items():
        named = document["confusions"].get(name, {})
        confused = ", ".join(f"{other} {count}" for other, count in named.items() if other != name)
        forgetting = document["forgetting"].get(name)
        rows.append(
            (
                name,
                document["life_cycles"].get(name, ""),
                share_text(row["found"], row["of"], row["interval"]),
                confused or "none",
                "new" if forgetting is None else rate_text(forgetting, None),
                _cost((document["against_champion"] or {}).get(name)),
            )
        )
    columns = ("type", "life cycle", "found", "named instead", "forgetting", "against the champion")
    return grid("Types, each sample left out once", columns, rows)


def _cost(cost: Document | None) -> str:
    """Return what the new types cost a type of the detector in force, in points of its left-out samples."""
    if cost is None:
        return ""
    return f"{-cost['lost_points']:+.1f} found, {-cost['lost_naming_points']:+.1f} named (of {cost['of']})"
