"""``python -m flows`` as a process of its own, with the real house and a real server: run, serve, deploy, stop."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import server
from flows.environment import Place
from inspect_pipeline.domain.bundle import detector_name
from tests.integration.flows.processes import (
    REPOSITORY,
    asked,
    environment,
    eventually,
    flows,
    is_alive,
    lasting_server,
    start,
)
from tests.integration.flows.real_workspace import (
    LINE,
    SIDE_PX,
    label_a_new_type,
    opened,
    put_frozen_initialization,
    write_frames,
)

pytestmark = pytest.mark.required_in_ci


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Server]:
    """A lasting Prefect server."""
    with lasting_server(tmp_path_factory.mktemp("server")) as found:
        yield found


def _configured(folder: Path, schedules: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "schedules.yaml").write_text(yaml.safe_dump({"flows": schedules}))
    return folder


def _own_children(parent: int) -> list[int]:
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False
    ).stdout
    return [int(pid) for pid in listing.split()]


def test_a_scheduled_adapt_picks_up_labels_not_used_yet_and_the_next_one_has_nothing_to_do(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    with opened(workspace) as house:
        put_frozen_initialization(house)
        label_a_new_type(house, tmp_path / "images")
        assert house.unused_labels(LINE) > 0
    schedule = {"flow": "adapt", "cron": "* * * * * */10", "parameters": {"line": LINE}}
    configs = _configured(tmp_path / "configs", {"often": schedule})
    log = tmp_path / "serve.log"
    serving = start(["serve", "--workspace", str(workspace), "--config-dir", str(configs)], log)
    try:
        url = eventually(lambda: server.served(Place(workspace=workspace, config_dir=None)), within_s=200)
        messages = eventually(lambda: _two_kinds_of_end(url), within_s=200)
        (server_pid,) = [pid for pid in _own_children(serving.pid) if "server start" in _words_of(pid)]
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=60) == 0, log.read_text()
    finally:
        _end(serving)
    assert any("labels not used before" in message for message in messages)
    assert not is_alive(server_pid)
    with opened(workspace) as house:
        assert house.unused_labels(LINE) == 0
        versions = house.registry.versions(detector_name(LINE, "default"))
    assert [(version.version, version.aliases) for version in versions] == [("1", ("challenger",))]


def _two_kinds_of_end(url: str) -> list[str] | None:
    """Return the messages of completed runs once one has adapted and one had nothing to do."""
    runs = asked(url, "flow_runs/filter", flow_runs={"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}})
    assert [run["state"]["message"] for run in runs if run["state_type"] == "FAILED"] == []
    ends = [run["state"]["message"] for run in runs]
    assert all(run["created_by"]["type"] == "SCHEDULE" for run in runs if run.get("created_by"))
    done = any(end.startswith("detector.") for end in ends) and any(end.startswith("nothing to do") for end in ends)
    return ends if done else None


def _words_of(pid: int) -> str:
    return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def test_a_parent_killed_without_warning_leaves_no_server_behind(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from flows import server; from flows.environment import Place\n"
        "started = server.start(Place(workspace=Path(sys.argv[1]), config_dir=None), schedules=False)\n"
        "print(started.process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, cwd=REPOSITORY,
        env=environment(PREFECT_HOME=str(tmp_path / "prefect"), DO_NOT_TRACK="true"),
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not is_alive(child), within_s=10)


def test_deploy_writes_every_flow_to_its_pool_and_a_second_time_changes_nothing(
    running: server.Server, tmp_path: Path
) -> None:
    for made in (2, 0):
        done = flows("deploy", "--workspace", str(tmp_path), PREFECT_API_URL=running.url)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("made work pool") == made
    found = asked(running.url, "deployments/filter")
    assert {entry["name"]: entry["work_pool_name"] for entry in found} == {
        "ingest": "site", "meta_train": "gpu", "adapt": "site", "promote": "site", "reteach": "site", "score": "site",
        "monitor": "site", "retention": "site", "demo": "site",
    }  # fmt: skip
    assert {entry["entrypoint"] for entry in found} == {f"flows.{e['name']}.{e['name']}" for e in found}
    assert all(entry["pull_steps"] in (None, []) and entry["path"] in (None, ".") for entry in found)
    crons = {entry["name"]: [one["schedule"]["cron"] for one in entry["schedules"]] for entry in found}
    assert (crons["score"], crons["adapt"], crons["ingest"]) == (["*/5 * * * *"], ["*/10 * * * *"], [])


def test_deploy_without_a_server_says_what_to_set(tmp_path: Path) -> None:
    done = flows("deploy", "--workspace", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == (
        "error: no Prefect server to deploy to; set PREFECT_API_URL, or start 'flows serve' here first"
    )


def test_a_configured_server_that_does_not_answer_is_one_clear_line(tmp_path: Path) -> None:
    done = flows("score", "--workspace", str(tmp_path), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == (
        "error: the Prefect server http://127.0.0.1:9/api (PREFECT_API_URL) does not answer; "
        "start it or unset the variable"
    )


def test_serving_without_schedules_is_refused(tmp_path: Path) -> None:
    done = flows("serve", "--workspace", str(tmp_path), "--config-dir", str(_configured(tmp_path / "configs", {})))
    assert done.returncode == 2
    assert "no schedules; write 'flows:' in schedules.yaml" in done.stderr


def test_a_run_answers_with_json_alone_and_its_code_says_whether_there_was_anything_to_do(
    running: server.Server, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "Rolle ü 7", 3, scratched=False, seed=4)
    (frames / "text.png").write_text("no image")
    words = ["ingest", "--source", str(frames), "--workspace", str(tmp_path / "workspace"), "--json"]
    first, second = (flows(*words, PREFECT_API_URL=running.url) for _ in range(2))
    answers = [json.loads(done.stdout) for done in (first, second)]
    assert (first.returncode, second.returncode) == (0, 4)
    assert [(answer["captured"], answer["new"], len(answer["unusable"])) for answer in answers] == [
        (4, 4, 1), (4, 0, 1),
    ]  # fmt: skip
    assert answers[1]["message"].startswith("nothing to do: all 4 captures of ")
    assert f"ingest Rolle ü 7: {4 * SIDE_PX}, " in first.stderr  # lines, the broken file's as its neighbours have


def test_bad_input_ends_with_one_line_and_code_2_and_the_run_is_failed_with_it(
    running: server.Server, tmp_path: Path
) -> None:
    empty = tmp_path / "leer"
    empty.mkdir()
    done = flows("ingest", "--source", str(empty), "--workspace", str(tmp_path / "w"), PREFECT_API_URL=running.url)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"error: {empty} holds no image file")
    runs = asked(running.url, "flow_runs/filter", flow_runs={"state": {"type": {"any_": ["FAILED"]}}})
    assert any(line.removeprefix("error: ") in run["state"]["message"] for run in runs)
