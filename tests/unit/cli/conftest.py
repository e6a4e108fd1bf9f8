"""The program run in this process on a fake house, in an empty folder, with an environment of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inspect_pipeline.cli.main import main
from inspect_pipeline.cli.session import Invocation
from tests.unit.cli.fake_house import FakeHouse


@dataclass
class Ran:
    """One run: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The whole of standard output as one JSON document."""
        return json.loads(self.out)


@dataclass
class Program:
    """Runs commands; ``started`` keeps the programs that it would have started."""

    capsys: pytest.CaptureFixture[str]
    house: FakeHouse = field(default_factory=FakeHouse)
    environment: dict[str, str] = field(default_factory=dict)
    start_code: int = 0
    started: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        self.started.append((list(command), dict(environment)))
        return self.start_code

    def __call__(self, *words: str) -> Ran:
        invocation = Invocation(open_house=self.house.open, start=self._start, environment=self.environment)
        code = main(words, invocation=invocation)
        captured = self.capsys.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)


ProgramMaker = Callable[..., Program]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in an empty folder; tables are as wide as they like."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return Program(capsys=capsys)
