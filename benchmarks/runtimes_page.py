"""The tables of docs/runtimes.md, of what benchmarks/runtime_parity.py and benchmarks/first_verdict.py measured."""

from collections.abc import Mapping
from typing import Any

_WAYS = {
    "registry": "from the registry, as scoring finds it",
    "file": "from the bundle's file, without MLflow",
    "graph": "the exported graph by ONNX Runtime, without torch",
}


def parity_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the command and a row for every runtime on every material."""
    versions = ", ".join(f"{name} {value}" for name, value in document["versions"].items())
    lines = [
        "## Measured: what a runtime changes",
        "",
        f"`{document['command']}`, revision {document['revision']}, on {_where(document)}; {versions}. The detector is "
        f"taught from {document['shot']} samples and {document['normals']} good images; of the other images the first "
        "ones by name are judged, as many as the column says. Which convolutions int8 leaves in float32 was chosen on "
        "8 of the frames of kolektor_sdd: only mvtec_bottle is a fair test of int8. "
        "Difference: the largest of any score of a frame, in multiples of the threshold. Times as fast: CPU seconds of "
        "describing a frame, torch over the runtime, median, with the 95% interval of the mean.",
        "",
        "| material | runtime | changed verdicts | interval | passes that alarmed | difference, median | largest | "
        "times as fast | the gate's rule |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, material in document["materials"].items():
        lines += [_row(name, runtime, figures) for runtime, figures in material["runtimes"].items()]
    refused = {text for material in document["materials"].values() for text in material["refused"].items()}
    return [*lines, "", *[f"Not here: {runtime} ({why})." for runtime, why in sorted(refused)]]


def _row(material: str, runtime: str, figures: Mapping[str, Any]) -> str:
    flips, (low, high) = figures["flips"], figures["flips"]["interval"]
    speed = figures["times_as_fast"]
    interval = f"[{speed['mean_interval'][0]:.1f}, {speed['mean_interval'][1]:.1f}]"
    cells = [
        material,
        runtime,
        f"{flips['count']} of {flips['of']}",
        f"[{low:.1%}, {high:.1%}]",
        str(figures["escapes"]),
        f"{figures['median_difference']:.2g}",
        f"{figures['difference']:.2g}",
        f"{speed['median']:.1f} {interval}",
        "refuses" if figures["gate"] else "passes",
    ]
    return f"| {' | '.join(cells)} |"


def first_verdict_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the command and a row for every way to a first verdict."""
    height, width = document["frame_px"][:2]
    lines = [
        "",
        "## Measured: load to first verdict",
        "",
        f"`{document['command']}`, revision {document['revision']}, on {_where(document)}. A fresh process a run, a "
        f"frame of {height} x {width} px with a defect, medians of {document['repeats']}; seconds by the clock, CPU "
        f"seconds in brackets. The aim is {document['target_s']} s from load to verdict.",
        "",
        "| the detector comes | imports | stores opened | load | first verdict | load to verdict | the whole process |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, figures in document["ways"].items():
        wall, cpu = figures["wall_s"], figures["cpu_s"]
        stages = [f"{wall[name]:.2f} ({cpu[name]:.2f})" if name in wall else "" for name in _STAGES]
        loaded = f"{figures['load_to_verdict_s']:.2f} ({figures['load_to_verdict_cpu_s']:.2f})"
        whole = f"{figures['fresh_process_s']:.2f} ({figures['fresh_process_cpu_s']:.2f})"
        lines.append(f"| {' | '.join([_WAYS[way], *stages, loaded, whole])} |")
    return lines


_STAGES = ("import", "open", "load", "verdict")


def _where(document: Mapping[str, Any]) -> str:
    threads = ", ".join(f"{name} {value}" for name, value in document["threads"].items() if value)
    load = document["load_average"]
    return f"{document['machine']} ({threads}; load {load['before']} before, {load['after']} after)"
