"""Each material left out in turn: what is measured on it, the mean over materials, and chance with permuted types."""

from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.services.cross_domain import CrossDomain, CrossDomainSummary
from inspect_pipeline.services.evaluation import Described

from .method_materials import DIMS, materials
from .plant import silent

STUDY = CrossDomain(
    method=untrained("protonet", DIMS),
    spec=EpisodeSpec(way=3, shot=2, query=4),
    training=EpisodeSpec(way=3, shot=2, query=4),
    outer_loop=OuterLoop(
        steps=12,
        tasks_per_step=4,
        learning_rate=0.1,
        validate_every=6,
        folds=2,
        validation_episodes=24,
        decision_episodes=60,
    ),
    episodes=60,
    seed=0,
    seeds=2,
    progress=silent,
)


@pytest.fixture(scope="module")
def summary() -> CrossDomainSummary:
    return STUDY.run(materials())


def test_every_material_is_measured_unseen_beside_the_baselines_on_the_same_episodes(
    summary: CrossDomainSummary,
) -> None:
    assert list(summary.per_family) == ["m0", "m1", "m2", "m3"]
    for family, row in summary.per_family.items():
        assert (row["way"], row["chance"], row["trained_on"]) == (3, 1 / 3, 3)
        for name, gain in row["differences"].items():
            assert gain["difference"] == pytest.approx(row["accuracy"] - row["baselines"][name]["accuracy"])
            assert gain["difference"] == pytest.approx(np.mean(gain["per_training"]))
            assert summary.differences[name]["per_family"][family]["difference"] == gain["difference"]


def test_the_mean_is_over_materials_with_students_interval(summary: CrossDomainSummary) -> None:
    means = [row["accuracy"] for row in summary.per_family.values()]
    assert summary.accuracy == pytest.approx(np.mean(means))
    gain = summary.differences["nearest_prototype"]
    gains = [row["differences"]["nearest_prototype"]["difference"] for row in summary.per_family.values()]
    half = 3.182446 * np.std(gains, ddof=1) / 2.0  # t(0.975, 3) and the root of 4
    assert gain["interval"] == pytest.approx([np.mean(gains) - half, np.mean(gains) + half], abs=1e-6)
    assert gain["materials"] == 4


def test_what_disturbs_everywhere_is_learned_from_the_other_materials(summary: CrossDomainSummary) -> None:
    gain = summary.differences["nearest_prototype"]
    assert gain["interval"][0] > 0.0
    assert all(row["chosen"] == ["protonet", "protonet"] for row in summary.per_family.values())
    for row in summary.per_family.values():
        assert row["shipped"]["accuracy"] == row["accuracy"]


def test_permuted_types_fall_to_chance_and_gain_nothing() -> None:
    found = replace(STUDY, seeds=1, episodes=100).run(materials(permuted=True))
    assert abs(found.accuracy - 1 / 3) < 0.05
    low, high = found.differences["nearest_prototype"]["interval"]
    assert low < 0.0 < high


def test_a_material_that_cannot_serve_is_refused_by_name_and_fewer_types_make_fewer_ways() -> None:
    data = materials(5)
    families = np.array(data.index.families)
    types = np.array(data.index.types)
    kept = np.flatnonzero(((families != "m0") | (types == "t0")) & ((families != "m1") | (types != "t2")))
    found = replace(STUDY, seeds=1, episodes=20).run(
        Described(features=data.features[kept], index=data.index.subset(kept), fingerprint="abc")
    )
    assert found.per_family["m1"]["way"] == 2
    assert found.per_family["m2"]["way"] == 3
    assert found.refused[0].startswith("m0: no family can serve 2-way 2-shot episodes")


def test_two_materials_are_too_few() -> None:
    with pytest.raises(BadDataError, match="2 materials can be left out, 3 are needed; give more --data"):
        replace(STUDY, seeds=1, episodes=4).run(materials(2))
