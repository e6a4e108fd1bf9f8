"""The demo's answer for a person."""

from collections.abc import Mapping
from typing import Any

_NOT_MEASURED = "not measured"


def demo_summary(answer: Mapping[str, Any]) -> str:
    """Return a few lines: escapes on real and on simulated defects, overkill, times, where the report is."""
    metrics = answer["metrics"]
    lines = [f"Held out of training, teaching and thresholds: {answer['source']}, judged by {metrics['unit']}."]
    for origin, measured in metrics["escapes"].items():
        lines.append(f"  escapes ({origin} defects): {shown(measured)}")
    lines.append(f"  overkill: {shown(metrics['overkill'])}, promised at most {metrics['promised_overkill']:.1%}")
    if metrics["not_judged"]:
        lines.append(f"  not judged (unusable frames): {metrics['not_judged']}")
    if answer["simulated"]:
        lines.append(f"  simulated, painted on real images: {', '.join(answer['simulated'])}")
    lines += [f"Not in force, judged by it all the same: {reason}" for reason in answer["refused"]]
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in answer["stages"].items())
    lines.append(f"Time: {times}.")
    lines += [f"Report: {report}" for report in answer["reports"]]
    return "\n".join(lines) + "\n"


def shown(measured: Mapping[str, Any]) -> str:
    """Return a rate with its counts and its 95% interval in words."""
    if not measured["of"]:
        return _NOT_MEASURED
    low, high = measured["interval"]
    return f"{measured['rate']:.1%} ({measured['count']} of {measured['of']}; 95% interval {low:.1%} to {high:.1%})"
