"""The program ``inspect-pipeline``: its commands, and the one edge where errors become a line and an exit code."""

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from inspect_pipeline import __version__
from inspect_pipeline.cli import (
    audit,
    calibrate,
    coils,
    demo,
    doctor,
    evaluate,
    flatfield,
    flows,
    ingest,
    labels,
    monitor,
    report,
    retention,
    score,
    search,
    serve,
    teach,
    tokens,
    train,
    types,
    users,
)
from inspect_pipeline.cli.models import gating, listing, records, reteaching, transport
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, WorkspaceOption
from inspect_pipeline.cli.session import Invocation
from inspect_pipeline.cli.text import printable
from inspect_pipeline.errors import InspectError, NothingToDoError, RefusedError

PROGRAM = "inspect-pipeline"
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("ingest")(ingest.ingest)
app.command("coils")(coils.coils)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("search")(search.search)
app.command("teach")(teach.teach)
app.command("calibrate")(calibrate.calibrate)
app.command("score")(score.score)
app.command("report")(report.report)
app.command("retention")(retention.retention)
app.command("serve")(serve.serve)
app.command("monitor")(monitor.monitor)
app.command("doctor")(doctor.doctor)

models_app = typer.Typer(
    help="Registered models: what there is, what is in force, and how it changes.", no_args_is_help=True
)
models_app.command("list")(listing.list_models)
models_app.command("show")(listing.show)
models_app.command("compare")(gating.compare)
models_app.command("promote")(gating.promote)
models_app.command("rollback")(gating.rollback)
models_app.command("reteach")(reteaching.reteach)
models_app.command("history")(records.history)
models_app.command("adopt")(records.adopt)
models_app.command("restore")(records.restore)
models_app.command("export")(transport.export)
models_app.command("serve")(transport.serve)
models_app.command("import")(transport.import_file)
models_app.command("verify")(transport.verify)
app.add_typer(models_app, name="models")

flatfield_app = typer.Typer(help="Flat fields of the cameras, from reference captures.", no_args_is_help=True)
flatfield_app.command("build")(flatfield.build)
flatfield_app.command("list")(flatfield.show)
app.add_typer(flatfield_app, name="flatfield")

types_app = typer.Typer(help="The defect types of a line and how far they have come.", no_args_is_help=True)
types_app.command("list")(types.show)
types_app.command("approve")(types.approve)
types_app.command("retire")(types.retire)
types_app.command("restore")(types.restore)
app.add_typer(types_app, name="types")

labels_app = typer.Typer(help="Labels for the gate, and files of labels in and out.", no_args_is_help=True)
labels_app.command("add")(labels.add)
labels_app.command("import")(labels.import_file)
labels_app.command("export")(labels.export_file)
app.add_typer(labels_app, name="labels")

users_app = typer.Typer(help="Who may sign in to the workbench.", no_args_is_help=True)
users_app.command("add")(users.add)
users_app.command("list")(users.list_users)
users_app.command("password")(users.password)
users_app.command("role")(users.role)
users_app.command("deactivate")(users.deactivate)
users_app.command("unlock")(users.unlock)
app.add_typer(users_app, name="users")

tokens_app = typer.Typer(help="What machines sign in to the workbench with.", no_args_is_help=True)
tokens_app.command("add")(tokens.add)
tokens_app.command("list")(tokens.list_tokens)
tokens_app.command("revoke")(tokens.revoke)
app.add_typer(tokens_app, name="tokens")

audit_app = typer.Typer(help="Who changed what, when and why, and whether that is as written.", no_args_is_help=True)
audit_app.command("list")(audit.list_entries)
audit_app.command("verify")(audit.verify)
audit_app.command("export")(audit.export)
app.add_typer(audit_app, name="audit")

flows_app = typer.Typer(help="The flows on their schedules, here or deployed.", no_args_is_help=True)
flows_app.command("serve")(flows.serve)
flows_app.command("deploy")(flows.deploy)
app.add_typer(flows_app, name="flows")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def before_command(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
    version: Annotated[  # noqa: ARG001 - its callback has done the work
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Few-shot defect inspection for line-scan cameras: ingest, train, teach, score, report."""
    invocation = cast(Invocation, context.obj)
    invocation.workspace = workspace
    invocation.config_dir = config_dir
    invocation.debug = debug


def main(arguments: Sequence[str], *, invocation: Invocation | None = None) -> int:
    """Run one command and return its exit code: 0 ok, 1 our fault, 2 usage or bad input, 3 refused, 4 nothing to do."""
    outside = invocation or Invocation()
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(arguments), prog_name=PROGRAM, obj=outside, standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: everything ends as a line and a code
        if outside.debug:
            traceback.print_exc()
        return _told(error)
    return code if isinstance(code, int) else 0


def _told(error: BaseException) -> int:
    """Say on standard error, in one line, what happened; return the exit code."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _say("interrupted", "the work done so far is kept; run it again to go on", code=INTERRUPTED)
    if isinstance(error, typer.TyperException):
        return _told_usage(error)
    if isinstance(error, InspectError):
        return _say(_kind(error), error, code=error.exit_code)
    if isinstance(error, OSError):
        return _say("error", f"the system refused: {error}; run again with --debug for the place", code=1)
    fault = f"this is our fault: {type(error).__name__}: {error}"
    return _say("error", f"{fault}; run again with --debug for the traceback and report it", code=1)


def _kind(error: InspectError) -> str:
    if isinstance(error, NothingToDoError):
        return "nothing to do"
    return "refused" if isinstance(error, RefusedError) else "error"


def _told_usage(error: typer.TyperException) -> int:
    """Say what is wrong with the words given; a bare command has shown its help already."""
    message = error.format_message().strip()
    if not message:
        return error.exit_code
    context = getattr(error, "ctx", None)
    help_hint = f"; see '{context.command_path} --help'" if context is not None else ""
    return _say("error", message.rstrip(".") + help_hint, code=error.exit_code)


def _say(kind: str, message: object, *, code: int) -> int:
    typer.echo(f"{kind}: {printable(message)}", err=True)
    return code


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
