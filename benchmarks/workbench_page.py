"""What the pages say of the workbench: how quickly it answers, and that guesses do not get in."""

from collections.abc import Mapping
from typing import Any


def workbench_lines(
    queue: Mapping[str, Any], teach: Mapping[str, Any], tries: Mapping[str, Any], coil: Mapping[str, Any]
) -> list[str]:
    """Return the figures of the queue, of teaching from a page, of the coil map and of signing in."""
    return ["", "## The workbench", "", *_queue(queue), "", *_teach(teach), "", *_map(coil), "", *_tries(tries)]


def _queue(queue: Mapping[str, Any]) -> list[str]:
    rows, clicking = queue["rows"], queue["clicking"]
    return [
        f"**The queue.** `{queue['command']}`, revision {queue['revision']}, {queue['database']}, {queue['machine']}; "
        f"load {clicking['load_before']} before, {clicking['load_after']} after. {rows['findings']:,} findings, "
        f"{rows['waiting']:,} waiting in {rows['groups']:,} groups, {clicking['users']} people who click every "
        f"{clicking['pause_s']:g} s. Requests that failed: {len(clicking['errors'])}.",
        "",
        "| request | how many | median ms | 95th percentile ms (95% interval) |",
        "|---|---|---|---|",
        *(
            f"| {name} | {one['count']} | {one['p50_ms']} | {one['p95_ms']} "
            f"({one['p95_interval_ms'][0]} to {one['p95_interval_ms'][1]}) |"
            for name, one in clicking["requests"].items()
        ),
    ]


def _teach(teach: Mapping[str, Any]) -> list[str]:
    threads = ", ".join(f"{name}={value}" for name, value in teach["threads"].items() if value)
    answer, preview = teach["answer_s"], teach["preview_s"]
    busiest = max(run["load_average"] for run in teach["runs"])
    return [
        f"**Teaching from a page.** `{teach['command']}`, revision {teach['revision']}, on {teach['machine']} "
        f"({threads}; load up to {busiest}): {teach['shots']} samples beside {teach['known_types']} known types. The "
        f"answer takes {answer['median']} s in the median ({answer['lowest']} to {answer['highest']} in "
        f"{len(teach['runs'])} runs), the preview over {teach['runs'][0]['findings']} findings {preview['median']} s "
        f"more ({preview['lowest']} to {preview['highest']}).",
    ]


def _map(coil: Mapping[str, Any]) -> list[str]:
    pan, whole = coil["pan_half_the_coil"]["redraw_ms"], coil["full_redraw_of_the_whole_coil"]["redraw_ms"]
    return [
        f"**The coil map.** `{coil['command']}`, revision {coil['revision']}, on {coil['machine']}, Chromium "
        f"{coil['browser']} without a GPU, load {coil['load_average']}: {coil['findings']:,} findings. A step of "
        f"panning is drawn in {pan['median']} ms (95th percentile {pan['p95']}), the whole coil anew in "
        f"{whole['median']} ms ({whole['p95']}).",
    ]


def _tries(tries: Mapping[str, Any]) -> list[str]:
    names = tries["names"]
    low, high = names["interval_ms"]
    return [
        f"**Guessed passwords.** `{tries['command']}`, revision {tries['revision']}, {tries['cores']} cores, load "
        f"{tries['load'][0]}: of {tries['tries']:,} guesses {tries['got_in']} got in, {tries['looked_at']:,} were "
        f"looked at and {tries['told_to_wait']:,} told to wait. A name that nobody has takes "
        f"{names['median_difference_ms']} ms longer than a wrong password (median of {names['rounds']} pairs; 95% "
        f"interval {low} to {high}).",
    ]
