"""Answers of ``evaluate --task classify`` and ``cross-domain`` as JSON, from real small evaluations of descriptors."""

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.services.cross_domain import CrossDomain
from inspect_pipeline.services.evaluation import Measures, evaluate_folder
from inspect_pipeline.services.method_curves import MethodCurves
from tests.unit.services.method_materials import DIMS, materials
from tests.unit.services.plant import silent

SPEC = EpisodeSpec(way=3, shot=2, query=4)


@lru_cache(maxsize=1)
def _classified() -> str:
    measures = Measures(curves=MethodCurves(shots=(1, 2, 6)), open_set=True, known_versus_new=True)
    summary = evaluate_folder(
        materials(3),
        untrained("ridge", DIMS),
        model=None,
        spec=SPEC,
        episodes=30,
        seed=0,
        progress=silent,
        measures=measures,
        trained_on=("m1",),
    )
    return json.dumps(asdict(summary))


@lru_cache(maxsize=1)
def _crossed() -> str:
    loop = OuterLoop(steps=2, tasks_per_step=2, validate_every=2, folds=2, validation_episodes=4, decision_episodes=4)
    study = CrossDomain(
        method=untrained("protonet", DIMS),
        spec=SPEC,
        training=SPEC,
        outer_loop=loop,
        episodes=8,
        seed=0,
        seeds=1,
        progress=silent,
    )
    return json.dumps(asdict(study.run(materials(3))))


def classified() -> dict[str, Any]:
    """Return an answer with everything asked for; a copy of one's own."""
    answer: dict[str, Any] = json.loads(_classified())
    return answer


def crossed() -> dict[str, Any]:
    """Return a leave-one-out table; a copy of one's own."""
    answer: dict[str, Any] = json.loads(_crossed())
    return answer
