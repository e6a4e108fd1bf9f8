"""Trials of a search in one SQLite file, proposed and pruned by Optuna; a study goes on where it stopped."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from inspect_pipeline.domain.search import Axis, Option, Sampler, SearchLog, Tried
from inspect_pipeline.errors import BadDataError, StorageError
from inspect_pipeline.store.failures import database_failure

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import Trial

Objective = Callable[[Mapping[str, Option], Callable[[int, float], None]], float]
_ABOUT = "about"
_ENOUGH_FOR_IMPORTANCE = 8  # fewer trials say nothing of what matters


class OptunaTrialBook:
    """Studies by name in one file."""

    def __init__(self, file: Path) -> None:
        """Use ``file``, made with its folder when first needed."""
        self._file = file

    def search(
        self,
        study: str,
        axes: Sequence[Axis],
        objective: Objective,
        *,
        trials: int,
        sampler: Sampler,
        seed: int,
        about: str,
    ) -> SearchLog:
        """Try so many more and return all there is; a grid ends when it is through.

        A trial whose objective raises BadDataError (it diverged) failed. Raises BadDataError for the study of another
        search, StorageError when the file cannot be used.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            opened = optuna.create_study(
                storage=f"sqlite:///{self._file}",
                study_name=study,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            )
            _same(opened, study, {_ABOUT: about, "axes": json.dumps([asdict(axis) for axis in axes])})
            opened.sampler = _sampler(axes, sampler, seed=seed, before=len(opened.trials))

            def tried(trial: "Trial") -> float:
                return objective({axis.name: _suggested(trial, axis) for axis in axes}, _reporter(trial))

            opened.optimize(tried, n_trials=trials, catch=(BadDataError,))
            return SearchLog(tried=_tried(opened), importance=_importance(opened))
        except SQLAlchemyError as error:
            raise database_failure(error, where=str(self._file)) from error
        except optuna.exceptions.StorageInternalError as error:
            raise StorageError(f"the trials in {self._file} cannot be kept ({error}); choose another place") from error


def _same(opened: "Study", name: str, facts: Mapping[str, str]) -> None:
    known = opened.user_attrs
    if known and any(known.get(key) != value for key, value in facts.items()):
        raise BadDataError(
            f"study {name!r} is a search of other data, settings or space; name a new one with --study, or search as "
            "before to go on"
        )
    for key, value in facts.items():
        opened.set_user_attr(key, value)


def _sampler(axes: Sequence[Axis], kind: Sampler, *, seed: int, before: int) -> "BaseSampler":
    """Return what proposes: a grid has one order for all runs, other proposals go on from the trials before."""
    from optuna.samplers import GridSampler, TPESampler

    if kind == "grid":
        return GridSampler({axis.name: list(axis.points()) for axis in axes}, seed=seed)
    return TPESampler(seed=seed + before)


def _suggested(trial: "Trial", axis: Axis) -> Option:
    if axis.choices:
        chosen = trial.suggest_categorical(axis.name, axis.choices)
        return chosen if isinstance(chosen, int | float | str | bool) else str(chosen)
    if axis.whole:
        return trial.suggest_int(axis.name, round(axis.low), round(axis.high), log=axis.log)
    return trial.suggest_float(axis.name, axis.low, axis.high, log=axis.log)


def _reporter(trial: "Trial") -> Callable[[int, float], None]:
    from optuna import TrialPruned

    def report(step: int, accuracy: float) -> None:
        trial.report(accuracy, step)
        if trial.should_prune():
            raise TrialPruned

    return report


def _tried(opened: "Study") -> tuple[Tried, ...]:
    from optuna.trial import TrialState

    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    return tuple(
        Tried(number=trial.number, values=dict(trial.params), accuracy=trial.value, state=names[trial.state])
        for trial in opened.trials
        if trial.state in names
    )


def _importance(opened: "Study") -> dict[str, float]:
    """Return how much each axis matters to the accuracy, shares of 1; nothing where too few trials can say."""
    from optuna.importance import get_param_importances
    from optuna.trial import TrialState

    complete = opened.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < _ENOUGH_FOR_IMPORTANCE or len({trial.value for trial in complete}) < 2:
        return {}
    return dict(get_param_importances(opened))
