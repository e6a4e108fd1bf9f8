"""Indexes to draw from, and a worker that draws; imports no torch, so that a process of its own starts in a moment."""

from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.sampler import episode_sampler
from inspect_pipeline.learning.sampling.settings import Sampling

SMALL = EpisodeSpec(way=2, shot=2, query=3)
PLANT = {
    "steel": {"good": 30, "a": 30, "b": 20, "c": 12, "d": 12},
    "wood": {"good": 12, "knot": 12, "crack": 40},
    "glass": {"chip": 60, "ok": 12, "bubble": 12, "scratch": 12, "dust": 12, "few": 6},
}
EVERYTHING = Sampling(
    policy="hard", domain_shuffle=0.5, ways=(2, 3), shots=(1, 3), normal_class=True, unlabelled=2, distractors=1
)
HARD = Hardness(losses={("steel", "a"): 3.0, ("wood", "knot"): 0.1, ("glass", "dust"): 1.7})


def plant(families: dict[str, dict[str, int]], *, per_group: int = 1) -> EpisodeIndex:
    """So many samples of each type of each family; ``per_group`` neighbours of a type are one leakage group."""
    rows = [
        (family, name, f"{name}-{i // per_group}" if per_group > 1 else "")
        for family, types in families.items()
        for name, count in types.items()
        for i in range(count)
    ]
    return index_samples(families=[r[0] for r in rows], types=[r[1] for r in rows], groups=[r[2] for r in rows])


def facts(episode: Episode) -> tuple[object, ...]:
    """All that an episode holds, to compare."""
    samples = (episode.support.tolist(), episode.query.tolist(), episode.unlabelled.tolist())
    return (episode.family, episode.types, *samples, episode.support_labels.tolist(), episode.query_labels.tolist())


def drawn_by_worker(numbers: list[int]) -> list[tuple[object, ...]]:
    """Draw the episodes of these numbers, 4 a step, from a sampler of its own."""
    sampler = episode_sampler(plant(PLANT, per_group=2), SMALL, EVERYTHING, seed=11)
    return [facts(sampler.step(number // 4, numbers=[number], hardness=HARD)[0]) for number in numbers]
