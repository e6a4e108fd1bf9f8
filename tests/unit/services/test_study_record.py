"""A study as a tracked run: what was asked, options and machine, figures with their intervals, curves, files."""

from inspect_pipeline.services.study_record import record_study
from tests.fakes.tracker import InMemoryTracker, TrackedRun
from tests.unit.reporting.method_answers import classified, crossed


def recorded(document: dict[str, object]) -> TrackedRun:
    tracker = InMemoryTracker()
    run = record_study(
        tracker, document, environment={"torch": "2", "threads": 2}, revision="r", artifacts={"page.html": b"<p>"}
    )
    return tracker.runs[run]


def test_an_evaluation_is_recorded_with_figures_intervals_curves_machine_and_page() -> None:
    document = classified() | {"options": {"steps": 3}}
    run = recorded(document)
    assert (run.experiment, run.name) == ("evaluation", "classify ridge seed 0")
    assert run.params["fingerprint"] == "abc"
    assert {run.params[name] for name in ("environment.torch", "environment.threads", "option.steps")} == {"2", 2, 3}
    assert run.metrics["accuracy_low"] == document["interval"][0]
    gain = document["differences"]["nearest_prototype"]
    assert run.metrics["gain_over_nearest_prototype"] == gain["difference"]
    assert run.metrics["gain_over_nearest_prototype.over_materials_high"] == gain["over_materials"]["interval"][1]
    assert run.metrics["open_set.auroc"] == document["open_set"]["auroc"]
    assert [shots for shots, _ in run.curves["accuracy_over_shots"]] == [1, 2, 6]
    assert [added for added, _ in run.curves["harmonic_mean_over_added_types"]] == [1]
    assert run.artifacts == {"page.html": b"<p>"}


def test_a_cross_domain_table_is_recorded_material_by_material() -> None:
    document = crossed()
    run = recorded(document)
    assert run.name == "cross-domain protonet seed 0"
    assert run.metrics["material.m1.accuracy"] == document["per_family"]["m1"]["accuracy"]
    assert run.metrics["gain_over_ridge"] == document["differences"]["ridge"]["difference"]


def test_names_of_materials_that_a_tracker_would_refuse_are_written_plainly() -> None:
    document = classified()
    document["per_family"] = {"steel #3 (new)": document["per_family"]["m0"]}
    assert "material.steel _3 _new_.accuracy" in recorded(document).metrics
