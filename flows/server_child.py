"""Becomes the Prefect server of a workspace: ``python -m flows.server_child PARENT_PID PORT [--no-services --no-ui]``.

Before it does, it asks the kernel to be ended with its parent: a parent killed with SIGKILL leaves no server behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Turn this process into ``prefect server start``; never returns."""
    parent, port, *parts = arguments
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the process that wanted this server is gone")
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port, "--log-level", "WARNING"]
    os.execv(sys.executable, [sys.executable, *command, *parts])  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
