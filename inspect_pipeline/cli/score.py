"""``inspect-pipeline score``: a verdict for every frame of a coil, or of all coils."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.references import parse_reference
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.cli.text import printable
from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.errors import NothingToDoError, UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.services.scoring import ScoreSummary

CHAMPION = "champion"
_COUNTS = ("judged", "unusable", "new", "findings")
_AMOUNTS = ("not_inspected_m", "seconds")


def score(
    context: typer.Context,
    *,
    coil: Annotated[str | None, typer.Argument(metavar="COIL", help="The coil's id.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every coil of the catalog.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME@ALIAS",
            help="Else the champion of the coil's line and recipe.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge every frame of a coil; none is skipped, and what was judged before is not judged again.

    Ends with 4 when this detector had judged all of it before. With --all, coils of a line without a detector are
    listed as not scored; one that fails does not stop the others, but the command then ends with 2.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    if (coil is not None) == every:
        raise UserError("score needs one coil or all of them: give either COIL or --all")
    with session.house() as house:
        document = score_document(house.score(coil, model=model)) if coil is not None else _score_all(house, model)
    session.answer(document, lambda: _view(document))
    _end(document)


def score_document(summary: "ScoreSummary") -> Document:
    """Return the answer for one coil."""
    return {**document_of(summary), "frames_per_s": summary.frames_per_s}


def _score_all(house: "House", model: str | None) -> Document:
    """Score coil after coil; one that is not scored keeps its place in the list, with the reason."""
    champions = {version.model for version in house.models.listing() if CHAMPION in version.aliases}
    usable = champions if model is None else {parse_reference(model).model}
    rows: list[Document] = []
    for coil in house.coils():
        try:
            if detector_name(coil.line, coil.recipe) in usable:
                rows.append(score_document(house.score(coil.id, model=model)))
            else:
                why = (
                    "its line and recipe have no detector in force" if model is None else f"{model} is of another line"
                )
                rows.append({"coil": coil.id, "not_scored": why})
        except UserError as error:
            rows.append({"coil": coil.id, "error": printable(error)})
    return sum_of_coils(rows)


def sum_of_coils(rows: Sequence[Document]) -> Document:
    """Return the sums over the coils that were scored, with the coils one by one in ``coils``."""
    scored = [row for row in rows if "detector" in row]
    total: Document = {key: sum(row[key] for row in scored) for key in _COUNTS}
    total |= {key: float(sum(row[key] for row in scored)) for key in _AMOUNTS}
    total["frames_per_s"] = total["new"] / total["seconds"] if total["seconds"] > 0 else 0.0
    verdicts: dict[str, int] = {}
    for row in scored:
        for verdict, count in row["verdicts"].items():
            verdicts[verdict] = verdicts.get(verdict, 0) + count
    return {**total, "verdicts": verdicts, "coils": list(rows)}


def _end(document: Document) -> None:
    """End with the error of a coil that could not be scored, or with 4 where nothing was new."""
    rows = document.get("coils", [document])
    failed = [row for row in rows if "error" in row]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(rows)} coils were not scored; {failed[0]['coil']}: {failed[0]['error']}"
        )
    if not any("detector" in row for row in rows):
        raise NothingToDoError(
            "no coil of a line with a detector in force is in the catalog; ingest one, or promote one"
        )
    if document["new"] == 0:
        raise NothingToDoError("this detector has judged all frames before")


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    title = (
        f"{len(document['coils'])} coils" if "coils" in document else f"{document['coil']} by {document['detector']}"
    )
    total = facts(
        title,
        {
            "judged": f"{document['judged']} frames ({document['new']} new)",
            "unusable": document["unusable"],
            "not inspected": f"{document['not_inspected_m']:.3f} m",
            "findings": document["findings"],
            "verdicts": ", ".join(f"{name} {count}" for name, count in sorted(document["verdicts"].items())) or "none",
            "speed": f"{document['frames_per_s']:.1f} frames/s over {document['seconds']:.1f} s",
        },
    )
    if "coils" not in document:
        return total
    return stacked(
        total, grid("Coils", ("coil", "judged", "unusable", "findings", "detector"), map(_row, document["coils"]))
    )


def _row(row: Document) -> tuple[object, ...]:
    if "detector" not in row:
        return row["coil"], "not scored", "", "", row.get("error") or row["not_scored"]
    return row["coil"], row["judged"], row["unusable"], row["findings"], row["detector"]
