"""``models serve`` and ``models export --format``: a detector for others to run."""

import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from tests.unit.cli.fake_house import DETECTOR


def test_serve_starts_mlflows_server_on_a_folder_of_its_own_without_network_or_environment(program: Program) -> None:
    program.start_code = 7
    ran = program("models", "serve", f"{DETECTOR}@2", "--host", "10.0.0.7", "--port", "6001")

    assert ran.code == 7
    assert program.house.serving.calls == [("write_served", {"model": DETECTOR, "version": "2", "alias": None})]
    command, environment = program.started[0]
    assert command[:3] == [sys.executable, "-m", "uvicorn"]
    assert command[3:] == [
        "--factory",
        "inspect_pipeline.serving.server:scoring_app",
        "--host",
        "10.0.0.7",
        "--port",
        "6001",
    ]
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert not Path(environment["SERVED_MODEL_FOLDER"]).exists()
    assert "version 2 at http://10.0.0.7:6001/invocations" in ran.err


@pytest.mark.parametrize(("form", "suffix"), [("onnx", ".onnx"), ("openvino", ".xml"), ("torch-export", ".pt2")])
def test_a_graph_is_named_after_its_form_and_its_files_are_printed(program: Program, form: str, suffix: str) -> None:
    ran = program("models", "export", DETECTOR, "--format", form)

    assert ran.out == f"{DETECTOR}{suffix}\n{DETECTOR}.json\n"
    asked = {"model": DETECTOR, "form": form, "size": None, "bits": 8, "version": None, "alias": None}
    assert program.house.serving.calls == [("export_graph", asked)]


def test_the_frames_of_a_graph_may_be_said(program: Program) -> None:
    program("models", "export", f"{DETECTOR}@previous", "--format", "onnx", "--size", "512x2048x3", "--bits", "16")

    asked = program.house.serving.calls[0][1]
    assert (asked["size"], asked["bits"], asked["alias"]) == ((512, 2048, 3), 16, "previous")


@pytest.mark.parametrize("size", ["512", "512x", "x512", "512x512x2", "-1x5", "512 x 512"])
def test_a_size_that_is_none_is_refused(program: Program, size: str) -> None:
    ran = program("models", "export", DETECTOR, "--format", "onnx", "--size", size)

    assert ran.code == 2
    assert "is no size; write HEIGHTxWIDTH" in ran.err
