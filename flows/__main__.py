"""``python -m flows NAME``: run one flow here and now, serve them on schedules, or deploy them."""

import atexit
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows import server
from flows.arguments import parameters_of, parser
from flows.environment import API_VARIABLE, Place, place_of, prepare
from inspect_pipeline.errors import InspectError, NothingToDoError, RefusedError

if TYPE_CHECKING:
    import argparse

_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = parser().parse_args(words)
    try:
        place = place_of(os.environ, workspace=arguments.workspace, config_dir=arguments.config_dir)
        prepare(place, os.environ)
        return _command(arguments, place)
    except (Exception, KeyboardInterrupt) as error:
        if arguments.debug:
            raise
        return _told(error)


def _told(error: BaseException) -> int:
    """Say on standard error, in one line, what happened; return the exit code."""
    if isinstance(error, KeyboardInterrupt):
        line, code = "interrupted: the work done so far is kept; run it again to go on", _INTERRUPTED
    elif isinstance(error, InspectError):
        kind = "refused" if isinstance(error, RefusedError) else "error"
        line, code = f"{kind}: {error}", error.exit_code
    else:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        line, code = f"error: this is our fault: {what}; run again with --debug for the traceback and report it", 1
    _stderr().print(line, markup=False, highlight=False, soft_wrap=True)
    return code


def _command(arguments: "argparse.Namespace", place: Place) -> int:
    if arguments.command == "serve":
        from flows.serve import serve

        return serve(place, console=_stderr(), port=arguments.port)
    if arguments.command == "deploy":
        from flows.deploy import deploy

        return deploy(place, arguments.file, console=_stderr())
    _connect(place)
    if not arguments.debug:
        os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")  # a failure is one line here; its traceback is in the run
    answer = run_flow(arguments.command, parameters_of(arguments))
    _show(arguments, answer)
    if answer.get("refused"):
        return RefusedError.exit_code
    again = answer["nothing_to_do"] and arguments.command != "demo"
    return NothingToDoError.exit_code if again else 0


def _connect(place: Place) -> None:
    """Point Prefect at the configured server, the one that serves the workspace, or one of this process."""
    url = server.configured(os.environ) or server.served(place)
    if url is None:
        child = server.start(place, schedules=False)
        # Registered before Prefect is imported, so it runs after Prefect has sent its last logs.
        atexit.register(child.stop)
        url = child.url
    os.environ[API_VARIABLE] = url


def run_flow(name: str, parameters: dict[str, object]) -> dict[str, Any]:
    """Return the answer of one flow run, its progress shown on standard error."""
    from prefect import tags

    from flows.catalog import flow_named
    from flows.progress import shown

    with shown(_stderr()), tags("by hand"):
        return flow_named(name)(**parameters)


def _show(arguments: "argparse.Namespace", answer: dict[str, Any]) -> None:
    if arguments.json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        return
    _stderr().print(answer["message"], markup=False, highlight=False, soft_wrap=True)
    if arguments.command == "demo" and "report" in answer:
        from flows.summary import demo_summary

        sys.stdout.write(demo_summary(answer))


def _stderr() -> Console:
    return Console(stderr=True)


if __name__ == "__main__":
    server.end_on_sigterm()
    sys.exit(main())
