"""What a meta-training leaves on record: the evidence for its gate, and the outcome for report and auditor."""

from collections.abc import Sequence
from typing import Any

from inspect_pipeline.domain.gate import Evidence
from inspect_pipeline.learning.dense_prior import DensePrior
from inspect_pipeline.learning.evaluation import Interval
from inspect_pipeline.learning.outer_loop import OuterLoopResult
from inspect_pipeline.learning.region_metric import RegionHistory


def evidence_of(result: OuterLoopResult) -> Evidence:
    """Return what the gate looks at: the trained head against the best frozen baseline on episodes it never saw."""
    scores = result.decision.scores
    hardest = min(result.differences.values(), key=lambda gain: gain.low)
    return Evidence(
        episodes=result.decision.episodes,
        accuracy=scores[result.method.name].accuracy.mean,
        baseline_accuracy=scores[result.best_baseline].accuracy.mean,
        difference_low=hardest.low,
        chosen=result.chosen,
    )


def training_record(
    result: OuterLoopResult, prior: DensePrior, regions: RegionHistory, families: Sequence[str]
) -> dict[str, Any]:
    """Return the outcome of the training as plain JSON, for the report and the auditor."""
    spec = result.decision.spec
    trained = result.trained.name
    return {
        "trained": trained,
        "chosen": result.chosen,
        "shipped": result.method.name,
        "held_out_by": result.division.by,
        "episodes": result.episodes,
        "kept_step": result.kept_step,
        "decision_episodes": result.decision.episodes,
        "form": f"{spec.way}-way {spec.shot}-shot, {spec.query} queries a type",
        "families": list(families),
        "heads": {name: _interval(score.accuracy) for name, score in result.decision.scores.items()},
        "differences": [[trained, name, _interval(gain)] for name, gain in result.differences.items()],
        "metrics": result.metrics(),
        "dense": {"chosen": prior.chosen, "reason": prior.reason, "metrics": dict(prior.metrics)},
        "typing": {"chosen": regions.chosen, "reason": regions.reason, "metrics": dict(regions.metrics)},
    }


def _interval(value: Interval) -> dict[str, float | int]:
    return {"mean": value.mean, "low": value.low, "high": value.high, "episodes": value.episodes}
