"""What the pages say of teaching: its time, and what a further type costs."""

from collections.abc import Mapping
from typing import Any


def teach_lines(teach: Mapping[str, Any]) -> list[str]:
    threads = ", ".join(f"{name}={value}" for name, value in teach["threads"].items() if value)
    busiest = max(row["load_average"] for row in teach["rows"].values())
    return [
        "",
        "## How long teaching takes",
        "",
        f"`{teach['command'].strip()}`, revision {teach['revision']}, on {teach['machine']} ({threads}; "
        f"load average up to {busiest}): {teach['material']}. The last type is taught beside the others, whose "
        "teaching left its descriptors and its work on good material in the feature store; in brackets without that "
        "work. A ratio is in passes of one image of 512 x 512 px through the backbone, in the same process.",
        "",
        "| | good images | seconds | ratio | bytes a type |",
        "|---|---|---|---|---|",
        *(
            f"| {row['what']} | {row['good_units']} | {row['seconds']:.1f} ({row['first_seconds']:.1f}) | "
            f"{row['ratio']:.0f} ({row['first_ratio']:.0f}) | {row['bytes_per_type']} |"
            for row in teach["rows"].values()
        ),
    ]


def forgetting_lines(forgetting: Mapping[str, Any]) -> list[str]:
    """Return what the last type costs those before it, in points of held-out images found and named."""
    lost = forgetting["lost_points_of_known_types"]
    rows = [
        f"| {when} | {points(found['found'])} | {points(found['named'])} |"
        for when, found in lost.items()
        if when != "intervals"
    ]
    overkill = "; ".join(
        f"{count} types {100.0 * found['value']:.1f}%" for count, found in forgetting["overkill"].items()
    )
    return [
        "",
        "## What a further type costs the known ones",
        "",
        f"`{forgetting['command']}`, revision {forgetting['revision']}, {len(forgetting['draws'])} draws: "
        f"{forgetting['types']} types are taught one after another beside {forgetting['good']} good images. Points of "
        f"held-out images of the nine that are lost, {lost['intervals']}. Overkill at 5% promised: {overkill}.",
        "",
        "| | no longer found | no longer named |",
        "|---|---|---|",
        *rows,
    ]


def points(found: Mapping[str, Any]) -> str:
    """Return a mean of points with its interval."""
    low, high = found["interval"]
    return f"{found['value']:.1f} [{low:.1f}, {high:.1f}]"
