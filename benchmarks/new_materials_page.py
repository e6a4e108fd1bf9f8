"""The tables of docs/meta-training.md, from benchmarks/new_materials.py; ``benchmarks.numbers`` writes them."""

from collections.abc import Mapping, Sequence
from typing import Any


def new_materials_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the command, the gains over materials, each material, and every frozen head and metric that was tried."""
    seeds = ", ".join(str(seed) for seed in document["seeds"])
    return [
        f"`{document['command']}`, revision {document['revision']}, on {document['machine']}, "
        f"{document['threads']} thread, {document['episodes']} episodes a seed, seeds {seeds}. Differences are "
        "paired by episode, in points.",
        "",
        "Mean over the historical materials, each unseen, with Student's 95% interval over materials:",
        "",
        "| samples | over the best frozen head | over ridge on two depths |",
        "|---|---|---|",
        *[
            f"| {shot} | {points(gains['over_best_frozen'])} | {points(gains['over_ridge_of_two_depths'])} |"
            for shot, gains in document["over_materials"].items()
        ],
        "",
        "Each unseen material, with the 95% interval over episodes:",
        "",
        "| unseen | ways | samples | best frozen | metric_ridge | difference | over ridge on two depths | metric |",
        "|---|---|---|---|---|---|---|---|",
        *[_row(row) for row in document["rows"]],
        "",
        "Every frozen head on every description, mean accuracy over the historical materials:",
        "",
        *_frozen(document["frozen"]),
        "",
        "Every metric that was tried, mean accuracy on historical materials that did not give it:",
        "",
        "| metric, power, head | accuracy |",
        "|---|---|",
        *[f"| {name} | {value:.2%} |" for name, value in document["metrics_tried"].items()],
    ]


def points(interval: Sequence[float]) -> str:
    """Return a difference of shares and its interval, in points."""
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(100.0 * value for value in interval))


def _row(row: Mapping[str, Any]) -> str:
    best = row["accuracy"][row["best_frozen"]][0]
    ours = next(value[0] for name, value in row["accuracy"].items() if name.endswith(": metric_ridge"))
    return (
        f"| {row['material']} | {row['way']} | {row['shot']} | {best:.1%} ({row['best_frozen']}) | {ours:.1%} | "
        f"{points(row['over_best_frozen'])} | {points(row['over_ridge_of_two_depths'])} | {row['metric']} |"
    )


def _frozen(frozen: Mapping[str, Mapping[str, float]]) -> list[str]:
    shots = list(frozen)
    lines = [f"| description: head | {' | '.join(shots)} |", "|---|" + "---|" * len(shots)]
    names = frozen[shots[0]]
    return [
        *lines,
        *[f"| {name} | " + " | ".join(f"{frozen[shot][name]:.1%}" for shot in shots) + " |" for name in names],
    ]
