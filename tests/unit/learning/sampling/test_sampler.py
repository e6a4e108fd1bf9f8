"""Training episodes: what policies draw, what an episode holds, and that workers and order do not matter."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodeSpec, episode, index_samples, plan_episodes
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.sampler import episode_sampler
from inspect_pipeline.learning.sampling.settings import Sampling
from tests.unit.learning.sampling.sampled_material import EVERYTHING, HARD, PLANT, SMALL, drawn_by_worker, facts, plant


def draws(
    index: EpisodeIndex,
    sampling: Sampling,
    *,
    count: int = 300,
    spec: EpisodeSpec = SMALL,
    hardness: Hardness | None = None,
) -> list[Episode]:
    sampler = episode_sampler(index, spec, sampling, seed=3)
    return sampler.step(0, numbers=range(count), hardness=hardness or Hardness())


def type_shares(episodes: list[Episode]) -> Counter[tuple[str, str]]:
    return Counter(key for each in episodes for key in each.types)


def test_plain_sampling_gives_the_very_episodes_of_the_plan() -> None:
    index = plant(PLANT, per_group=2)
    plan = plan_episodes(index, SMALL)
    drawn = episode_sampler(index, SMALL, Sampling(), seed=5).step(7, numbers=range(20), hardness=Hardness())
    assert [facts(each) for each in drawn] == [facts(episode(plan, seed=5, number=number)) for number in range(20)]
    first = drawn[0]
    assert (first.family, first.class_names) == ("wood", ("crack", "good"))
    assert (first.support.tolist(), first.query.tolist()) == ([159, 146, 110, 107], [141, 129, 137, 114, 115, 104])


@settings(max_examples=60, deadline=None)
@given(
    policy=st.sampled_from(["family_balanced", "uniform", "hierarchical", "hard"]),
    shuffle=st.sampled_from([0.0, 0.5, 1.0]),
    normal=st.booleans(),
    unlabelled=st.integers(0, 3),
    distractors=st.integers(0, 1),
    per_group=st.integers(1, 3),
    step=st.integers(0, 50),
)
def test_no_side_of_an_episode_shares_a_sample_or_group_with_another(
    policy: str, shuffle: float, normal: bool, unlabelled: int, distractors: int, per_group: int, step: int
) -> None:
    index = plant(PLANT, per_group=per_group)
    sampling = Sampling(
        policy=policy,  # type: ignore[arg-type]
        domain_shuffle=shuffle,
        normal_class=normal,
        unlabelled=unlabelled,
        distractors=distractors if unlabelled else 0,
        ways=(2, 3),
        shots=(1, 2),
    )
    sampler = episode_sampler(index, SMALL, sampling, seed=1)
    form = sampler.form(step)
    drawn = sampler.step(step, numbers=[step], hardness=HARD)[0]
    sides = [drawn.support, drawn.query, drawn.unlabelled]
    groups = [set(index.groups[side].tolist()) for side in sides]
    assert not groups[0] & groups[1]
    assert not groups[2] & (groups[0] | groups[1])
    assert all(len(set(side.tolist())) == len(side) for side in sides)
    counts = [form.way * form.shot, form.way * SMALL.query, (form.way + sampling.distractors) * unlabelled]
    assert [len(side) for side in sides] == counts
    assert len(set(drawn.types)) == form.way
    for rows, labels in ((drawn.support, drawn.support_labels), (drawn.query, drawn.query_labels)):
        told = [(index.families[row], index.types[row]) for row in rows]
        assert told == [drawn.types[label] for label in labels]
    if normal:
        assert [is_normal(name) for name in drawn.class_names] == [True] + [False] * (form.way - 1)


def test_uniform_draws_every_type_equally_often_and_family_balanced_every_family() -> None:
    index = plant({"big": {f"t{i}": 8 for i in range(8)}, "small": {"x": 8, "y": 8}})
    uniform = type_shares(draws(index, Sampling(policy="uniform"), count=1000))
    assert all(140 < uniform[key] < 260 for key in uniform)
    assert len(uniform) == 10
    balanced = type_shares(draws(index, Sampling(), count=1000))
    assert 440 < balanced["small", "x"] < 560
    assert all(90 < balanced["big", f"t{i}"] < 160 for i in range(8))


def test_hierarchical_powers_draw_families_and_types_by_their_samples() -> None:
    index = plant({"big": {"p": 90, "q": 10, "r": 10, "s": 10}, "small": {"x": 10, "y": 10, "z": 10}})
    flat = draws(index, Sampling(policy="hierarchical", family_power=0.0, type_power=0.0), count=600)
    assert 240 < sum(each.family == "big" for each in flat) < 360
    assert 100 < type_shares(flat)["big", "p"] < 200  # half of the 300 of its family
    steep = draws(index, Sampling(policy="hierarchical", family_power=1.0, type_power=1.0), count=600)
    assert 430 < sum(each.family == "big" for each in steep) < 530  # 4 of 5
    assert type_shares(steep)["big", "p"] > 0.85 * sum(each.family == "big" for each in steep)


def test_hard_types_are_drawn_more_and_easy_ones_still_are() -> None:
    index = plant({"steel": dict.fromkeys("abcdef", 8), "wood": dict.fromkeys("ghijkl", 8)})
    losses = {("steel", name): 0.1 for name in "abcdef"} | {("wood", name): 0.1 for name in "ghijkl"}
    losses["steel", "a"] = 5.0
    sampling = Sampling(policy="hard")
    shares = type_shares(draws(index, sampling, count=600, hardness=Hardness(losses=losses)))
    even = type_shares(draws(index, sampling, count=600))
    assert shares["steel", "a"] > 2.0 * even["steel", "a"]
    assert min(shares[key] for key in losses) > 20


def test_running_losses_are_averaged_over_a_step_and_forget_slowly() -> None:
    index = plant({"steel": {"a": 9, "b": 9}})
    drawn = [replace(each, class_names=("a", "b")) for each in draws(index, Sampling(), count=2)]
    once = Hardness().after(drawn, np.array([[1.0, 4.0], [3.0, 6.0]]), memory=0.9)
    assert once.losses == {("steel", "a"): 2.0, ("steel", "b"): 5.0}
    twice = once.after(drawn[:1], np.array([[12.0, 5.0]]), memory=0.9)
    assert twice.losses == pytest.approx({("steel", "a"): 3.0, ("steel", "b"): 5.0})
    assert twice.of([("steel", "a"), ("steel", "new")]).tolist() == pytest.approx([3.0, 3.0])
    with pytest.raises(BadDataError, match="no number"):
        once.after(drawn[:1], np.array([[np.nan, 1.0]]), memory=0.9)


def test_domain_shuffle_mixes_materials_in_its_share_of_episodes() -> None:
    index = plant(PLANT)
    none, half, always = (draws(index, Sampling(domain_shuffle=share), count=200) for share in (0.0, 0.5, 1.0))
    assert not any(each.materials for each in none)
    assert 70 < sum(bool(each.materials) for each in half) < 130
    assert all(len({family for family, _ in each.types}) > 1 for each in always)
    assert {each.family for each in always} >= {"glass+steel", "glass+wood", "steel+wood"}


def test_families_too_small_for_an_episode_of_their_own_take_part_in_mixed_ones() -> None:
    index = plant({f"f{i}": {"only": 9} for i in range(4)})
    with pytest.raises(BadDataError, match="no family can serve 2-way"):
        episode_sampler(index, SMALL, Sampling(policy="uniform"), seed=0)
    assert all(len(set(each.materials)) == 2 for each in draws(index, Sampling(domain_shuffle=1.0), count=20))


def test_a_step_has_one_form_and_forms_run_through_their_ranges() -> None:
    sampler = episode_sampler(plant(PLANT), SMALL, Sampling(ways=(2, 4), shots=(1, 3)), seed=2)
    forms = [sampler.form(step) for step in range(80)]
    assert {(form.way, form.shot) for form in forms} == {(way, shot) for way in (2, 3, 4) for shot in (1, 2, 3)}
    assert {form.query for form in forms} == {SMALL.query}
    for step in range(5):
        shapes = {(len(e.support), len(e.query)) for e in sampler.step(step, numbers=range(6), hardness=Hardness())}
        assert shapes == {(forms[step].way * forms[step].shot, forms[step].way * SMALL.query)}


def test_the_most_ways_are_what_the_data_carries_and_the_least_are_kept() -> None:
    index = plant({"steel": {"a": 9, "b": 9, "c": 9}})
    sampler = episode_sampler(index, SMALL, Sampling(ways=(2, 9)), seed=0)
    assert {sampler.form(step).way for step in range(40)} == {2, 3}
    with pytest.raises(BadDataError, match=r"4-way 2-shot episodes .* 3 ways at most"):
        episode_sampler(index, SMALL, Sampling(ways=(4, 9)), seed=0)


def test_families_without_a_normal_type_are_refused_where_one_is_asked_for() -> None:
    index = plant({"steel": {"good": 9, "a": 9, "b": 9}, "wood": {"c": 9, "d": 9}})
    sampler = episode_sampler(index, SMALL, Sampling(normal_class=True), seed=0)
    assert sampler.refused == ("family 'wood' has no usable normal type",)
    drawn = sampler.step(0, numbers=range(30), hardness=Hardness())
    assert {each.family for each in drawn} == {"steel"}
    assert {each.class_names for each in drawn} == {("good", "a"), ("good", "b")}


def test_unlabelled_samples_are_of_the_classes_and_of_types_that_are_not() -> None:
    index = plant({"steel": {"a": 12, "b": 12, "c": 12, "few": 4}})
    for each in draws(index, Sampling(unlabelled=3, distractors=1), count=60):
        told = Counter(index.types[row] for row in each.unlabelled)
        assert all(told[name] == 3 for name in each.class_names)
        (distractor,) = told.keys() - set(each.class_names)
        assert told[distractor] == 3
    seen = {index.types[row] for each in draws(index, Sampling(unlabelled=3, distractors=1)) for row in each.unlabelled}
    assert "few" in seen  # too small to be a class, not to distract


def test_groups_that_only_just_part_into_three_are_parted() -> None:
    names = ["a"] * 12 + ["b"] * 12
    groups = ["1"] * 6 + ["2"] * 3 + ["3"] * 3 + ["4"] * 3 + ["5"] * 3 + ["6"] * 6
    index = index_samples(families=["steel"] * 24, types=names, groups=groups)
    spec = EpisodeSpec(way=2, shot=3, query=6)
    for each in draws(index, Sampling(unlabelled=3), count=30, spec=spec):
        sides = [set(index.groups[rows].tolist()) for rows in (each.support, each.query, each.unlabelled)]
        assert sum(len(side) for side in sides) == len(set.union(*sides)) == 6
    with pytest.raises(BadDataError, match=r"cannot be parted into \(3, 6, 4\)|13 are needed"):
        episode_sampler(index, spec, Sampling(unlabelled=4), seed=0)


def test_one_worker_and_eight_draw_the_same() -> None:
    numbers = list(range(48))
    alone = drawn_by_worker(numbers)
    assert len({repr(each) for each in alone}) == 48
    parts = [numbers[worker::8] for worker in range(8)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(drawn_by_worker, parts))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        apart = list(processes.map(drawn_by_worker, [numbers[:24], numbers[24:]]))
    assert [together[number % 8][number // 8] for number in numbers] == alone
    assert apart[0] + apart[1] == alone
    assert drawn_by_worker(numbers[::-1])[::-1] == alone  # and so does one that begins at the end


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"policy": "random"}, "policy 'random'"),
        ({"ways": (1, 3)}, r"ways \[1, 3\]"),
        ({"shots": (3, 2)}, r"shots \[3, 2\]"),
        ({"domain_shuffle": 1.5}, "domain_shuffle"),
        ({"hard_floor": 0.0}, "hard_floor"),
        ({"type_power": -1.0}, "powers"),
        ({"distractors": 1}, "distractors"),
    ],
)
def test_sampling_that_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        replace(Sampling(), **wrong)  # type: ignore[arg-type]


def test_everything_at_once_is_drawn_from_the_seed_alone() -> None:
    index = plant(PLANT, per_group=2)
    first, second = (
        [
            facts(each)
            for each in episode_sampler(index, SMALL, EVERYTHING, seed=seed).step(0, numbers=range(9), hardness=HARD)
        ]
        for seed in (0, 1)
    )
    assert first != second
