"""Words from outside made safe to print, and numbers in the form that people read."""

from collections.abc import Sequence


def printable(text: object) -> str:
    """Return the text on one line; control characters and stray bytes of file names are shown escaped."""
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)


def rate_text(value: float | None, interval: Sequence[float] | None) -> str:
    """Return a rate with its 95% interval, ``0.963 [0.958, 0.968]``; what was not measured says so."""
    if value is None:
        return "not measured"
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def share_text(count: int, trials: int, interval: Sequence[float]) -> str:
    """Return a rate with its interval and the counts behind it, ``0.800 [0.284, 0.995] (4 of 5)``."""
    if trials == 0:
        return "not measured"
    return f"{rate_text(count / trials, interval)} ({count} of {trials})"
