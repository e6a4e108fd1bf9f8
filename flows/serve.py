"""``flows serve``: the flows on the schedules of the settings, with a Prefect server of the workspace."""

import asyncio
import os
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from rich.console import Console

from flows import server
from flows.catalog import flow_named
from flows.environment import API_VARIABLE, Place
from inspect_pipeline.errors import ConfigError
from inspect_pipeline.settings import Schedule, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

_AT_ONCE = 2
"""Runs at one time: the shorter ones go on beside a training; more would only share the same cores."""


def serve(place: Place, *, console: Console, port: int | None = None) -> int:
    """Run the schedules until SIGTERM or SIGINT; the server started for it is stopped with it. Returns 0."""
    settings = load_settings(place.workspace, folder=place.config_dir, environment=os.environ)
    schedules = settings.schedules.flows
    if not schedules:
        raise ConfigError(
            f"{place.config_dir or 'no configuration folder'}: no schedules; write 'flows:' in schedules.yaml"
        )
    with ExitStack() as stack:
        url = server.configured(os.environ)
        if url is None:
            child = server.start(place, schedules=True, port=port)
            stack.callback(child.stop)
            stack.enter_context(server.published(place, child.url))
            url = child.url
        os.environ[API_VARIABLE] = url
        # Only now may Prefect be imported: it reads its environment once.
        deployments = [deployment(name, schedule) for name, schedule in schedules.items()]
        _announce(console, url, schedules)
        _run(deployments)
    return 0


def deployment(name: str, schedule: Schedule) -> "RunnerDeployment":
    """Return the deployment of one schedule. Raises ConfigError for an unknown flow, cron or parameter."""
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.deployments.runner import RunnerDeployment
    from prefect.exceptions import ParameterTypeError, SignatureMismatchError
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    where = f"schedule {name!r}: "
    flow = flow_named(schedule.flow, where=where)
    parameters = dict(schedule.parameters)
    try:
        CronSchedule(cron=schedule.cron)
        flow.validate_parameters(parameters)
    except (ValueError, ParameterTypeError, SignatureMismatchError) as error:
        raise ConfigError(f"{where}{' '.join(str(error).split())}") from error
    return RunnerDeployment.from_flow(
        flow,
        name=name,
        schedule=Cron(schedule.cron, timezone="UTC"),
        parameters=parameters,
        tags=["scheduled", schedule.flow],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _announce(console: Console, url: str, schedules: "Mapping[str, Schedule]") -> None:
    lines = [f"  {name}: flow {one.flow} at '{one.cron}' UTC" for name, one in schedules.items()]
    text = "\n".join([f"serving {len(lines)} schedules by {url.removesuffix('/api')}", *lines])
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _run(deployments: "list[RunnerDeployment]") -> None:
    from prefect.runner import Runner

    runner = Runner(name="flows-serve", limit=_AT_ONCE)
    for one in deployments:
        runner.add_deployment(one)
    asyncio.run(_until_stopped(runner))


async def _until_stopped(runner: "Runner") -> None:
    """Run until SIGTERM or SIGINT; the schedules are paused and runs in progress ended on the way out."""
    work = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # the runner has set its own handler by now, which forgets to await; ours comes after it
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work
