"""Scoring on the fakes: one verdict a frame, none skipped, none twice, whatever happens on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.capture import FrameMeasures, StripEdges
from inspect_pipeline.domain.findings import HEATMAP_STEPS, FrameResult, Verdict
from inspect_pipeline.domain.material import CapturedFrame, Roi
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import InspectError, NotFoundError, RefusedError, StorageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.models import ModelReference
from tests.fakes.catalog import InMemoryCatalog, InMemoryUnit
from tests.fakes.images import InMemoryImages

from .plant import BAR, COIL, DETECTOR, MM_ACROSS, MM_ALONG, NOON, SIDE_PX, Plant, picture

FIRST = f"{DETECTOR}@1"
MARKS = [None, "bar", None, None, "bar", None, None, None, None, None, "bar", None]


class KilledError(Exception):
    """The process was killed."""


@dataclass
class DyingCatalog:
    """No transaction after ``left`` of them is committed."""

    alive: InMemoryCatalog
    left: int

    @contextmanager
    def transaction(self) -> Iterator[InMemoryUnit]:
        with self.alive.transaction() as unit:
            yield unit
            self.left -= 1
            if self.left < 0:
                raise KilledError


class UnpluggedImages(InMemoryImages):
    def get(self, address: str) -> bytes:
        raise StorageError("the disk does not answer")


class ForgettingUnit(InMemoryUnit):
    def add_results(self, coil: str, results: Sequence[FrameResult]) -> int:
        return super().add_results(coil, results[1:])


class ForgettingCatalog(InMemoryCatalog):
    """Loses the first verdict of every transaction."""

    @contextmanager
    def transaction(self) -> Iterator[InMemoryUnit]:
        with super().transaction() as unit:
            yield ForgettingUnit(unit._state)


@pytest.fixture
def coil(plant: Plant) -> Plant:
    """Twelve frames, three of them with a bar."""
    plant.add_coil()
    for number, mark in enumerate(MARKS):
        plant.add_frame(number, picture(number, mark))
    return plant


def results(plant: Plant, *, detector: str = FIRST) -> list[FrameResult]:
    with plant.catalog.transaction() as unit:
        return unit.results(COIL, detector=detector)


def frames(plant: Plant) -> list[CapturedFrame]:
    with plant.catalog.transaction() as unit:
        return unit.frames(COIL)


def reasons(plant: Plant) -> dict[str, str | None]:
    return {result.frame.rpartition("/")[2]: result.reason for result in results(plant) if result.reason}


def test_every_frame_gets_one_verdict_and_the_marked_ones_are_the_defects(coil: Plant) -> None:
    summary = coil.scoring().run(COIL)
    assert [result.frame for result in results(coil)] == [frame.id for frame in frames(coil)]
    assert [result.verdict for result in results(coil)] == [Verdict.DEFECT if m else Verdict.PASS for m in MARKS]
    assert summary.verdicts == {"PASS": 9, "DEFECT": 3}
    assert (summary.detector, summary.judged, summary.unusable, summary.new) == (FIRST, 12, 0, 12)
    assert (summary.findings, summary.not_inspected_m) == (3, 0.0)
    assert summary.frames_per_s == 12 / summary.seconds
    assert coil.registry.aliased(DETECTOR, CHAMPION) == "1"


def test_a_finding_says_what_it_is_and_where_on_the_coil(coil: Plant) -> None:
    coil.scoring().run(COIL)
    (finding,) = results(coil)[4].findings
    assert (finding.defect_type, finding.life_cycle, finding.frame) == ("bar", LifeCycle.PROVISIONAL, f"{COIL}/004")
    assert finding.score > 1.0
    assert 2 * finding.roi.overlap_px(BAR) > BAR.area_px
    assert finding.crossweb_mm == (finding.roi.left + finding.roi.right) / 2 * MM_ACROSS
    lines = 4 * SIDE_PX + (finding.roi.top + finding.roi.bottom) / 2
    assert finding.downweb_m == pytest.approx(lines * MM_ALONG / 1000)
    assert (finding.width_mm, finding.length_mm) == (finding.roi.width * MM_ACROSS, finding.roi.height * MM_ALONG)


def test_the_heatmap_that_is_kept_shows_the_finding_in_multiples_of_the_threshold(coil: Plant) -> None:
    coil.scoring().run(COIL)
    passed, marked = results(coil)[0], results(coil)[1]
    (finding,) = marked.findings
    heatmaps = [decode(coil.images.get(result.heatmap or ""), name="heatmap") for result in (passed, marked)]
    assert heatmaps[0].max() < HEATMAP_STEPS <= heatmaps[1].max()
    assert int(heatmaps[1].max()) == min(255, round(finding.score * HEATMAP_STEPS))


def test_frames_that_cannot_be_judged_are_unusable_with_their_reason_and_the_rest_is_judged(plant: Plant) -> None:
    plant.add_coil()
    plant.add_frame(0, picture(0))
    plant.add_frame(1, picture(1, "bar"), reason="torn: only 20 of 96 lines arrived")
    plant.add_frame(2, None, reason="002.png: truncated PNG")
    plant.add_frame(3, picture(3), reason="blank: one grey value")
    plant.images.contents[plant.add_frame(4, picture(4)).image or ""] = b"other bytes"
    plant.add_frame(5, picture(5)[:8, :8])
    plant.add_frame(6, picture(6, "bar"))
    with plant.catalog.transaction() as unit:
        unit.expect(COIL, lines=7 * SIDE_PX + 40, cameras=())
    summary = plant.scoring().run(COIL)
    assert (summary.judged, summary.unusable, summary.new) == (2, 5, 7)
    assert summary.verdicts == {"PASS": 1, "UNUSABLE": 5, "DEFECT": 1}
    assert summary.not_inspected_m == pytest.approx((5 * SIDE_PX + 40) * MM_ALONG / 1000)
    told = reasons(plant)
    assert (told["001"], told["002"]) == ("torn: only 20 of 96 lines arrived", "002.png: truncated PNG")
    assert told["003"] == "blank: one grey value"
    assert "altered" in (told["004"] or "")
    assert "too small to be judged" in (told["005"] or "")
    assert all(result.findings == () for result in results(plant) if result.verdict is Verdict.UNUSABLE)


def test_an_image_that_is_gone_ends_the_run_and_the_coil_is_finished_when_it_is_back(plant: Plant) -> None:
    plant.add_coil()
    plant.add_frame(0, picture(0))
    address = plant.add_frame(1, picture(1, "bar")).image or ""
    content = plant.images.contents.pop(address)
    with pytest.raises(StorageError, match=r"is gone .*score again"):
        plant.scoring().run(COIL)
    plant.images.contents[address] = content
    assert plant.scoring().run(COIL).verdicts == {"PASS": 1, "DEFECT": 1}


def test_frames_that_arrive_while_a_coil_is_scored_are_left_for_the_next_run(plant: Plant) -> None:
    plant.add_coil()
    plant.add_frame(0, picture(0))

    def arrives(_stage: str, _done: int, _total: int) -> None:
        plant.add_frame(1, picture(1))

    first = replace(plant.scoring(), progress=arrives).run(COIL)
    assert (first.judged, plant.scoring().run(COIL).judged) == (1, 2)


def test_a_stored_file_that_is_no_image_is_unusable(plant: Plant) -> None:
    plant.add_coil()
    frame = plant.add_frame(0, picture(0))
    address = plant.images.put(b"not pixels", suffix="png")
    with plant.catalog.transaction() as unit:
        unit.add_frames([replace(frame, id=f"{COIL}/text", image=address, first_line=SIDE_PX)])
    plant.scoring().run(COIL)
    assert [result.verdict for result in results(plant)] == [Verdict.PASS, Verdict.UNUSABLE]


def test_a_second_run_adds_nothing_and_says_so(coil: Plant) -> None:
    first = coil.scoring().run(COIL)
    before, written = results(coil), coil.images.written
    second = coil.scoring().run(COIL)
    assert (second.new, second.judged, second.findings) == (0, first.judged, first.findings)
    assert (results(coil), coil.images.written) == (before, written)
    with coil.catalog.transaction() as unit:
        (stage,) = unit.stages(coil=COIL)
    detail = {"frames": 12, "findings": 3, "runtime": "torch f32"}
    assert (stage.stage, stage.model, stage.detail) == ("score", FIRST, detail)


def test_frames_that_came_later_are_judged_and_the_others_not_again(coil: Plant) -> None:
    coil.scoring().run(COIL)
    coil.add_frame(12, picture(12, "bar"))
    summary = coil.scoring().run(COIL)
    assert (summary.new, summary.judged, summary.verdicts["DEFECT"]) == (1, 13, 4)


@pytest.mark.parametrize("survived", [3, 4, 5])
def test_a_run_killed_in_mid_coil_is_finished_by_the_next_with_nothing_twice(coil: Plant, survived: int) -> None:
    whole = deepcopy(coil)
    whole.scoring().run(COIL)
    # Opening takes three transactions, eight frames and the last four take one each, then the books are closed.
    with pytest.raises(KilledError):
        replace(coil.scoring(), catalog=DyingCatalog(alive=coil.catalog, left=survived)).run(COIL)
    kept = {3: 0, 4: 8, 5: 12}[survived]
    assert len(results(coil)) == kept
    summary = coil.scoring().run(COIL)
    assert (summary.new, summary.judged) == (12 - kept, 12)
    assert results(coil) == results(whole)
    assert coil.images.contents == whole.images.contents


def test_books_that_do_not_balance_fail_the_run_and_leave_no_record_of_success(coil: Plant) -> None:
    leaking = ForgettingCatalog()
    leaking._state = coil.catalog._state
    coil.catalog = leaking
    with pytest.raises(InspectError, match="12 frames were captured but 10 judged and 0 are unusable") as caught:
        coil.scoring().run(COIL)
    assert caught.value.exit_code == 1
    with coil.catalog.transaction() as unit:
        assert unit.stages(coil=COIL) == []


def test_a_disk_that_fails_while_reading_ends_the_run_instead_of_condemning_the_frames(coil: Plant) -> None:
    with pytest.raises(StorageError, match="does not answer"):
        replace(coil.scoring(), images=UnpluggedImages()).run(COIL)
    assert results(coil) == []


def second_version(plant: Plant) -> None:
    """The same detector registered again, as if it had been taught anew."""
    _, bundle = plant.registry.load(DETECTOR, version="1")
    lineage = {**bundle.manifest["lineage"], "seed": 1}
    again = replace(bundle, manifest={**bundle.manifest, "lineage": lineage})
    assert plant.registry.register(DETECTOR, again, tags={}) == "2"


def test_the_model_is_resolved_once_a_coil_so_a_promotion_takes_effect_at_the_next(coil: Plant) -> None:
    second_version(coil)

    def promote_meanwhile(_stage: str, _done: int, _total: int) -> None:
        coil.promote("2")

    summary = replace(coil.scoring(), progress=promote_meanwhile).run(COIL)
    assert (summary.detector, len(results(coil)), results(coil, detector=f"{DETECTOR}@2")) == (FIRST, 12, [])
    coil.add_coil("coil-2")
    coil.add_frame(0, picture(0), coil="coil-2")
    assert coil.scoring().run("coil-2").detector == f"{DETECTOR}@2"


def test_a_version_asked_for_by_name_judges_beside_the_champion(coil: Plant) -> None:
    second_version(coil)
    coil.scoring().run(COIL)
    summary = coil.scoring().run(COIL, reference=ModelReference(name=DETECTOR, version="2"))
    assert (summary.detector, summary.new) == (f"{DETECTOR}@2", 12)
    assert [len(results(coil, detector=f"{DETECTOR}@{version}")) for version in "12"] == [12, 12]


def test_an_unknown_coil_and_a_line_without_a_detector_are_not_found(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="'coil-9' is not in the catalog"):
        plant.scoring().run("coil-9")
    plant.add_coil(line="other")
    with pytest.raises(NotFoundError, match=r"detector\.other\.default"):
        plant.scoring().run(COIL)


def in_units(bundle: Bundle, side_px: int) -> Bundle:
    """The detector with its promise given for pieces of a frame."""
    promise = {**bundle.manifest["promise"], "unit": {"height_px": side_px, "width_px": side_px}}
    return replace(bundle, manifest={**bundle.manifest, "promise": promise})


def test_a_finding_does_not_reach_over_the_border_of_its_unit(plant: Plant) -> None:
    _, bundle = plant.registry.load(DETECTOR, version="1")
    plant.promote(plant.registry.register(DETECTOR, in_units(bundle, SIDE_PX), tags={}))
    plant.add_coil()
    both = np.hstack([picture(1), picture(2)])
    both[40:56, 60:140] = 60  # over the border at 96
    plant.add_frame(0, both)
    plant.scoring().run(COIL)
    (result,) = results(plant, detector=f"{DETECTOR}@2")
    cells = [Roi(top=0, left=0, bottom=SIDE_PX, right=SIDE_PX), Roi(top=0, left=SIDE_PX, bottom=SIDE_PX, right=192)]
    assert len(result.findings) >= 2
    for finding in result.findings:
        assert any(finding.roi.overlap_px(cell) == finding.roi.area_px for cell in cells), finding.roi


def measured(plant: Plant, number: int, **measures: Any) -> None:
    """Replace a frame of the coil by one with these measures, before it is judged."""
    kept = plant.catalog._state.frames
    name = f"{COIL}/{number:03}"
    kept[name] = replace(kept[name], measures=FrameMeasures(**measures))


def test_places_count_from_the_left_edge_of_the_strip_where_it_was_seen(coil: Plant) -> None:
    coil.scoring().run(COIL)
    [before] = results(coil)[4].findings
    other = Plant(registry=coil.registry, images=coil.images)
    other.add_coil()
    other.promote("1")
    for number, mark in enumerate(MARKS):
        other.add_frame(number, picture(number, mark))
        measured(other, number, edges=StripEdges(left_px=10.0))
    other.scoring().run(COIL)
    [after] = results(other)[4].findings
    assert before.crossweb_mm - after.crossweb_mm == pytest.approx(10.0 * MM_ACROSS)


def test_what_lies_beside_the_strip_or_in_its_trim_is_no_finding(coil: Plant) -> None:
    measured(coil, 1, zone_left_px=40, zone_right_px=72)
    measured(coil, 4, zone_left_px=SIDE_PX - 2)
    coil.scoring().run(COIL)
    judged = {result.frame: result for result in results(coil)}
    # A cell of the map counts by its middle, so a finding reaches at most half a cell beyond.
    assert all(one.roi.left >= 32 and one.roi.right <= 80 for one in judged[f"{COIL}/001"].findings)
    assert (judged[f"{COIL}/001"].verdict, judged[f"{COIL}/004"].verdict) == (Verdict.DEFECT, Verdict.PASS)


def test_a_frame_whose_image_retention_removed_is_unusable_to_a_new_detector(coil: Plant) -> None:
    kept = coil.catalog._state.frames
    kept[f"{COIL}/000"] = replace(kept[f"{COIL}/000"], pruned_at=NOON)
    coil.images.contents.pop(kept[f"{COIL}/000"].image or "")
    summary = coil.scoring().run(COIL)
    assert (summary.judged, summary.unusable) == (11, 1)
    assert "removed by retention on 2024-05-06" in (reasons(coil)["000"] or "")


def test_a_champion_that_was_moved_past_the_records_judges_nothing(coil: Plant) -> None:
    coil.registry.set_alias(DETECTOR, CHAMPION, None)
    with pytest.raises(RefusedError, match=r"was moved outside this program; 'models adopt") as refused:
        coil.scoring().run(COIL)
    assert refused.value.exit_code == 3
    assert results(coil) == []
    assert coil.scoring().run(COIL, reference=ModelReference(name=DETECTOR, version="1")).judged == 12
