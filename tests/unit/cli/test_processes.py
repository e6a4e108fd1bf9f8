"""Programs started in our place: their exit codes and their end."""

import os
import signal
import sys

from inspect_pipeline.cli.processes import run_process, stop_passed_on


def test_the_exit_code_of_the_other_program_is_ours() -> None:
    assert run_process([sys.executable, "-c", "import sys; sys.exit(3)"], dict(os.environ)) == 3


def test_the_other_program_gets_the_environment_given_and_no_shell(tmp_path) -> None:
    code = "import os, sys; sys.exit(0 if os.environ['WORD'] == '$HOME; exit 9' else 5)"

    assert run_process([sys.executable, "-c", code], {**os.environ, "WORD": "$HOME; exit 9"}) == 0


def test_an_end_by_a_signal_is_told_as_shells_do() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    assert run_process([sys.executable, "-c", code], dict(os.environ)) == 128 + signal.SIGKILL


class Child:
    """A program that keeps how it was asked to end."""

    def __init__(self) -> None:
        self.asked = 0

    def terminate(self) -> None:
        self.asked += 1


def test_a_request_to_stop_is_passed_on_and_the_handler_put_back() -> None:
    child, before = Child(), signal.getsignal(signal.SIGTERM)

    with stop_passed_on(child):
        signal.raise_signal(signal.SIGTERM)

    assert child.asked == 1
    assert signal.getsignal(signal.SIGTERM) is before
