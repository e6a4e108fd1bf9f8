"""``demo`` and ``flows``: the flows started beside us, with our workspace and their exit code."""

import sys

import pytest

from tests.unit.cli.conftest import Program


def test_the_demo_starts_its_flow_with_the_words_given(program: Program) -> None:
    program.environment = {"PATH": "/bin"}

    ran = program("--workspace", "w", "demo", "--data", "my images", "--out", "o", "--seed", "3", "--json")

    assert (ran.code, ran.out, ran.err) == (0, "", "")
    command = [sys.executable, "-m", "flows", "demo", "--seed", "3", "--data", "my images", "--out", "o", "--json"]
    assert program.started == [([*command, "--workspace", "w"], {"PATH": "/bin", "INSPECT_WORKSPACE": "w"})]
    assert program.house.calls == []


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 137])
def test_the_exit_code_of_the_flow_is_ours(program: Program, code: int) -> None:
    program.start_code = code

    assert program("demo").code == code


@pytest.mark.parametrize("words", [("serve",), ("deploy",), ("serve", "--port", "4200"), ("deploy", "--file", "f")])
def test_flows_are_started_with_workspace_and_configs(program: Program, words: tuple[str, ...]) -> None:
    ran = program("flows", *words, "--workspace", "w", "--config-dir", "c", "--debug")

    assert ran.code == 0
    command = [sys.executable, "-m", "flows", *words, "--workspace", "w", "--config-dir", "c", "--debug"]
    assert program.started == [(command, {"INSPECT_WORKSPACE": "w"})]
