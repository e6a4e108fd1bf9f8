"""Writes the figures of README.md and docs from benchmarks/results/*.json, so that none is typed by hand.

python -m benchmarks.numbers          # after a benchmark wrote new results; a test holds the two equal
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.adaptation_page import adaptation_lines
from benchmarks.methods_page import methods_lines
from benchmarks.new_materials_page import new_materials_lines
from benchmarks.runtimes_page import first_verdict_lines, parity_lines
from benchmarks.teaching_page import forgetting_lines, teach_lines
from benchmarks.throughput_page import throughput_lines
from benchmarks.workbench_page import workbench_lines
from flows.summary import demo_summary

WORKBENCH = ("queue_latency", "teach_answer", "sign_in_tries", "coil_map_smooth")
ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main() -> None:
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Return the text of each page with its figures as they were last measured."""
    demo, promise, neu = (result(name) for name in ("demo_time", "promise_kept", "evaluate_neu_det"))
    rate, killed, fuzz = (result(name) for name in ("ingest_rate", "killed_ingest", "fuzz_files"))
    measured = demo_lines(demo) + promise_lines(promise) + neu_lines(neu) + detect_lines(result("detect"))
    if there("detect_memory_bank"):
        measured += normality_lines(result("detect"), result("detect_memory_bank"))
    measured += typing_lines(result("region_typing"))
    if there("teach"):
        measured += teach_lines(result("teach"))
    if there("forgetting"):
        measured += forgetting_lines(result("forgetting"))
    measured += rate_lines(rate) + killed_lines(killed) + fuzz_lines(fuzz)
    measured += workbench_lines(*(result(name) for name in WORKBENCH))
    return {
        "README.md": filled("README.md", f"{run_output(demo)}\n\n{spread(promise)}"),
        "docs/adaptation.md": filled("docs/adaptation.md", "\n".join(adaptation_lines(result("adaptation")))),
        "docs/dense-prior.md": filled("docs/dense-prior.md", "\n".join(prior_lines(result("dense_prior")))),
        "docs/meta-training.md": filled(
            "docs/meta-training.md", "\n".join(new_materials_lines(result("new_materials")))
        ),
        "docs/methods.md": filled("docs/methods.md", "\n".join(methods_lines(result("methods_table")))),
        "docs/networks.md": filled("docs/networks.md", "\n".join(throughput_lines(result("throughput")))),
        "docs/runtimes.md": filled("docs/runtimes.md", "\n".join(runtimes_lines())),
        "docs/numbers.md": filled("docs/numbers.md", "\n".join(measured)),
    }


def runtimes_lines() -> list[str]:
    """Return what other runtimes change, and how long a first verdict takes."""
    parity = parity_lines(result("runtime_parity")) if there("runtime_parity") else []
    return [*parity, *first_verdict_lines(result("first_verdict"))]


def there(name: str) -> bool:
    """Return whether a benchmark has left its result."""
    return (ROOT / "benchmarks" / "results" / f"{name}.json").is_file()


def result(name: str) -> Mapping[str, Any]:
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def filled(name: str, figures: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{figures}\n{END}{rest.split(END)[1]}"


def run_output(demo: Mapping[str, Any]) -> str:
    lines = demo_summary(demo["first_run"]["answer"]).rstrip().splitlines()
    return "\n".join(["```text", *lines, "```"])


def spread(promise: Mapping[str, Any]) -> str:
    """Return what one run does not show: the same with other cells and supports."""
    rows = max(by_amount(promise["rows"]).items())[1]
    rates = [row["overkill"]["rate"] for row in rows]
    return (
        f"One draw is not the rule: over {len(rows)} seeds overkill was {min(rates):.1%} to {max(rates):.1%}, "
        f"in the mean {sum(rates) / len(rates):.1%}."
    )


def demo_lines(demo: Mapping[str, Any]) -> list[str]:
    first, second = demo["first_run"], demo["second_run"]
    threads = ", ".join(f"{name}={value}" for name, value in demo["threads"].items() if value)
    lines = [
        "## The demo",
        "",
        f"`{demo['command']}` after installation, on {demo['machine']} ({threads or 'default threads'}), revision "
        f"{demo['revision']}: {first['wall_s']:.0f} s, peak memory {first['peak_pss_mib']} MiB (summed PSS of all "
        f"processes). A second run does nothing twice and takes {second['wall_s']:.0f} s. "
        "From `benchmarks/demo_time.py`.",
        "",
        "| held out | type | escapes | interval |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {row['origin']} | {row['type']} | {share(row['escapes'])} | {interval(row['escapes'])} |"
        for row in first["answer"]["metrics"]["per_type"]
    ]


def promise_lines(promise: Mapping[str, Any]) -> list[str]:
    lines = [
        "",
        "## Is the promise kept?",
        "",
        "Promised: at most 5% of good cells alarm. Every seed draws other cells of the same modules, other supports",
        "and another camera; modules are either taught on or held out, never both. From",
        f"`{promise['command']}`, revision {promise['revision']}.",
        "",
        "| good cells taught | modules taught on | seed | overkill | interval | escapes, real | escapes, simulated |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in promise["rows"]:
        escapes = row["escapes"]
        lines.append(
            f"| {row['good_cells']} | 1 of {row['every_module']} | {row['seed']} | {share(row['overkill'])} | "
            f"{interval(row['overkill'])} | {share(escapes['real'])} | {share(escapes['simulated'])} |"
        )
    for good, rows in by_amount(promise["rows"]).items():
        mean = sum(row["overkill"]["rate"] for row in rows) / len(rows)
        lines += ["", f"Mean realised overkill with {good} good cells: {mean:.1%}."]
    return lines


def by_amount(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["good_cells"], []).append(row)
    return groups


def neu_lines(neu: Mapping[str, Any]) -> list[str]:
    low, high = neu["interval"]
    baselines = ", ".join(
        f"{name} {value['accuracy']:.3f} [{value['interval'][0]:.3f}, {value['interval'][1]:.3f}]"
        for name, value in neu["baselines"].items()
    )
    return [
        "",
        "## Frozen backbone on NEU-DET",
        "",
        f"`inspect-pipeline evaluate --data neu_det --way {neu['way']} --shot {neu['shot']} "
        f"--episodes {neu['episodes']} --json` (seed {neu['seed']}, no meta-training, supports and queries never from "
        f"one leakage group): {neu['method']} "
        f"{neu['accuracy']:.3f} [{low:.3f}, {high:.3f}]; baselines on the same episodes: {baselines}. Data fingerprint "
        f"{neu['fingerprint'][:16]}.",
    ]


def detect_lines(detect: Mapping[str, Any]) -> list[str]:
    materials = detect["materials"]
    first = next(iter(materials.values()))
    names = {
        "image_auroc": "image AUROC",
        "average_precision": "average precision",
        "escape_at_0.01": "escape at 1% overkill of the test itself",
        "escape_at_0.05": "escape at 5% overkill of the test itself",
        "overkill": f"realised overkill, promised {first['promised_overkill']:.0%}",
        "escape": "escape at the detector's own threshold",
        "region_recall": f"region recall at {first['false_regions']} false regions a normal image",
        "region_recall_centre": "the same, the centre of the found box in the mark",
        "region_recall_own": "region recall at the detector's own threshold",
        "false_regions_per_normal": "false regions a normal image there",
        "aupro": "AUPRO to 30% false pixels",
        "aupro_chance": "AUPRO that the places of the marks alone earn",
    }
    lines = [
        "",
        "## Detection from a few samples",
        "",
        f"`{detect['command']}`, revision {detect['revision']}, on {detect['machine']} "
        f"({', '.join(f'{name}={value}' for name, value in detect['threads'].items() if value)}): the detector as "
        f"`teach` makes it from {first['shot']} samples and {first['normals']} good images, frozen backbone, no "
        f"meta-training, {first['draws']} draws; all other images of other leakage groups are the test. "
        f"Intervals: {first['intervals']}.",
        "",
        f"| | {' | '.join(materials)} |",
        f"|---|{'---|' * len(materials)}",
    ]
    for key, text in names.items():
        if all(key in row["detector"] for row in materials.values()):  # a result may be older than a figure
            lines.append(f"| {text} | {' | '.join(drawn(row['detector'][key]) for row in materials.values())} |")
    for name in first["baselines"]:
        cells = [drawn(row["baselines"][name]["difference"]["image_auroc"], sign="+") for row in materials.values()]
        lines.append(f"| image AUROC gained over {name.replace('_', ' ')} | {' | '.join(cells)} |")
    if all("promise" in row for row in materials.values()):
        lines += promised_lines(materials)
    if all(row.get("curves") for row in materials.values()):
        lines += curve_lines(materials)
    seconds = [f"{row['seconds']:.0f} s" for row in materials.values()]
    return [*lines, f"| took | {' | '.join(seconds)} |"]


def normality_lines(gaussian: Mapping[str, Any], bank: Mapping[str, Any]) -> list[str]:
    """Return the Gaussian beside a memory bank, on the materials that both were measured on and on the same draws."""
    shared = {name: (gaussian["materials"][name], row) for name, row in bank["materials"].items()}
    rows = {
        "normality alone, image AUROC": lambda row: row["baselines"]["normality_only"]["image_auroc"],
        "detector, image AUROC": lambda row: row["image_auroc"],
        "detector, realised overkill": lambda row: row["detector"]["overkill"]["value"],
        "detector, escape at its own threshold": lambda row: row["detector"]["escape"]["value"],
    }
    heads = [f"{name}, {kind}" for name in shared for kind in ("Gaussian", "memory bank")]
    cells = {text: [f"{of(one):.3f}" for pair in shared.values() for one in pair] for text, of in rows.items()}
    return [
        "",
        f"Good material by a memory bank instead: `{bank['command']}`, revision {bank['revision']}, the same draws.",
        "",
        f"| | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
        *(f"| {text} | {' | '.join(values)} |" for text, values in cells.items()),
    ]


def promised_lines(materials: Mapping[str, Mapping[str, Any]]) -> list[str]:
    kept = [row["promise"] for row in materials.values()]
    rows = {
        "90th percentile of realised overkill": [f"{one['overkill']['p90']:.3f}" for one in kept],
        "draws that kept the promise": [of_draws(one["overkill"]["within"]) for one in kept],
        "draws whose recall lies in the interval that leave-one-out stated": [
            of_draws(one["recall"]["inside"]) for one in kept
        ],
    }
    return [f"| {text} | {' | '.join(cells)} |" for text, cells in rows.items()]


def of_draws(share: Mapping[str, Any]) -> str:
    low, high = share["interval"]
    return f"{share['count']} of {share['of']} [{low:.2f}, {high:.2f}]"


def curve_lines(materials: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a row for every number of samples that all materials carry."""
    points = [{point["shot"]: point for point in row["curves"]["shots"]["points"]} for row in materials.values()]
    shots = sorted(set.intersection(*(set(of) for of in points)))
    lines = []
    for shot in shots:
        cells = [drawn(of[shot]["figures"]["image_auroc"]) for of in points]
        lines.append(f"| image AUROC from {shot} samples, the same test images at each number | {' | '.join(cells)} |")
    return lines


def prior_lines(prior: Mapping[str, Any]) -> list[str]:
    """Return a row for each material and number of samples: what the prior changes, paired, and whether it ships."""
    rows = []
    for name, material in prior["materials"].items():
        for shot, found in material["shots"].items():
            auroc, escape = (
                "{:+.3f} [{:+.3f}, {:+.3f}]".format(*found[key]["difference"])
                for key in ("image_auroc", "escape_at_0.05")
            )
            frozen = f"{found['image_auroc']['frozen']:.3f}"
            rows.append(f"| {name} | {shot} | {frozen} | {auroc} | {escape} | {material['would_ship']} |")
    return [
        f"`{prior['command']}`, revision {prior['revision']}, on {prior['machine']}, {prior['draws']} draws, "
        f"{prior['normals']} good images, seed {prior['seeds']['draws']}. {prior['intervals']}.",
        "",
        "| left out | samples | AUROC, frozen | AUROC, change by prior | escape, change by prior | would ship |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


def typing_lines(typing: Mapping[str, Any]) -> list[str]:
    materials = typing["materials"]
    forms = next(iter(materials.values()))["accuracy"]
    rows = {form: [row["accuracy"][form] for row in materials.values()] for form in forms}
    for form in ("one crop, ridge", "two crops and patches"):
        rows[f"gain of shipped over {form}"] = [row["gain_of_shipped"][form] for row in materials.values()]
    rows["shipped, types permuted"] = [row["permuted"] for row in materials.values()]
    for key, text in (
        ("auroc", "unknown type, AUROC"),
        ("unknown_caught", "unknown type called unknown"),
        ("known_refused", "known type called unknown"),
    ):
        rows[text] = [row["unknown"][key] for row in materials.values()]
    heads = [f"{name}, {row['way']} types" for name, row in materials.items()]
    seconds = [f"{row['seconds_a_region'] * 1000:.0f} ms" for row in materials.values()]
    return [
        "",
        "## Naming regions",
        "",
        f"`{typing['command']}`, revision {typing['revision']}, on {typing['machine']}: regions given, types named "
        f"from {typing['shot']} samples each, {typing['episodes']} episodes, the same for every row; the metric is "
        "that of the other historical sets. Percent with 95% intervals over episodes. A type that was left out is told "
        "from the taught ones by its distance in multiples of the bound.",
        "",
        f"| | {' | '.join(heads)} |",
        f"|---|{'---|' * len(materials)}",
        *(f"| {text} | {' | '.join(map(in_percent, cells))} |" for text, cells in rows.items()),
        f"| a region takes | {' | '.join(seconds)} |",
    ]


def in_percent(figure: Sequence[float]) -> str:
    mean, low, high = (100.0 * value for value in figure)
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def drawn(figure: Mapping[str, Any], sign: str = "") -> str:
    if figure["value"] is None:
        return "not measurable"
    low, high = figure["interval"]
    return f"{figure['value']:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def rate_lines(rate: Mapping[str, Any]) -> list[str]:
    per_s, ratios, long = rate["megabytes_per_s"], rate["ratios"], rate["long_coil"]
    names = {
        "ingest_from_camera": "ingest, frames from memory as a camera hands them over",
        "ingest_from_folder": "ingest, a folder of TIFF files",
        "plain_opencv_loop": "plain OpenCV loop on that folder: decode, correct, write",
        "plain_opencv_loop_fsync": "the same with fsync, as ingest does",
        "disk_write_fsync": "writing plain files with fsync, one thread",
        "memcpy": "copying in memory",
    }
    of_memcpy, of_disk = ratios["ingest_from_camera / memcpy"], ratios["ingest_from_camera / disk_write_fsync"]
    plain = ratios["ingest_from_folder / plain_opencv_loop_fsync"]
    return [
        "",
        "## Ingest",
        "",
        f"`{rate['command']}` on {rate['machine']}, revision {rate['revision']}; frames of {rate['frame']}, flat "
        "field, quality, strip edges, thumbnail, lossless image with fsync, rows in SQLite, "
        f"{rate['threads']['intake workers']} workers. Median of the runs:",
        "",
        "| | MB/s | single runs |",
        "|---|---|---|",
        *(
            f"| {text} | {per_s[key]:,.0f} | {', '.join(f'{value:,.0f}' for value in rate['runs'][key])} |"
            for key, text in names.items()
        ),
        "",
        f"On the same folder ingest is {plain:.1f} times as fast as the plain loop with fsync, which has one thread "
        f"and checks nothing. From memory it is {of_disk:.0%} of this disk's rate with one writer that keeps what it "
        f"wrote in memory, and {of_memcpy:.1%} of copying; the aim is {rate['target_megabytes_per_s']:.0f} MB/s, "
        f"{'met' if rate['target_met'] else 'not met'} in this run. Over {long['frames']:,} frames of "
        f"{long['lines_a_frame']} lines the resident memory went from {long['resident_mib'][2][1]:.0f} MiB after a "
        f"tenth of them to {long['resident_mib'][-1][1]:.0f} MiB at the end.",
    ]


def killed_lines(killed: Mapping[str, Any]) -> list[str]:
    during = ", ".join(f"{count} {stage}" for stage, count in sorted(killed["during"].items()))
    return [
        "",
        f"`{killed['command']}`, revision {killed['revision']}: {killed['kills']} kills ({during}) of ingests of "
        f"{killed['frames']} frames, one broken and one missing; {killed['finished']} coils were finished afterwards. "
        f"Frames lost, rows twice, rows without a file, half-written files, wrong ledgers: {len(killed['faults'])}.",
    ]


def fuzz_lines(fuzz: Mapping[str, Any]) -> list[str]:
    ways = "; ".join(
        f"{name}: {fuzz[name]['frames']} frames, {fuzz[name]['unusable']} unusable with a reason, "
        f"{fuzz[name]['sidecars_and_incomplete']} sidecars or left for the next run, "
        f"{len(fuzz[name]['unaccounted'])} unaccounted, {len(fuzz[name]['broken_but_taken'])} broken ones taken"
        for name in ("drop folder", "watched folder")
    )
    return [
        "",
        f"`{fuzz['command']}`, revision {fuzz['revision']}: {fuzz['files']:,} hostile files of {len(fuzz['planted'])} "
        f"kinds; {fuzz['crashes']} crashes, peak memory {fuzz['peak_mib']} MiB beyond the start, bound "
        f"{fuzz['bound_mib']} MiB. {ways[0].upper()}{ways[1:]}.",
    ]


def share(measured: Mapping[str, Any]) -> str:
    return f"{measured['rate']:.1%} ({measured['count']} of {measured['of']})"


def interval(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{low:.1%} to {high:.1%}"


if __name__ == "__main__":
    main()
