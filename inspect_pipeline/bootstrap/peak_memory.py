"""What a block of work takes of this process's memory at its peak, as Linux tells it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): the peak is set back to what is resident now


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Give a list that holds, once the block has ended, the MiB that it took at its peak beside what was resident.

    It stays empty where the system does not tell: no Linux, or no leave to set the peak back.
    """
    taken: list[float] = []
    try:
        _FORGET.write_text(_RESET_PEAK, encoding="ascii")
        before_kib = _kib("VmRSS")
    except OSError:
        yield taken
        return
    yield taken
    taken.append(max(_kib("VmHWM") - before_kib, 0) / 1024)


def _kib(name: str) -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
