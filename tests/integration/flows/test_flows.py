"""The flows on a small fake house and a real Prefect server: order, retries, answers."""

from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId

from flows.environment import Place
from inspect_pipeline.errors import BadDataError, DiskFullError, NotFoundError, RefusedError, StorageError
from tests.integration.flows.conftest import run
from tests.integration.flows.fake_house import FRAMES, FakeHouse, names_called

pytestmark = pytest.mark.required_in_ci


def _attempts_of_tasks(flow_run: UUID) -> list[int]:
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
    return [one.run_count for one in runs]


def _latest_artifact(key: str) -> str:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return str(max(found, key=lambda artifact: artifact.created).data)


def test_a_flow_run_twice_on_the_same_input_says_that_there_is_nothing_to_do(fake: FakeHouse) -> None:
    first, second = run("ingest", source="coil-7"), run("ingest", source="coil-7")
    assert (first.is_completed(), second.is_completed()) == (True, True)
    assert first.message == "5 new captures of coil-7, 5 in all, 1 unusable"
    assert second.message == "nothing to do: all 5 captures of coil-7 are in the catalog already"
    assert (first.result()["nothing_to_do"], second.result()["nothing_to_do"]) == (False, True)


def test_bad_input_fails_with_the_one_clear_line_and_is_not_tried_again(fake: FakeHouse) -> None:
    fake.failures = [BadDataError("folder empty has no images; give one that has")]
    state = run("ingest", source="empty")
    assert state.is_failed()
    assert state.message is not None
    assert state.message.endswith("BadDataError: folder empty has no images; give one that has")
    assert names_called(fake).count("ingest") == 1
    with pytest.raises(BadDataError, match="has no images"):
        state.result()


def test_a_storage_failure_is_tried_again_and_the_work_goes_on(fake: FakeHouse) -> None:
    fake.failures = [StorageError("the catalog is locked")]
    state = run("score", coil="coil-7")
    assert state.is_completed()
    assert names_called(fake).count("score") == 2
    assert state.state_details.flow_run_id is not None
    assert _attempts_of_tasks(state.state_details.flow_run_id) == [2]


def test_a_full_disk_is_not_tried_again(fake: FakeHouse) -> None:
    fake.failures = [DiskFullError("no space left")]
    assert run("ingest", source="coil-7").is_failed()
    assert names_called(fake).count("ingest") == 1


def test_the_house_is_closed_when_a_flow_fails(fake: FakeHouse) -> None:
    fake.failures = [NotFoundError("coil 'x' is not in the catalog")]
    assert run("score", coil="x").is_failed()
    assert fake.calls[-1] == "closed"


def test_a_coil_that_another_run_is_scoring_is_left_to_it(fake: FakeHouse) -> None:
    fake.taken = {"score coil-7"}
    state = run("score", coil="coil-7")
    assert state.message == "nothing to do: another run is scoring coil-7 at this moment"
    assert "score" not in names_called(fake)
    fake.taken = set()
    assert run("score", coil="coil-7").result()["new"] == FRAMES


def test_all_coils_of_lines_with_a_champion_are_scored_and_the_others_left(fake: FakeHouse) -> None:
    fake.champions = {"detector.strip.default": "3"}
    for name, line in (("a", "strip"), ("b", "strip"), ("c", "no detector yet")):
        fake.add_coil(name, line)
    assert run("score").message == "10 frames of a, b judged: 4 findings, 0 unusable"
    assert run("score").message == "nothing to do: every frame of a, b has its verdict"
    assert fake.judged == {"a", "b"}


def test_one_coil_that_fails_does_not_keep_the_others_from_being_scored_but_fails_the_run(fake: FakeHouse) -> None:
    fake.champions = {"detector.strip.default": "3"}
    fake.add_coil("a", "strip")
    fake.add_coil("b", "strip")
    fake.failures = [NotFoundError("image of a is gone")]
    state = run("score")
    assert state.is_failed()
    assert "image of a is gone" in (state.message or "")
    assert fake.judged == {"b"}


def test_adapt_takes_up_the_lines_with_labels_not_used_yet_and_no_others(fake: FakeHouse) -> None:
    fake.add_coil("a", "strip")
    fake.add_coil("b", "wire")
    fake.unused = {("strip", "default"): 5}
    first, second = run("adapt"), run("adapt")
    assert first.message == "detector.strip.default version 1 from 5 labels not used before"
    assert second.message == "nothing to do: all labels of strip default, wire default are used already"
    assert [call for call in fake.calls if call.startswith("adapt")] == ["adapt strip default"]
    assert fake.champions == {}


def test_adapt_with_promote_lets_the_gate_decide(fake: FakeHouse) -> None:
    fake.unused = {("strip", "default"): 5}
    assert (run("adapt", line="strip", promote=True).message or "").endswith(", now champion")
    assert fake.champions == {"detector.strip.default": "1"}


def test_a_refusal_by_the_gate_fails_the_training_run_with_its_reasons_and_is_not_tried_again(fake: FakeHouse) -> None:
    fake.gate_refuses = "initialization.default version 1 was refused by its gate: 3 episodes, 100 are needed"
    state = run("meta_train", data=["/data/neu_det"], promote=True)
    assert state.is_failed()
    with pytest.raises(RefusedError, match="100 are needed"):
        state.result()
    assert fake.calls[0] == "train default by protonet on ['neu_det']"
    assert names_called(fake).count("promote") == 1


def test_promote_puts_in_force_what_passes_and_a_refusal_fails_the_run_with_its_reasons_beside_it(
    fake: FakeHouse,
) -> None:
    assert (run("promote").message or "").startswith("nothing to do: nothing challenges")
    fake.challengers = {"detector.strip.default": "3", "detector.wire.default": "2", "initialization.default": "4"}
    fake.gate_refuses, fake.gate_is_for = (
        "detector.strip.default version 3 was refused: 9 of 60",
        "detector.strip.default",
    )
    fake.followers = {"wire": "no image any more", "strip": None}
    state = run("promote")
    assert state.is_failed()
    with pytest.raises(RefusedError, match="9 of 60"):
        state.result()
    assert fake.champions == {"detector.wire.default": "2", "initialization.default": "4"}
    asked = [name for name in names_called(fake) if name != "closed"]
    assert asked[:2] == ["promote", "reteach"]  # an initialization comes first
    assert "| detector.strip.default | 3 | no | detector.strip.default version 3 was refused: 9 of 60 |" in (
        _latest_artifact("promote")
    )
    assert "| wire | default | 1 | - | no image any more |" in _latest_artifact("reteach")


def test_a_promotion_is_not_undone_by_lines_that_could_not_be_taught_again(fake: FakeHouse) -> None:
    fake.challengers = {"initialization.default": "4"}
    fake.followers = {"wire": "no image any more"}
    state = run("promote", model="initialization.default")
    assert state.message == (
        "initialization.default version 4 is champion; not taught again: wire default: no image any more"
    )
    assert state.is_completed()


def test_teaching_the_followers_again_fails_while_one_of_them_cannot_be_taught(fake: FakeHouse) -> None:
    assert run("reteach").message == "nothing to do: no line's detector in force came from initialization default"
    fake.followers = {"strip": None, "wire": "no image any more"}
    with pytest.raises(RefusedError, match="1 of 2 lines could not be taught: wire default: no image any more"):
        run("reteach").result()
    fake.followers = {"strip": None}
    assert run("reteach").message == "1 new challengers of the 1 lines that follow default"


def test_training_on_the_same_input_again_is_nothing_to_do(fake: FakeHouse) -> None:
    assert run("meta_train", promote=True).message == "default trained as version 1, now champion"
    again = run("meta_train", promote=True)
    assert again.message == "nothing to do: default was trained on the same input before, as version 1"


def test_each_subfolder_becomes_a_coil_of_its_own(fake: FakeHouse, tmp_path: Path) -> None:
    for name in ("Rolle 1", "Rolle ü"):
        (tmp_path / "in" / name).mkdir(parents=True)
    state = run("ingest", source=str(tmp_path / "in"), subfolders=True)
    assert [row["coil"] for row in state.result()["coils"]] == ["Rolle 1", "Rolle ü"]


def test_a_table_of_what_was_done_stands_beside_the_run(fake: FakeHouse) -> None:
    run("score", coil="coil|7")
    assert _latest_artifact("score").splitlines()[2:] == [
        "| coil | detector | judged | new | unusable | not inspected (m) | findings | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        r"| coil\|7 | detector.default.default@1 | 5 | 5 | 0 | 0 | 2 | 0.5 |",
    ]


def test_the_demo_runs_the_loop_in_order_and_never_scores_before_the_promotion(fake: FakeHouse, place: Place) -> None:
    answer = run("demo", seed=3).result()
    assert [call for call in fake.calls if call != "closed"] == [
        "ingest history",
        "ingest support",
        "ingest held_out",
        "train default by protonet on []",
        "promote initialization.default 1 by demo",
        "adapt new default",
        "promote detector.new.default 1 by demo",
        "score held_out",
        "report held_out",
    ]
    assert list(answer["stages"]) == ["plan", "ingest", "meta_train", "adapt", "score", "report"]
    assert answer["report"] == str(place.workspace / "reports" / "held_out.html")
    assert answer["metrics"]["escapes"]["real"]["of"] == 4
    assert answer["report"] in _latest_artifact("demo")


def test_a_second_demo_says_what_it_did_not_do_again(fake: FakeHouse) -> None:
    run("demo")
    again = run("demo")
    assert again.message == "nothing to do: the whole loop was run on drawn squares before"
    assert len(again.result()["not_done_again"]) == 9
    assert names_called(fake).count("report") == 1
    assert again.result()["metrics"] == run("demo").result()["metrics"]


def test_a_report_says_that_all_stages_are_of_one_run_only_where_they_are(fake: FakeHouse) -> None:
    run("demo")
    fake.judged.clear()
    run("demo")
    assert fake.same_run == [True, False]


def test_scoring_all_coils_by_a_model_takes_the_coils_of_its_line(fake: FakeHouse) -> None:
    fake.add_coil("a", "strip")
    fake.add_coil("b", "wire")
    assert run("score", model="detector.wire.default@challenger").is_completed()
    assert fake.judged == {"b"}


def test_a_demo_whose_detector_is_refused_still_reports_and_says_so(fake: FakeHouse) -> None:
    fake.champions = {"initialization.default": "1"}
    fake.gate_refuses = "overkill was not measured"
    fake.gate_is_for = "detector.new.default"
    state = run("demo")
    assert (state.message or "").endswith("; overkill was not measured")
    assert state.result()["refused"] == ["overkill was not measured"]
    assert "detector.new.default" not in fake.champions
    assert fake.scored_by == ["detector.new.default@1"]
    assert names_called(fake).count("report") == 1


def test_old_images_go_once_and_a_dry_run_only_says_so(fake: FakeHouse) -> None:
    dry, first, second = run("retention", dry_run=True), run("retention"), run("retention")
    assert dry.message == "2 files of 3.0 MB would go"
    assert first.message == "2 files of 3.0 MB went"
    assert second.message == "nothing to do: no image is old enough to go"


def test_the_watch_completes_with_its_alarms_what_it_could_not_see_and_who_was_not_told(fake: FakeHouse) -> None:
    state = run("monitor", line="new")
    assert names_called(fake) == ["monitor", "closed"]
    message = state.message or ""
    assert message.startswith("1 lines watched, 1 alarms (focus: beyond), 1 things could not be watched")
    assert message.endswith("not told: http://mes/alarms")
    assert state.result()["lines"][0]["alarms"][0]["area"] == "drift"
