"""Which failures are worth another try."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.tasks import Task

from flows.progress import marked
from inspect_pipeline.errors import DiskFullError, StorageError

RETRIES = 3
RETRY_DELAYS_S = [1.0, 5.0, 20.0]


def is_transient(error: BaseException) -> bool:
    """Whether time may mend it: storage and connections, but neither a full disk nor what a person must mend."""
    if isinstance(error, DiskFullError):
        return False
    return isinstance(error, StorageError | ConnectionError | TimeoutError)


def worth_a_retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether the failure is transient; the form Prefect asks of ``retry_condition_fn``."""
    error = state.result(raise_on_failure=False)
    if not isinstance(error, BaseException) or not is_transient(error):
        return False
    get_run_logger().warning("%s; trying again", error, extra=marked())
    return True
