"""Turns, places, words and files: what flows rest on, without a Prefect server."""

import os
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import yaml
from prefect import Flow

from flows.__main__ import main
from flows.arguments import parameters_of, parser
from flows.catalog import FLOW_NAMES, flow_named
from flows.deploy import deployments_of
from flows.environment import place_of, prepare
from flows.retrying import is_transient
from flows.serve import deployment
from flows.summary import demo_summary, shown
from inspect_pipeline.bootstrap.turns import turn_of_this_machine as turn
from inspect_pipeline.errors import (
    BadDataError,
    ConfigError,
    DiskFullError,
    InspectError,
    NothingToDoError,
    RefusedError,
    StorageError,
)
from inspect_pipeline.settings import Schedule, load_settings
from tests.integration.flows.processes import REPOSITORY, environment

pytestmark = pytest.mark.required_in_ci

_WORDS = {"ingest": ["ingest", "--source", "x"]}


def test_a_turn_is_had_by_one_at_a_time_and_given_back(tmp_path: Path) -> None:
    with turn(tmp_path, "coil ü/7") as first, turn(tmp_path, "coil ü/7") as second, turn(tmp_path, "coil 8") as other:
        assert (first, second, other) == (True, False, True)
    with turn(tmp_path, "coil ü/7", wait_s=1.0) as again:
        assert again


def test_a_killed_process_gives_its_turn_back(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from inspect_pipeline.bootstrap.turns import turn_of_this_machine as turn\n"
        "with turn(Path(sys.argv[1]), 'coil') as ours:\n    print(ours, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, cwd=REPOSITORY)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    with turn(tmp_path, "coil") as ours:
        assert not ours
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with turn(tmp_path, "coil") as ours:
        assert ours


def test_a_workspace_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = place_of({"INSPECT_WORKSPACE": str(tmp_path / "file" / "workspace")})
    with pytest.raises(StorageError, match=r"cannot be written .*choose another one with --workspace"):
        prepare(place, {})


def test_what_is_set_in_the_environment_stays_and_the_rest_lies_in_the_workspace(tmp_path: Path) -> None:
    found = {"PREFECT_HOME": "/elsewhere", "INSPECT_WORKSPACE": str(tmp_path)}
    prepare(place_of(found, config_dir=str(tmp_path / "configs")), found)
    assert found["PREFECT_HOME"] == "/elsewhere"
    assert found["DO_NOT_TRACK"] == "true"
    assert found["INSPECT_CONFIGS"] == str(tmp_path / "configs")
    ours: dict[str, str] = {}
    prepare(place_of(ours, workspace=str(tmp_path)), ours)
    assert ours["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert "PREFECT_API_URL" not in ours


@pytest.mark.parametrize("name", FLOW_NAMES)
def test_the_options_of_a_flow_are_its_parameters(name: str) -> None:
    given = parser().parse_args(_WORDS.get(name, [name]))
    options = set(vars(given)) - {"command", "workspace", "config_dir", "json", "debug"}
    assert options == set(signature(flow_named(name).fn).parameters)
    assert set(parameters_of(given)) == ({"source"} if name == "ingest" else set())


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (StorageError("locked"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (DiskFullError("full"), False),
        (BadDataError("bad"), False),
        (RefusedError("no"), False),
        (NothingToDoError("done"), False),
        (InspectError("ours"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_time_may_mend_is_tried_again(error: Exception, again: bool) -> None:
    assert is_transient(error) is again


def test_the_schedules_that_come_with_the_repository_can_be_served() -> None:
    settings = load_settings(Path("unused"), folder=REPOSITORY / "configs", environment={})
    served = {name: deployment(name, one).entrypoint for name, one in settings.schedules.flows.items()}
    assert {"flows.score.score", "flows.adapt.adapt", "flows.meta_train.meta_train"} <= set(served.values())


@pytest.mark.parametrize(
    ("schedule", "complaint"),
    [
        (Schedule(flow="scoer", cron="* * * * *"), "no flow 'scoer'; known are ingest"),
        (Schedule(flow="score", cron="every day"), "every day"),
        (Schedule(flow="score", cron="* * * * *", parameters={"coal": "7"}), "coal"),
        (Schedule(flow="meta_train", cron="* * * * *", parameters={"seed": "many"}), "seed"),
        (Schedule(flow="ingest", cron="* * * * *"), "source"),
    ],
)
def test_a_schedule_that_cannot_run_is_refused_by_name_when_serving_starts(schedule: Schedule, complaint: str) -> None:
    with pytest.raises(ConfigError, match=r"schedule 'nightly': ") as refused:
        deployment("nightly", schedule)
    assert complaint in str(refused.value)


def test_every_deployment_is_a_flow_in_its_work_pool() -> None:
    found = deployments_of(REPOSITORY / "deploy" / "prefect.yaml")
    pools = {entry["entrypoint"]: entry["work_pool"]["name"] for entry in found}
    assert pools == {f"flows.{name}.{name}": "gpu" if name == "meta_train" else "site" for name in FLOW_NAMES}
    for entry in found:
        flow = flow_named(entry["entrypoint"].rpartition(".")[2])
        assert isinstance(flow, Flow)
        assert set(entry["parameters"]) <= set(signature(flow.fn).parameters)


@pytest.mark.parametrize("text", ["", "deployments: []", "deployments: [{name: x, entrypoint: y}]", "a: [", "- b"])
def test_a_deploy_file_that_cannot_serve_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"prefect\.yaml"):
        deployments_of(file)


def test_the_unit_file_starts_what_there_is() -> None:
    unit = (REPOSITORY / "deploy" / "inspect-pipeline-flows.service").read_text()
    assert "bin/inspect-pipeline flows serve" in unit
    assert yaml.safe_load((REPOSITORY / "deploy" / "prefect.yaml").read_text())["pull"] == []


def test_the_summary_keeps_real_and_simulated_escapes_apart() -> None:
    measured = {"count": 1, "of": 4, "rate": 0.25, "interval": [0.0063, 0.8059]}
    answer = {
        "metrics": {
            "unit": "cell",
            "escapes": {"real": measured, "simulated": {"count": 0, "of": 0, "rate": None, "interval": [0, 1]}},
            "overkill": measured, "promised_overkill": 0.05, "per_type": [], "not_judged": 2,
        },
        "source": "solar cells", "simulated": ["crack"], "stages": {"plan": 1.26}, "reports": ["/out/a.html"],
        "refused": ["gate: no"],
    }  # fmt: skip
    assert demo_summary(answer).splitlines() == [
        "Held out of training, teaching and thresholds: solar cells, judged by cell.",
        "  escapes (real defects): 25.0% (1 of 4; 95% interval 0.6% to 80.6%)",
        "  escapes (simulated defects): not measured",
        "  overkill: 25.0% (1 of 4; 95% interval 0.6% to 80.6%), promised at most 5.0%",
        "  not judged (unusable frames): 2",
        "  simulated, painted on real images: crack",
        "Not in force, judged by it all the same: gate: no",
        "Time: plan 1.3 s.",
        "Report: /out/a.html",
    ]
    assert shown(measured).startswith("25.0%")


def test_help_answers_without_importing_prefect() -> None:
    script = (
        "import sys; from flows.__main__ import main\n"
        "try:\n    main(['--help'])\nfinally:\n    assert 'prefect' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert os.linesep.encode() + b"  " in done.stdout


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (BadDataError("folder x is empty"), "error: folder x is empty", 2),
        (RefusedError("the gate said no"), "refused: the gate said no", 3),
        (KeyError("dense\nness"), "error: this is our fault: KeyError: 'dense\\nness'; run again with --debug", 1),
        (KeyboardInterrupt(), "interrupted: the work done so far is kept", 130),
    ],
)
def test_every_end_is_one_line_and_a_code(
    error: BaseException, line: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("flows.__main__.place_of", failing)
    assert main(["score"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (told,) = captured.err.splitlines()
    assert told.startswith(line)
