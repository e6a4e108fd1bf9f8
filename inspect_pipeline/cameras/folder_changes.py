"""What changes in a folder, as the operating system tells it (inotify and the like), or asked for on network mounts."""

import time
from collections.abc import Callable, Generator
from pathlib import Path

from inspect_pipeline.errors import BadDataError

Changes = Generator[frozenset[str] | None]
"""Each step waits a moment at most and yields names that may have changed; None: any may have, look at all."""

OpenChanges = Callable[[Path], Changes]

SHORTEST_POLL_S = 1.0
_GATHER_S = 0.1
_NO_UTF_8 = "Unable to decode path"  # with this the library stops at a name that is no UTF-8; a new watch goes on


def watch_folder(
    root: Path, *, step_s: float = 0.25, force_polling: bool = False, poll_s: float = SHORTEST_POLL_S
) -> Changes:
    """Yield the names of a folder that changed, empty sets where nothing did, at least one every ``step_s`` seconds.

    The first is None and comes when the watch stands, so that nothing is missed between a first look and it. With
    ``force_polling`` the folder is listed every ``poll_s`` seconds: the kernel says nothing of what another machine
    writes to a network mount.

    Raises BadDataError where the folder cannot be watched, or polls are wanted more often than once a second.
    """
    if force_polling and poll_s < SHORTEST_POLL_S:
        raise BadDataError(f"polling {root} every {poll_s} s would be a storm; give {SHORTEST_POLL_S:g} s or more")
    return _watch(root, step_s, force_polling, poll_s)


def _watch(root: Path, step_s: float, force_polling: bool, poll_s: float) -> Changes:
    # The library is only needed where a folder is watched.
    from watchfiles import watch

    whole = root.resolve()
    while True:
        changes = watch(
            whole,
            watch_filter=None,
            debounce=round(_GATHER_S * 1000),
            step=20,
            rust_timeout=round(step_s * 1000),
            yield_on_timeout=True,
            force_polling=force_polling,
            poll_delay_ms=round(poll_s * 1000),
            recursive=False,
        )
        try:
            next(changes)
            yield None
            for found in changes:
                yield _names(whole, [path for _, path in found])
        except OSError as error:
            raise BadDataError(f"{root} cannot be watched ({error}); check the path, or force polling") from error
        except RuntimeError as error:
            if _NO_UTF_8 not in str(error):
                raise BadDataError(f"{root} cannot be watched ({error}); force polling") from error
            time.sleep(step_s)  # such a file that is written all the time must not make a storm
            yield None


def _names(root: Path, paths: list[str]) -> frozenset[str] | None:
    changed = [Path(path) for path in paths]
    return None if root in changed else frozenset(path.name for path in changed if path.parent == root)
