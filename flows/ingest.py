"""Flow ``ingest``: the captures of a source become frames of a coil."""

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.artifacts import show_table
from flows.house import Door, door_of_this_run
from flows.outcome import Outcome, as_json, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from inspect_pipeline.errors import BadDataError


@flow(name="ingest", flow_run_name="ingest {source}", description="Take in captures as frames of a coil.")
def ingest(
    source: str,
    *,
    coil: str | None = None,
    line: str = "default",
    recipe: str = "default",
    subfolders: bool = False,
    rewound: bool = False,
    offset_m: float = 0.0,
) -> State[dict[str, Any]]:
    """Take in the source (a folder, or a URI as ``inspect-pipeline ingest`` takes it), or its subfolders as coils.

    Line 0 of the coil lies ``offset_m`` metres from its head; a ``rewound`` one runs towards the head.
    """
    with door_of_this_run() as door:
        sources = coil_folders(source) if subfolders else [source]
        passage = {"rewound": rewound, "offset_m": offset_m}
        rows = [
            row
            for one in sources
            for row in _ingest_one(door, one, coil=coil, line=line, recipe=recipe, passage=passage)
        ]
        show_table("ingest", f"Ingest of {source}", [_table_row(row) for row in rows])
        return concluded(_outcome(source, rows))


def coil_folders(source: str) -> list[str]:
    """Return the subfolders, by name. Raises BadDataError where there is none."""
    folders = sorted(str(path) for path in Path(source).glob("*/") if not path.name.startswith("."))
    if not folders:
        raise BadDataError(f"{source}: no subfolder to take as a coil; give a folder of coil folders")
    return folders


def _ingest_one(
    door: Door, source: str, *, coil: str | None, line: str, recipe: str, passage: dict[str, Any]
) -> list[dict[str, Any]]:
    with door.turn(f"ingest {coil or Path(source).name}") as ours:
        return [take_in(door, source, coil=coil, line=line, recipe=recipe, passage=passage)] if ours else []


@task(
    name="take in captures",
    task_run_name="take in {source}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def take_in(
    door: Door, source: str, *, coil: str | None, line: str, recipe: str, passage: dict[str, Any]
) -> dict[str, Any]:
    """Return the summary of the ingest of one coil as JSON."""
    summary = door.house.ingest(
        source, coil=coil, line=line, recipe=recipe, rewound=passage["rewound"], offset_m=passage["offset_m"]
    )
    return {**as_json(summary), "nothing_new": summary.nothing_new}


def _outcome(source: str, rows: list[dict[str, Any]]) -> Outcome:
    answer = rows[0] if len(rows) == 1 else {"coils": rows}
    if not rows:
        return nothing_to_do(f"another run is ingesting {source} at this moment", answer)
    captured = sum(row["captured"] for row in rows)
    if all(row["nothing_new"] for row in rows):
        return nothing_to_do(f"all {captured} captures of {source} are in the catalog already", answer)
    new, unusable = sum(row["new"] for row in rows), sum(len(row["unusable"]) for row in rows)
    return Outcome(message=f"{new} new captures of {source}, {captured} in all, {unusable} unusable", answer=answer)


def _table_row(row: dict[str, Any]) -> dict[str, str | int | float | None]:
    return {
        "coil": row["coil"],
        "captured": row["captured"],
        "new": row["new"],
        "duplicates": row["duplicates"],
        "unusable": len(row["unusable"]),
        "gaps": len(row["missing"]),
        "missing lines": sum(gap["line_count"] for gap in row["missing"]),
        "labels": row["labels"],
        "lines/s": row["rates"]["lines_per_s"],
        "MB/s": row["rates"]["megabytes_per_s"],
        "seconds": row["seconds"],
    }
