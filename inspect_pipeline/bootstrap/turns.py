"""Turns among the processes of one machine, for what happens before a house is open (a flow server that starts)."""

from contextlib import AbstractContextManager
from pathlib import Path

from inspect_pipeline.store.file_turns import file_turn


def turn_of_this_machine(folder: Path, subject: str, *, wait_s: float = 0.0) -> AbstractContextManager[bool]:
    """Give True when the turn is ours until the block ends, False when another still holds it after ``wait_s``.

    Where there is a house its ``turn`` is the one to take: it holds for all machines on one database.
    """
    return file_turn(folder, subject, wait_s=wait_s)
