"""Doubts about samples from their patches: each is raised by what it is about, and by nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.checks import Check, CheckKind, Severity
from inspect_pipeline.learning.crossfit import cross_fit
from inspect_pipeline.learning.dense_fit import Variant
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import Patches, Support
from inspect_pipeline.learning.known_types import costs_of_company
from inspect_pipeline.learning.leave_one_out import judge_left_out
from inspect_pipeline.learning.same_defect import how_near
from inspect_pipeline.learning.support_checks import check_supports

from .patch_material import material, sample

SETTINGS = DetectorSettings(support_patches_guessed=16, folds=4)


def learned(patches: Patches):  # type: ignore[no-untyped-def]
    names = sorted({one.defect_type for one in patches.supports})
    of_type = {n: tuple(i for i, s in enumerate(patches.supports) if s.defect_type == n) for n in names}
    variants = [Variant(defect_type=n, supports=of_type[n]) for n in names]
    variants += [
        Variant(defect_type=n, supports=tuple(j for j in of_type[n] if j != i)) for n in names for i in of_type[n]
    ]
    crossed = cross_fit(patches.good, patches.supports, variants, settings=SETTINGS, seed=0)
    left_out = judge_left_out(crossed, patches.supports, variants, names, promise=Promise(), settings=SETTINGS)
    return names, variants, crossed, left_out


def checks(patches: Patches) -> list[Check]:
    names, _, crossed, left_out = learned(patches)
    return check_supports(patches.supports, names, crossed, left_out, settings=SETTINGS)


def of_kind(found: Sequence[Check], kind: CheckKind) -> list[Check]:
    return [one for one in found if one.kind is kind]


def with_supports(patches: Patches, *more: Support) -> Patches:
    return replace(patches, supports=(*patches.supports, *more))


def test_of_clear_types_there_is_nothing_to_say() -> None:
    assert checks(material(0, types={"scratch": 0, "stain": 5})) == []


def test_without_samples_there_is_nothing_to_say() -> None:
    assert checks(material(0, types={})) == []


def test_two_names_for_one_thing_are_named_with_their_cosine_and_the_samples_that_took_the_other_name() -> None:
    (check,) = of_kind(checks(material(4, types={"scratch": 0, "line": 0, "stain": 5})), CheckKind.TWO_NAMES)
    assert "'line' and 'scratch' look alike (cosine 0.9" in check.message or "cosine 1.0" in check.message
    assert "took the other name" in check.message
    assert sorted(check.labels) == sorted([f"{name}-{k}" for name in ("scratch", "line") for k in range(5)])


def test_types_that_are_told_apart_are_not_called_alike_however_near_they_lie() -> None:
    patches = material(8, types={"scratch": 0})
    generator = np.random.default_rng(3)
    near = []
    for k in range(5):  # shares most of its shift with the other type, and has some of its own
        one = sample(generator, 0, name="deep scratch", label=f"deep-{k}", shift=4.0)
        moved = one.patches.clone()
        block = moved[..., 0] > 2.0
        moved[..., 1] += 4.0 * block
        near.append(replace(one, patches=moved))
    assert of_kind(checks(with_supports(patches, *near)), CheckKind.TWO_NAMES) == []


def test_a_sample_of_good_material_is_said_to_look_normal() -> None:
    dull = sample(np.random.default_rng(0), 0, shift=0.0, label="dull")
    (check,) = of_kind(checks(with_supports(material(6, types={"scratch": 0}, shots=4), dull)), CheckKind.LOOKS_NORMAL)
    assert (check.labels, check.severity) == (("dull",), Severity.DOUBT)


def test_a_sample_of_another_kind_disagrees_with_its_type() -> None:
    odd = sample(np.random.default_rng(0), 7, shift=6.0, label="odd")
    (check,) = of_kind(checks(with_supports(material(6, types={"scratch": 0}, shots=5), odd)), CheckKind.DISAGREES)
    assert check.labels == ("odd",)


def test_samples_that_have_nothing_in_common_are_said_once_for_the_type() -> None:
    generator = np.random.default_rng(1)
    mixed = [sample(generator, axis, name="mixed", label=f"m{axis}", shift=6.0) for axis in (1, 3, 5, 7)]
    (check,) = of_kind(checks(with_supports(material(2, types={"scratch": 0}), *mixed)), CheckKind.DISAGREES)
    assert "several types" in check.message
    assert len(check.labels) >= 3


def test_one_defect_given_with_two_boxes_counts_twice_and_is_said() -> None:
    patches = material(5, types={"scratch": 0})
    first = patches.supports[0]
    narrow = replace(first, patches=first.patches[1:, :9].clone(), inside=first.inside[1:, :9].clone(), label="again")
    (check,) = of_kind(checks(with_supports(patches, narrow)), CheckKind.SAME_DEFECT)
    assert check.labels == (first.label, "again")


def test_a_sample_of_fewer_patches_than_a_row_of_the_box_mean_is_noted() -> None:
    patches = material(5, types={"scratch": 0})
    inside = torch.zeros(10, 10, dtype=torch.bool)
    inside[0, :3] = True
    small = replace(sample(np.random.default_rng(4), 0), inside=inside, label="tiny")
    (check,) = of_kind(checks(with_supports(patches, small)), CheckKind.TOO_SMALL)
    assert (check.labels, check.severity) == (("tiny",), Severity.NOTE)
    assert "covers 3 patches" in check.message


def test_how_near_is_the_median_distance_to_the_nearest() -> None:
    queries = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 9.0]])
    candidates = torch.tensor([[0.0, 1.0], [3.0, 4.0], [0.0, 9.0]])
    assert how_near(queries, candidates) == pytest.approx(1.0)
    assert how_near(queries, queries) == 0.0


# What a new type costs ------------------------------------------------------------------------------------------------


def test_a_new_type_that_takes_the_names_of_a_known_one_is_counted_against_it() -> None:
    patches = material(4, types={"scratch": 0, "line": 0, "stain": 5})
    names, variants, crossed, left_out = learned(patches)
    costs = costs_of_company(
        crossed,
        patches.supports,
        variants,
        names,
        left_out,
        known={"scratch", "stain"},
        promise=Promise(),
        settings=SETTINGS,
    )
    by_name = {cost.defect_type: cost for cost in costs}
    assert sorted(by_name) == ["scratch", "stain"]
    assert (by_name["stain"].trials, by_name["stain"].lost_points, by_name["stain"].lost_naming_points) == (5, 0, 0)
    scratch = by_name["scratch"]
    assert scratch.named_before == 5
    assert scratch.lost_naming_points == pytest.approx(20.0 * (5 - scratch.named_after))
    assert scratch.named_after < 5


def test_what_was_known_before_is_judged_as_by_a_detector_of_those_types_alone() -> None:
    patches = material(4, types={"scratch": 0, "line": 0, "stain": 5})
    names, variants, crossed, left_out = learned(patches)
    costs = costs_of_company(
        crossed, patches.supports, variants, names, left_out, known={"scratch", "stain"}, promise=Promise(),
        settings=SETTINGS,
    )  # fmt: skip
    alone = replace(patches, supports=tuple(s for s in patches.supports if s.defect_type != "line"))
    _, _, _, before = learned(alone)
    for cost in costs:
        mine = [one for one in before if one.defect_type == cost.defect_type]
        assert cost.found_before == sum(one.found for one in mine)
        assert cost.named_before == sum(one.named == cost.defect_type for one in mine)


@pytest.mark.parametrize("known", [set(), {"other"}, {"scratch", "stain"}])
def test_where_no_type_is_new_or_none_was_known_there_is_no_cost(known: set[str]) -> None:
    patches = material(0, types={"scratch": 0, "stain": 5})
    names, variants, crossed, left_out = learned(patches)
    assert (
        costs_of_company(
            crossed, patches.supports, variants, names, left_out, known=known, promise=Promise(), settings=SETTINGS
        )
        == ()
    )
