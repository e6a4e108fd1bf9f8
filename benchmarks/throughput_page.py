"""The table of docs/networks.md, from what benchmarks/throughput.py measured; ``benchmarks.numbers`` writes it."""

from collections.abc import Mapping
from typing import Any


def throughput_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the command and a row for every method and peer."""
    threads = ", ".join(f"{name} {value}" for name, value in document["threads"].items())
    loads = ", ".join(f"{document['load_average'][when][0]:.1f} {when}" for when in ("before", "after"))
    versions = ", ".join(f"{name} {value}" for name, value in document["versions"].items())
    lines = [
        f"`{document['command']}`, revision {document['revision']}, on {document['machine']} ({threads}; load {loads}; "
        f"{versions}). {document['episode']}. CPU seconds an episode, median over {document['repeats']} repeats; times "
        f"as fast: {document['intervals']}. Filling our cache with {document['images']} images took "
        f"{document['filling_the_cache_cpu_s']:.2f} s once.",
        "",
        "| method | peer | peer, s | ours, bfloat16, s | ours, float32, s | times as fast | by the clock | float32 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, method in document["methods"].items():
        seconds = method["cpu_s_an_episode"]
        for peer in method["times_as_fast"]:
            ratios = (_ratio(method[key][peer]) for key in _RATIOS)
            own = f"{seconds['ours, bfloat16']:.2f} | {seconds['ours, float32']:.2f}"
            lines.append(f"| {name} | {peer} | {seconds[peer]:.2f} | {own} | {' | '.join(ratios)} |")
    aims = ", ".join(
        f"{name} {method['target']:.1f} ({'met' if method['target_met'] else 'not met'})"
        for name, method in document["methods"].items()
    )
    return [*lines, "", f"Aims against the best peer, to be met by the lower bound: {aims}."]


_RATIOS = ("times_as_fast", "times_as_fast_by_the_clock", "times_as_fast_in_float32")


def _ratio(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{measured['mean']:.2f} [{low:.2f}, {high:.2f}]"
