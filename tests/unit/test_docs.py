"""The documents say what the program does: figures as measured, commands that exist, a README that fits a page."""

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from benchmarks.numbers import pages
from inspect_pipeline.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_figure_of_readme_and_docs_is_the_one_that_was_measured() -> None:
    for name, text in pages().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"run python -m benchmarks.numbers: {name} is stale"


def test_the_readme_tells_what_install_and_one_real_run_in_its_first_60_lines() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:60]
    text = "\n".join(head)
    assert "make demo" in text
    assert "make test" in text
    assert "overkill: " in text
    assert "escapes (real defects): " in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_in_the_documents_exists(document: Path) -> None:
    for line in re.findall(r"inspect-pipeline ((?:[a-z]+ ?)[^`\n]*)", document.read_text(encoding="utf-8")):
        words = line.split("#")[0].split()
        command = get_command(app)
        while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
            name = words.pop(0)
            assert name in command.commands, f"{document.name}: inspect-pipeline {line}"
            command = command.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"--[a-z-]+", " ".join(words)):
            assert option in known, f"{document.name}: {option} of inspect-pipeline {line}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_in_the_documents_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), f"{document.name}: {target}"
