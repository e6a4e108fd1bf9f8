"""A search wired: trials in the workspace, the best as a settings file, a heatmap, and a tracked run."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import yaml

from inspect_pipeline.bootstrap.environment import run_environment
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.bootstrap.study_pages import chart_files
from inspect_pipeline.domain.search import Axis, Sampler
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.reporting.heat_chart import heat_chart
from inspect_pipeline.reporting.render import write_bytes
from inspect_pipeline.services.method_search import MethodSearch, SearchSummary, split_values
from inspect_pipeline.services.training_settings import TrainingSettings
from inspect_pipeline.store.trial_book import OptunaTrialBook

EXPERIMENT = "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFound:
    """What a search came to, the settings file for ``train --config``, the heatmap's files and the tracked run."""

    summary: SearchSummary
    config: str
    plots: tuple[str, ...]
    run: str | None


def run_search(
    stores: Stores,
    search: MethodSearch,
    *,
    study: str,
    axes: Sequence[Axis],
    trials: int,
    sampler: Sampler,
    track: bool,
) -> SearchFound:
    """Try so many more settings; write the best of the study and its heatmap into ``searches/STUDY``.

    Raises BadDataError when no trial of the study came to its end.
    """
    folder = stores.settings.workspace / "searches"
    book = OptunaTrialBook(folder / "trials.sqlite")
    summary = search.run(book, study, axes, trials=trials, sampler=sampler)
    if not summary.values:
        raise BadDataError(f"no trial of study {study!r} came to its end; give lower rates, or more trials")
    config = settings_text(summary, stores.settings.training)
    files = _heatmap(summary, axes)
    written = write_bytes(config, folder / study / "training.yaml")
    plots = tuple(str(write_bytes(content, folder / study / name)) for name, content in files.items())
    run = _record(stores, summary, {"training.yaml": config, **files}) if track else None
    return SearchFound(summary=summary, config=str(written), plots=plots, run=run)


def settings_text(summary: SearchSummary, settings: TrainingSettings) -> bytes:
    """Return the training settings with the best values, as a file that ``train --config`` takes."""
    options, loop = split_values(summary.values, settings.outer_loop)
    plain = {f.name: getattr(settings, f.name) for f in fields(settings)}
    plain |= {"outer_loop": asdict(loop), "options": {**settings.options, **options}}
    command = shlex.join(["train", "--method", summary.method, "--config", "training.yaml"])
    head = (
        f"# Found by the search {summary.study}: {summary.accuracy:.4f} on {summary.validation_episodes} held-out "
        f"validation episodes, the best of {len(summary.trials)} trials (so too high).\n"
        f"# inspect-pipeline {command}\n"
    )
    body = yaml.safe_dump(json.loads(json.dumps(plain)), sort_keys=False, allow_unicode=True)
    return (head + body).encode()


def _heatmap(summary: SearchSummary, axes: Sequence[Axis]) -> dict[str, bytes]:
    """Return the files of the heatmap over the two axes that matter most, else the first two; none for one axis."""
    ranked = sorted((axis.name for axis in axes), key=lambda name: -summary.importance.get(name, 0.0))
    if len(ranked) < 2:
        return {}
    trials = [asdict(trial) for trial in summary.trials]
    drawing = heat_chart(trials, across=ranked[0], up=ranked[1])
    return {} if drawing is None else chart_files([drawing])


def _record(stores: Stores, summary: SearchSummary, artifacts: Mapping[str, bytes]) -> str:
    complete = [trial for trial in summary.trials if trial.state == "complete" and trial.accuracy is not None]
    machine = {f"environment.{name}": value for name, value in run_environment().items()}
    params: dict[str, Any] = {
        "method": summary.method,
        "study": summary.study,
        "fingerprint": summary.fingerprint,
        "seed": summary.seed,
        "seeds": summary.seeds,
        "held_out_by": summary.held_out_by,
        "revision": code_revision(),
        **{f"best.{name}": str(value) for name, value in summary.values.items()},
        **machine,
    }
    return stores.tracker.record(
        EXPERIMENT,
        f"{summary.study}: {summary.method} seed {summary.seed}",
        params=params,
        metrics={
            "validation_accuracy": summary.accuracy,
            "trials": float(len(summary.trials)),
            **{f"{name}.validation_accuracy": value for name, value in summary.baselines.items()},
            **{f"importance.{name}": value for name, value in summary.importance.items()},
        },
        curves={"trial_accuracy": [(trial.number, trial.accuracy or 0.0) for trial in complete]},
        artifacts=artifacts,
    )
