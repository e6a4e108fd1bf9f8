"""``report``: the path, alone on a line, so that a script can take it."""

from pathlib import Path

from tests.unit.cli.conftest import Program


def test_the_path_is_the_answer(program: Program) -> None:
    assert program("report", "coil-7").out == "workspace/reports/coil-7.html\n"
    assert program("report", "coil-7", "--json").document["path"] == "workspace/reports/coil-7.html"


def test_a_long_path_is_not_folded(program: Program) -> None:
    out = "/".join(["a folder with a long name"] * 20) + "/report.html"

    ran = program("report", "coil-7", "--out", out, "--pdf")

    assert ran.out == f"{out}\n"
    assert program.house.calls == [("report", {"coil": "coil-7", "out": Path(out), "pdf": True})]
