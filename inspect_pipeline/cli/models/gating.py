"""``models compare``, ``promote`` and ``rollback``: the version in force changes through its gate alone."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.models.reteaching import retaught_after, reteach_view
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import (
    ConfigDirOption,
    DebugOption,
    JsonOption,
    ModelArgument,
    OperatorOption,
    WorkspaceOption,
)
from inspect_pipeline.cli.references import ModelReference, parse_reference
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.cli.text import share_text
from inspect_pipeline.errors import NothingToDoError, RefusedError, UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.gate import Evidence, GateReport

VersionOption = Annotated[
    str | None, typer.Option("--version", metavar="N", help="The version; else the challenger.", show_default=False)
]
OverrideOption = Annotated[
    str | None,
    typer.Option(
        "--override",
        metavar="ROLE",
        help="Promote against the gate, in this role (gates.yaml, overrides); needs --reason.",
        show_default=False,
    ),
]
ReteachOption = Annotated[
    bool,
    typer.Option("--reteach/--no-reteach", help="Of an initialization: teach the lines that follow it again."),
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the records.")]


def compare(
    context: typer.Context,
    *,
    model: ModelArgument,
    version: VersionOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Put the evidence of a version (or of the challenger) beside the champion's, with the gate's opinion."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = _wanted(model, version)
    with session.house() as house:
        resolved, report = house.models.gate(wanted.model, version=_resolved(house, wanted))
    document = {"model": wanted.model, "version": resolved, **gate_document(report)}
    session.answer(document, lambda: _compare_view(document))


def promote(
    context: typer.Context,
    *,
    model: ModelArgument,
    version: VersionOption = None,
    operator: OperatorOption = None,
    reason: ReasonOption = "promoted from the command line",
    override: OverrideOption = None,
    reteach: ReteachOption = True,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a version (or the challenger) the champion, if its gate passes. Ends with 3 when the gate refuses.

    Ends with 4 when that version is the champion already. An override is recorded with what the gate said. Once an
    initialization is in force, the lines that follow it are taught again; what fails there does not undo it.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = _wanted(model, version)
    with session.house() as house:
        resolved = _resolved(house, wanted)
        try:
            promotion, report = house.models.promote(
                wanted.model, operator=operator_name(operator), reason=reason, version=resolved, override=override
            )
            unmoved = None
            lines = retaught_after(house, wanted.model, operator_name(operator)) if reteach else {}
        except (RefusedError, NothingToDoError) as error:
            tried, report = house.models.gate(wanted.model, version=resolved)
            unmoved = error
    if unmoved is not None:
        refusal: Document = {"model": wanted.model, "version": tried, "promoted": False, "why": str(unmoved)}
        refusal |= gate_document(report)
        session.answer(refusal, lambda: _compare_view(refusal))
        raise unmoved
    document = {**document_of(promotion), "version": promotion.to_version, "promoted": True, **gate_document(report)}
    document |= lines
    session.answer(document, lambda: _promoted_view(document))


def rollback(
    context: typer.Context,
    *,
    model: ModelArgument,
    operator: OperatorOption = None,
    reason: ReasonOption = "rolled back from the command line",
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make the previous version the champion again; it was in force before, so no gate is asked."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = parse_reference(model)
    if wanted.version or wanted.alias:
        raise UserError(f"rollback goes to the previous version; give {wanted.model} alone, or use 'models promote'")
    with session.house() as house:
        promotion = house.models.rollback(wanted.model, operator=operator_name(operator), reason=reason)
    document = {**document_of(promotion), "version": promotion.to_version}
    session.answer(document, lambda: _moved_view(document))


def gate_document(report: "GateReport") -> Document:
    """Return the gate's opinion with the evidence of both sides."""
    from inspect_pipeline.domain.parity import parity_to
    from inspect_pipeline.domain.trial import trial_to

    return {
        "passed": report.passed,
        "reasons": list(report.reasons),
        "challenger": _evidence(report.challenger),
        "champion": None if report.champion is None else _evidence(report.champion),
        "trial": trial_to(report.trial),
        "champion_trial": trial_to(report.champion_trial),
        "parity": parity_to(report.parity),
        "normality_trial": trial_to(report.normality_trial),
    }


def _evidence(evidence: "Evidence") -> Document:
    """Return the evidence as in the manifest, its rates with their intervals."""
    from inspect_pipeline.domain.gate import evidence_to

    overkill = evidence.overkill
    types = {
        one.defect_type: {
            "found": one.found.count,
            "of": one.found.trials,
            "interval": [one.found.low, one.found.high],
            "forgetting": one.forgetting,
        }
        for one in evidence.types
    }
    return {
        **document_of(evidence_to(evidence)),
        "overkill": None
        if overkill is None
        else {"alarms": overkill.count, "of": overkill.trials, "interval": [overkill.low, overkill.high]},
        "types": types,
    }


def _wanted(model: str, version: str | None) -> ModelReference:
    wanted = parse_reference(model)
    if version is None:
        return wanted
    if wanted.version or wanted.alias:
        raise UserError(f"{model!r} names a version already; give either @REF or --version")
    return ModelReference(model=wanted.model, version=version)


def _resolved(house: "House", wanted: ModelReference) -> str | None:
    """Return the version asked for, None for the challenger."""
    if wanted.alias is None:
        return wanted.version
    return house.models.show(wanted.model, alias=wanted.alias)[0]


def _moved_view(document: Document) -> "RenderableType":
    before = document["from_version"] or "none"
    return (
        f"{document['model']}: champion is version {document['to_version']} (before: {before}), "
        f"by {document['operator']}: {document['reason']}"
    )


def _promoted_view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import stacked

    return stacked(_moved_view(document), reteach_view(document["reteach"]) if "reteach" in document else None)


def _compare_view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    opinion = facts(
        f"{document['model']} version {document['version']}",
        {"gate": "passes" if document["passed"] else "refuses"}
        | {f"reason {number}": reason for number, reason in enumerate(document["reasons"], 1)},
    )
    mine = evidence_rows(document["challenger"]) | _trial_rows(document["trial"]) | _parity_rows(document["parity"])
    champions = {} if document["champion"] is None else evidence_rows(document["champion"])
    champions |= _trial_rows(document["champion_trial"])
    rows = [(name, mine.get(name, "none"), champions.get(name, "none")) for name in {**mine, **champions}]
    return stacked(opinion, grid("Evidence", ("", "this version", "champion"), rows) if rows else None)


def _trial_rows(trial: Document | None) -> dict[str, str]:
    if trial is None:
        return {}
    rates = {f"held-out {name} found": row for name, row in trial["recall"].items()}
    rates |= {"held-out overkill": trial["overkill"], "held-out strangers found": trial["unknown_found"]}
    rows = {name: share_text(row["count"], row["of"], row["interval"]) for name, row in rates.items() if row["of"]}
    if trial["seconds_per_mpx"] is not None:
        rows["seconds a megapixel"] = f"{trial['seconds_per_mpx']:.2f}"
    return rows


def _parity_rows(parity: Document | None) -> dict[str, str]:
    if parity is None:
        return {}
    flips = parity["flips"]
    what = f"verdicts that {parity['runtime']} changes"
    counted = share_text(flips["count"], flips["of"], flips["interval"]) if flips["of"] else "no frame was judged"
    return {what: counted, "largest difference of a score from torch": f"{parity['difference']:.2g}"}


def evidence_rows(evidence: Document) -> dict[str, str]:
    """Return the evidence that there is, in the form that people read."""
    rows: dict[str, str] = {}
    for name, value in evidence.items():
        if name == "overkill" and value is not None:
            rows[name] = share_text(value["alarms"], value["of"], value["interval"])
        elif name == "types":
            rows |= {
                f"{kind} found": share_text(row["found"], row["of"], row["interval"]) for kind, row in value.items()
            }
        elif value is not None:
            rows[name.replace("_", " ")] = f"{value:.4g}" if isinstance(value, float) else str(value)
    return rows
