"""The real house on a workspace: the whole loop on real cells, twice, across plants, forwards and back."""

import html
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.cameras.solar_cells import read_solar_cells
from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.labels import LabelRole, Origin
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.errors import NothingToDoError, RefusedError
from inspect_pipeline.imaging.decode import decode
from tests.integration.house.solar_plant import (
    DETECTOR,
    HELD_OUT,
    INITIALIZATION,
    LINE,
    RECIPE,
    Loop,
    opened,
    promote,
    settings,
    small_coils,
)

pytestmark = pytest.mark.required_in_ci


def text_of(page: Path) -> str:
    """Return what a reader of the page sees, its pictures and programs left out."""
    bare = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def rows(workspace: Path) -> dict[str, int]:
    with closing(sqlite3.connect(workspace / "catalog.sqlite")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608


def files(workspace: Path) -> set[str]:
    return {str(path.relative_to(workspace)) for path in (workspace / "images").rglob("*") if path.is_file()}


def results(workspace: Path, *, version: str = "1") -> list[FrameResult]:
    with opened(workspace) as house, house.catalog.transaction() as unit:
        return unit.results(HELD_OUT, detector=f"{DETECTOR}@{version}")


def test_every_capture_is_on_the_books_with_what_went_wrong(loop: Loop) -> None:
    roles = {coil.id: coil.role for coil in loop.plan.coils}
    assert roles == {
        "mono-a-history": LabelRole.HISTORY,
        "mono-b-history": LabelRole.HISTORY,
        "poly-teach": LabelRole.SUPPORT,
        HELD_OUT: LabelRole.HELD_OUT,
    }
    held_out = loop.ingested[HELD_OUT]
    assert (held_out.captured, held_out.unusable, held_out.expected_lines) == (3, (), 4 * 600)
    reasons = {gap.reason: gap.line_count for gap in held_out.missing}
    [torn] = [reason for reason in reasons if reason and reason.startswith("torn: only ")]
    assert reasons["no frame holds these lines"] == 600
    assert (loop.scored.judged, loop.scored.unusable, loop.scored.new) == (3, 0, 3)
    assert len(results(loop.workspace)) == 3
    # One frame of 600 lines is lost, and some lines of another, at 0.52 mm a line.
    assert loop.scored.not_inspected_m == pytest.approx((600 + reasons[torn]) * 0.52 / 1000)


def test_frames_are_kept_without_the_stripes_of_their_camera(loop: Loop) -> None:
    source = small_coils()["poly-teach"].source
    cells = {cell.name: cell for cell in read_solar_cells()}
    with opened(loop.workspace) as house, house.catalog.transaction() as unit:
        frame = unit.frames("poly-teach")[0]
        kept = decode(house.images.get(frame.image or ""), name=frame.source).astype(np.float64)
    raw = next(iter(source))
    assert isinstance(raw, Frame)
    errors = []
    for pixels in (kept, raw.pixels.astype(np.float64)):
        found = [
            np.abs(pixels[r.top : r.bottom, r.left : r.right] - cells[placed.cell].load()).mean()
            for placed in source.truth[frame.source]
            for r in (placed.roi,)
        ]
        errors.append(float(np.mean(found)))
    assert errors[0] < errors[1] / 3


def test_labels_keep_their_role_and_say_what_was_painted(loop: Loop) -> None:
    with opened(loop.workspace) as house, house.catalog.transaction() as unit:
        taught, held_out = unit.labels(coil="poly-teach"), unit.labels(coil=HELD_OUT)
        history = unit.labels(role=LabelRole.HISTORY)
    assert {label.role for label in taught} == {LabelRole.SUPPORT}
    assert sum(label.defect_type == "defective" for label in taught) == 4
    assert {label.role for label in held_out} == {LabelRole.HELD_OUT}
    assert {(label.origin, label.region.mask is not None) for label in (*history, *held_out) if label.defect_type} == {
        (Origin.REAL, False),
        (Origin.SIMULATED, True),
    }


def test_the_detector_comes_from_the_initialization_that_came_from_the_history(loop: Loop) -> None:
    assert (loop.trained.new, loop.trained.families) == (True, ("mono-a", "mono-b"))
    assert (loop.taught.new, loop.taught.initialization) == (True, f"{INITIALIZATION}@{loop.trained.version}")
    with opened(loop.workspace) as house:
        _, initialization = house.models.show(INITIALIZATION)
        version, detector = house.models.show(DETECTOR)
        assert [(p.model, p.to_version, p.operator) for p in _promotions(loop.workspace)] == [
            (INITIALIZATION, "1", "test"),
            (DETECTOR, "1", "test"),
        ]
    assert version == loop.taught.version
    assert initialization["data_fingerprint"] == loop.trained.fingerprint
    assert len(detector["lineage"]["labels"]) == 24


def _promotions(workspace: Path) -> list[Promotion]:
    with opened(workspace) as house, house.catalog.transaction() as unit:
        return [promotion for model in (INITIALIZATION, DETECTOR) for promotion in unit.promotions(model)]


def test_the_report_shows_the_coil_its_verdicts_and_what_was_simulated(loop: Loop) -> None:
    text = text_of(loop.report)
    assert text.startswith(f"Coil {HELD_OUT} · inspection report")
    assert "3 frames captured = 3 judged + 0 unusable" in text
    for verdict, count in loop.scored.verdicts.items():
        assert f"{verdict} {count} frame" in text
    assert f"by {DETECTOR} version 1" in text
    assert "SIMULATED A simulator painted some defects on real images" in text
    assert "On REAL defects" in text
    assert "On SIMULATED defects" in text
    assert f"Initialization {INITIALIZATION} version 1" in text
    assert "no frame holds these lines" in text
    assert all(gap.reason is not None and gap.reason in text for gap in loop.ingested[HELD_OUT].missing)


def test_figures_of_the_demo_are_those_of_the_catalog(loop: Loop) -> None:
    with opened(loop.workspace) as house:
        metrics = house.demo.metrics(loop.plan)
    assert metrics["unit"] == "cell"
    judged = metrics["escapes"]["real"]["of"] + metrics["escapes"]["simulated"]["of"] + metrics["overkill"]["of"]
    # Two whole frames of 12 cells, and those that lie wholly in the lines of the torn one that arrived.
    assert (judged, metrics["not_judged"]) == (loop.ingested[HELD_OUT].labels, 0)
    assert 24 <= judged < 36
    text = text_of(loop.report)
    for origin in ("real", "simulated"):
        escapes = metrics["escapes"][origin]
        assert f"all types {escapes['count']} of {escapes['of']} " in text


def test_a_second_run_of_everything_says_that_nothing_is_new(loop: Loop, workspace: Path) -> None:
    before, stored = rows(workspace), files(workspace)
    with opened(workspace) as house:
        assert [house.demo.ingest(loop.plan, coil.id).new for coil in loop.plan.coils] == [0, 0, 0, 0]
        trained = house.train()
        assert (trained.new, trained.version, trained.fingerprint) == (False, "1", loop.trained.fingerprint)
        for model in (INITIALIZATION, DETECTOR):
            with pytest.raises(NothingToDoError, match="champion already"):
                promote(house, model, "1")
        assert house.unused_labels(LINE, RECIPE) == 0
        taught = house.adapt(line=LINE, recipe=RECIPE)
        assert (taught.new, taught.version) == (False, "1")
        scored = house.score(HELD_OUT)
        assert (scored.new, scored.verdicts, scored.findings) == (0, loop.scored.verdicts, loop.scored.findings)
        assert len(house.models.listing()) == 2
    assert (rows(workspace), files(workspace)) == (before, stored)


def test_an_initialization_carried_to_another_plant_gives_identical_detectors_and_scores(
    loop: Loop, tmp_path: Path
) -> None:
    carried, elsewhere = tmp_path / "initialization.bundle", tmp_path / "elsewhere"
    with opened(loop.workspace) as house:
        house.export_model(INITIALIZATION, out=carried)
        _, bundle = house.registry.load(DETECTOR, version="1")
    with opened(elsewhere) as house:
        assert house.import_model(carried) == (INITIALIZATION, "1")
        assert house.registry.aliased(INITIALIZATION, "challenger") == "1"
        promote(house, INITIALIZATION, "1")
        house.import_model(carried)  # what is in force does not challenge itself
        assert house.registry.aliased(INITIALIZATION, "challenger") is None
        for coil in ("poly-teach", HELD_OUT):
            house.demo.ingest(loop.plan, coil)
        taught = house.adapt(line=LINE, recipe=RECIPE)
        assert house.registry.load(DETECTOR, version=taught.version)[1].sha256 == bundle.sha256
        promote(house, DETECTOR, taught.version)
        scored = house.score(HELD_OUT)
    assert len({result.heatmap for result in results(elsewhere)}) == 3  # maps by content: something to agree on
    assert (scored.verdicts, scored.findings) == (loop.scored.verdicts, loop.scored.findings)
    assert results(elsewhere) == results(loop.workspace)


def test_rollback_brings_back_the_detector_of_before_and_its_verdicts(workspace: Path) -> None:
    with opened(workspace) as house:
        second = house.adapt(line=LINE, recipe=RECIPE, seed=1)
        promote(house, DETECTOR, second.version)
        assert house.score(HELD_OUT).detector == f"{DETECTOR}@2"
        house.models.rollback(DETECTOR, operator="test", reason="alarms")
        again = house.score(HELD_OUT)
        assert (again.detector, again.new) == (f"{DETECTOR}@1", 0)
    assert [len(results(workspace, version=version)) for version in "12"] == [3, 3]
    with opened(workspace) as house, house.catalog.transaction() as unit:
        moves = [(p.from_version, p.to_version) for p in unit.promotions(DETECTOR)]
    assert moves == [(None, "1"), ("1", "2"), ("2", "1")]


def test_a_refusal_of_the_gate_leaves_the_champion_in_force(workspace: Path) -> None:
    with opened(workspace, gates=GateRules(min_samples=50)) as house:
        second = house.adapt(line=LINE, recipe=RECIPE, seed=1)
        with pytest.raises(RefusedError, match="'defective' has 4 samples; 46 more are needed"):
            promote(house, DETECTOR, second.version)
        aliases = {alias: house.registry.aliased(DETECTOR, alias) for alias in ("champion", "challenger", "previous")}
        assert aliases == {"champion": "1", "challenger": "2", "previous": None}
        assert house.score(HELD_OUT).detector == f"{DETECTOR}@1"
        with house.catalog.transaction() as unit:
            assert len(unit.promotions(DETECTOR)) == 1


def test_an_altered_image_is_unusable_and_the_next_detector_judges_the_rest(workspace: Path) -> None:
    with opened(workspace) as house:
        with house.catalog.transaction() as unit:
            frame = unit.frames(HELD_OUT)[0]
        address = frame.image or ""
        (workspace / "images" / address[:2] / address[2:4] / address).write_bytes(b"altered")
        second = house.adapt(line=LINE, recipe=RECIPE, seed=1)
        scored = house.score(HELD_OUT, model=f"{DETECTOR}@{second.version}")
    assert (scored.judged, scored.unusable) == (2, 1)
    assert "was altered" in (results(workspace, version="2")[0].reason or "")


def test_the_doctor_finds_a_plant_that_works(loop: Loop) -> None:
    with opened(loop.workspace) as house:
        checks = {check.name: check for check in house.doctor()}
    assert [check for check in checks.values() if not check.ok and check.name != "free disk"] == []
    assert checks["catalog"].detail == "4 coils"
    assert checks["models"].detail == "2 registered models"
    assert settings(loop.workspace).backbone.name in checks["weights"].detail
