"""Studies of methods without data: fixed answers, and a record of how each was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.searches import SearchFound
from inspect_pipeline.bootstrap.study_pages import Published
from inspect_pipeline.domain.search import Tried
from inspect_pipeline.services.cross_domain import CrossDomainSummary
from inspect_pipeline.services.evaluation import EvaluateSummary
from inspect_pipeline.services.method_search import SearchSummary


def gain(value: float = 0.002, half: float = 0.001) -> dict[str, Any]:
    """Return a paired difference."""
    return {"difference": value, "interval": (value - half, value + half), "episodes": 600}


def rate(value: float, key: str = "accuracy", half: float = 0.005) -> dict[str, Any]:
    """Return a figure with its interval."""
    return {key: value, "interval": (value - half, value + half), "episodes": 600}


def beside(value: float, key: str = "accuracy") -> dict[str, Any]:
    """Return a figure beside that of a baseline."""
    others = {"nearest prototype": rate(value - 0.02, key)}
    return {**rate(value, key), "baselines": others, "differences": {"nearest prototype": gain(0.02)}}


EVALUATED = EvaluateSummary(
    method="protonet",
    model="initialization.default@3",
    accuracy=0.963,
    interval=(0.958, 0.968),
    way=5,
    shot=5,
    query=15,
    episodes=600,
    seed=0,
    fingerprint="abc",
    per_type={"crazing [bold]": {"recall": 0.9, "interval": (0.88, 0.92), "episodes": 300}},
    per_family={"neu": rate(0.963)},
    baselines={"nearest prototype": {"accuracy": 0.961, "interval": (0.956, 0.966)}},
    refused=("type 'dust [bold]' of family 'neu' has 2 samples, 20 are needed",),
    samples=1800,
    chance=0.2,
    differences={
        "nearest prototype": {
            **gain(),
            "over_materials": {"difference": 0.011, "interval": (-0.004, 0.026), "materials": 3},
            "per_family": {"neu": gain()},
        }
    },
    curves={
        "shots": {
            "points": [
                {"shots": 1, **beside(0.71), "gained": None},
                {"shots": 5, **beside(0.92), "gained": gain(0.21)},
            ],
            "families": ["neu"],
            "per_family": {},
            "refused": [],
        }
    },
    open_set={
        "known": 4,
        **rate(0.831, "auroc"),
        "scores": {"highest_probability": beside(0.831, "auroc"), "highest_logit": beside(0.847, "auroc")},
        "per_type": {"neu/crazing": rate(0.8, "auroc")},
    },
    known_versus_new={
        "known": 2,
        "points": [
            {"added": 0, "known_accuracy": rate(0.98, "value")},
            {
                "added": 1,
                "known_accuracy": rate(0.951, "value"),
                "new_accuracy": rate(0.94, "value"),
                "harmonic_mean": rate(0.944, "value"),
                "forgetting": rate(0.029, "value"),
            },
        ],
        "baselines": {},
        "differences": {},
    },
    seen=("neu",),
)


CROSSED = CrossDomainSummary(
    task="cross-domain",
    method="protonet",
    model=None,
    options={},
    accuracy=0.824,
    interval=(0.622, 1.0),
    way=5,
    shot=5,
    query=15,
    episodes=600,
    seed=0,
    seeds=1,
    fingerprint="abc",
    samples=900,
    baselines={"ridge": {"accuracy": 0.839, "interval": (0.651, 1.0), "materials": 3}},
    differences={"ridge": {"difference": -0.015, "interval": (-0.065, 0.035), "materials": 3, "per_family": {}}},
    per_family={
        "steel [bold]": {
            **beside(0.81),
            "way": 4,
            "baselines": {"ridge": rate(0.79)},
            "differences": {"ridge": gain(0.02)},
        }
    },
    refused=("dust: no family can serve",),
)
SEARCHED = SearchSummary(
    task="search",
    study="rates",
    method="protonet",
    accuracy=0.8422,
    values={"learning_rate": 0.02},
    trials=(
        Tried(number=0, values={"learning_rate": 0.02}, accuracy=0.8422, state="complete"),
        Tried(number=1, values={"learning_rate": 9.0}, accuracy=None, state="failed"),
    ),
    new=1,
    importance={"learning_rate": 0.86},
    baselines={"ridge": 0.8433},
    validation_episodes=60,
    held_out_by="family",
    seed=0,
    seeds=1,
    fingerprint="abc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeStudies:
    """Answers every study; ``called`` takes the door and its arguments."""

    called: Callable[..., None]

    def evaluate(
        self,
        data: Sequence[Path],
        *,
        way: int,
        shot: int,
        query: int,
        episodes: int,
        seed: int,
        model: str | None,
        method: str | None,
        options: Sequence[str],
        regions: str,
        curve_shots: Sequence[int],
        curve_steps: Sequence[int],
        open_world: bool,
    ) -> EvaluateSummary:
        self.called(
            "evaluate",
            data=list(data),
            model=model,
            method=method,
            options=tuple(options),
            regions=regions,
            curve_shots=tuple(curve_shots),
            curve_steps=tuple(curve_steps),
            open_world=open_world,
        )
        return replace(EVALUATED, way=way, shot=shot, query=query, episodes=episodes, seed=seed)

    def cross_domain(
        self,
        data: Sequence[Path],
        *,
        method: str,
        options: Sequence[str],
        way: int,
        shot: int,
        query: int,
        episodes: int,
        seed: int,
        seeds: int,
        regions: str,
    ) -> CrossDomainSummary:
        self.called("cross_domain", data=list(data), method=method, options=tuple(options), seeds=seeds)
        return replace(CROSSED, way=way, shot=shot, query=query, episodes=episodes, seed=seed, seeds=seeds)

    def search(
        self,
        data: Sequence[Path],
        *,
        method: str,
        trials: int,
        sampler: str,
        study: str | None,
        space: Sequence[str],
        seed: int,
        seeds: int,
        track: bool,
    ) -> SearchFound:
        self.called(
            "search",
            data=list(data),
            method=method,
            trials=trials,
            sampler=sampler,
            study=study,
            space=tuple(space),
            seed=seed,
            seeds=seeds,
            track=track,
        )
        return SearchFound(summary=SEARCHED, config="searches/rates/training.yaml", plots=("a.svg",), run=None)

    def publish(
        self,
        document: dict[str, Any],
        *,
        data: Sequence[Path],
        command: str,
        page: Path | None,
        plots: Path | None,
        track: bool,
    ) -> Published:
        self.called("publish", document=document, command=command, page=page, plots=plots, track=track)
        return Published(
            page=None if page is None else str(page),
            plots=() if plots is None else (str(plots / "accuracy_over_shots.svg"),),
            run="run-1" if track else None,
        )
