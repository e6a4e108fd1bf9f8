"""One run of a command: where state lies, how the house is opened, how the answer is given."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from inspect_pipeline.cli.documents import to_json
from inspect_pipeline.cli.processes import run_process
from inspect_pipeline.cli.progress import progress_shown
from inspect_pipeline.cli.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.records import Progress
    from inspect_pipeline.settings import Settings

    HouseOpener = Callable[[Settings, Progress], House]

Starter = Callable[[Sequence[str], Mapping[str, str]], int]
"""Runs a command line with an environment to its end and returns the exit code."""

DEFAULT_WORKSPACE = Path("workspace")
DEFAULT_CONFIGS = Path("configs")


def open_real_house(settings: "Settings", progress: "Progress") -> "House":
    """Return the house of the settings' workspace."""
    from inspect_pipeline.bootstrap.house import open_house

    return open_house(settings, progress=progress)


@dataclass(slots=True, kw_only=True)
class Invocation:
    """What one run of the program has from outside, and the options given before the command's name."""

    open_house: "HouseOpener" = open_real_house
    start: Starter = run_process
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    workspace: Path | None = None
    config_dir: Path | None = None
    debug: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A command's view of its run: the workspace, the settings, the house and the way to answer."""

    invocation: Invocation
    workspace: Path
    config_dir: Path | None
    as_json: bool

    def settings(self, files: Sequence[Path] = ()) -> "Settings":
        """Return the settings. Raises ConfigError with file and line."""
        from inspect_pipeline.settings import load_settings

        return load_settings(
            self.workspace, folder=self.config_dir, environment=self.invocation.environment, files=tuple(files)
        )

    @contextmanager
    def house(self, files: Sequence[Path] = ()) -> Iterator["House"]:
        """Open the house for the block, with progress on standard error.

        What a library prints in the meantime goes to standard error, so that the answer stays alone.
        """
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(sys.stderr))
            settings = self.settings(files)
            bars = sys.stderr.isatty() and not self.as_json
            progress = stack.enter_context(progress_shown(bars=bars))
            yield stack.enter_context(self.invocation.open_house(settings, progress))

    def answer(self, document: Mapping[str, Any], view: Callable[[], "RenderableType"]) -> None:
        """Print the document as JSON, or the view of it for a person; a view that is plain text is not folded."""
        if self.as_json:
            typer.echo(to_json(document))
            return
        shown = view()
        if isinstance(shown, str):
            typer.echo("\n".join(map(printable, shown.splitlines())))
            return
        from rich.console import Console

        Console().print(shown)

    def start_flows(self, words: Sequence[str]) -> None:
        """Run ``python -m flows`` with these words and this workspace; end with its exit code."""
        command = [sys.executable, "-m", "flows", *words, "--workspace", str(self.workspace)]
        if self.config_dir is not None:
            command += ["--config-dir", str(self.config_dir)]
        if self.invocation.debug:
            command.append("--debug")
        environment = {**self.invocation.environment, "INSPECT_WORKSPACE": str(self.workspace)}
        raise typer.Exit(self.invocation.start(command, environment))


def open_session(
    context: typer.Context,
    *,
    workspace: Path | None = None,
    config_dir: Path | None = None,
    as_json: bool = False,
    debug: bool = False,
) -> Session:
    """Return the session of a command: its own options win over those before its name, these over the environment."""
    invocation = cast(Invocation, context.obj)
    invocation.debug = invocation.debug or debug
    environment = invocation.environment
    return Session(
        invocation=invocation,
        workspace=workspace or invocation.workspace or _path(environment, "INSPECT_WORKSPACE") or DEFAULT_WORKSPACE,
        config_dir=config_dir or invocation.config_dir or _path(environment, "INSPECT_CONFIGS") or _configs_here(),
        as_json=as_json,
    )


def _path(environment: Mapping[str, str], variable: str) -> Path | None:
    value = environment.get(variable, "")
    return Path(value) if value else None


def _configs_here() -> Path | None:
    return DEFAULT_CONFIGS if DEFAULT_CONFIGS.is_dir() else None
