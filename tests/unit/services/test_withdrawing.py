"""Taken back and said again: rows are appended, the detector of before returns bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.labels import Label, LabelRole, in_force
from inspect_pipeline.errors import NotFoundError, NothingToDoError
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.withdrawing import Withdrawing
from tests.fakes.registry import InMemoryRegistry

from .plant import BAR, DETECTOR, INITIALIZATION, LINE, NOON, Plant, picture


def withdrawing(plant: Plant) -> Withdrawing:
    return Withdrawing(catalog=plant.catalog, clock=lambda: NOON)


def supports(plant: Plant) -> list[Label]:
    with plant.catalog.transaction() as unit:
        return in_force(unit.labels(line=LINE), role=LabelRole.SUPPORT)


def of_type(plant: Plant, name: str) -> list[Label]:
    return [label for label in supports(plant) if label.defect_type == name]


@pytest.fixture
def small() -> Plant:
    plant = Plant()
    plant.add_lesson("bar", 2)
    plant.add_lesson("spot", 2, first=10)
    return plant


def test_withdrawn_samples_are_no_longer_in_force_and_stay_on_record(small: Plant) -> None:
    before = of_type(small, "spot")
    taken = withdrawing(small).withdraw(LINE, "spot", operator="night shift")
    assert [row.supersedes for row in taken] == [label.id for label in before]
    assert {row.operator for row in taken} == {"night shift"}
    assert of_type(small, "spot") == []
    assert len(of_type(small, "bar")) == 2
    with small.catalog.transaction() as unit:
        assert [label for label in unit.labels() if label in before] == before


def test_what_is_said_again_is_in_force_again_as_often_as_it_is_withdrawn(small: Plant) -> None:
    said = of_type(small, "spot")
    for _ in range(3):
        withdrawing(small).withdraw(LINE, "spot", operator="a")
        again = withdrawing(small).repeat(LINE, said, operator="b")
        assert len(again) == 2
        assert [label.statement for label in of_type(small, "spot")] == [label.statement for label in said]
    assert withdrawing(small).repeat(LINE, said, operator="b") == []


def test_only_what_is_said_again_comes_back(small: Plant) -> None:
    said = of_type(small, "spot")
    withdrawing(small).withdraw(LINE, "spot", operator="a")
    withdrawing(small).repeat(LINE, said[:1], operator="b")
    assert [label.statement for label in of_type(small, "spot")] == [said[0].statement]


def test_a_corrected_label_does_not_come_back_when_the_wrong_one_is_said_again(small: Plant) -> None:
    wrong = of_type(small, "bar")[0]
    corrected = replace(wrong, id="corrected", defect_type="spot", supersedes=wrong.id)
    with small.catalog.transaction() as unit:
        unit.add_labels([corrected])
    withdrawing(small).withdraw(LINE, "spot", operator="a")
    assert withdrawing(small).repeat(LINE, [wrong], operator="b") == []
    assert len(withdrawing(small).repeat(LINE, [corrected], operator="b")) == 1


def test_a_type_without_labels_is_not_found_and_a_withdrawn_one_is_nothing_to_do(small: Plant) -> None:
    with pytest.raises(NotFoundError, match="no labels of type 'dent'"):
        withdrawing(small).withdraw(LINE, "dent", operator="a")
    withdrawing(small).withdraw(LINE, "spot", operator="a")
    with pytest.raises(NothingToDoError, match="in force"):
        withdrawing(small).withdraw(LINE, "spot", operator="a")
    with pytest.raises(NotFoundError):
        withdrawing(small).withdraw("another line", "bar", operator="a")


# Taught on the real backbone ------------------------------------------------------------------------------------------


def detector(plant: Plant, version: str, registry: InMemoryRegistry | None = None) -> Detector:
    return Detector.from_bundle((registry or plant.registry).load(DETECTOR, version=version)[1])


def same_bits(one: Detector, other: Detector) -> bool:
    pairs = [(one.normality.mean, other.normality.mean), (one.normality.whitening, other.normality.whitening)]
    pairs += [(a.weight, b.weight) for a, b in zip(one.heads, other.heads, strict=True)]
    rest = [
        (each.thresholds, each.anomaly, [(h.name, h.bias, h.channel, h.least_likeness) for h in each.heads])
        for each in (one, other)
    ]
    return all(torch.equal(a, b) for a, b in pairs) and rest[0] == rest[1]


def test_withdrawn_and_taught_again_the_very_versions_return(plant: Plant) -> None:
    work = plant.teaching()
    plant.add_lesson("spot", 3, first=30)
    with_spot = work.adapt(LINE, "default")
    said = of_type(plant, "spot")
    withdrawing(plant).withdraw(LINE, "spot", operator="a")
    assert work.unused_labels(LINE, "default") == 3
    assert (work.adapt(LINE, "default").version, work.adapt(LINE, "default").new) == ("1", False)
    withdrawing(plant).repeat(LINE, said, operator="b")
    assert work.unused_labels(LINE, "default") == 0
    again = work.adapt(LINE, "default")
    assert (again.version, again.new) == (with_spot.version, False)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_labels_and_their_ids_change_no_bit_of_the_detector(plant: Plant, seed: int) -> None:
    plant.add_lesson("spot", 3, first=30)
    frame = plant.add_frame(40, picture(40, "bar"), coil="samples of strip")
    for k in range(2):  # two labels of one frame
        plant.add_label(frame, "bar", roi=replace(BAR, left=BAR.left + 4 * k), name=f"drawn-{k}")
    first = plant.teaching().adapt(LINE, "default")

    other = Plant(images=plant.images)
    _, origin = plant.registry.load(INITIALIZATION, version="1")
    other.registry.set_alias(INITIALIZATION, CHAMPION, other.registry.register(INITIALIZATION, origin, tags={}))
    labels = supports(plant)
    order = np.random.default_rng(seed).permutation(len(labels))
    with plant.catalog.transaction() as unit, other.catalog.transaction() as copy:
        for coil in unit.coils():
            copy.add_coil(coil)
            copy.add_frames(unit.frames(coil.id))
        copy.add_labels([replace(labels[int(k)], id=f"{place:03}") for place, k in enumerate(order)])
    second = other.teaching().adapt(LINE, "default")
    assert second.new
    assert same_bits(detector(plant, first.version), detector(other, second.version))
    assert second.leave_one_out == first.leave_one_out
    assert second.confusions == first.confusions
