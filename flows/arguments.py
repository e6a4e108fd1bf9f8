"""The words of ``python -m flows``; the options of a flow are its parameters."""

import argparse

_PLACE = {"workspace", "config_dir", "json", "debug", "command"}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--workspace", metavar="DIR", help="all state (INSPECT_WORKSPACE, ./workspace)")
    common.add_argument("--config-dir", metavar="DIR", help="yaml settings (INSPECT_CONFIGS, ./configs where it is)")
    common.add_argument("--json", action="store_true", help="one JSON document on standard output and nothing else")
    common.add_argument("--debug", action="store_true", help="tracebacks instead of one line")
    every = argparse.ArgumentParser(prog="python -m flows", description="Run, schedule and deploy the flows.")
    commands = every.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _ingest(commands.add_parser("ingest", parents=[common], help="take in captures as frames of a coil"))
    _meta_train(commands.add_parser("meta_train", parents=[common], help="meta-train an initialization"))
    _adapt(commands.add_parser("adapt", parents=[common], help="build detectors from labels not used yet"))
    _promote(commands.add_parser("promote", parents=[common], help="put challengers in force that pass their gate"))
    _reteach(commands.add_parser("reteach", parents=[common], help="teach again what follows an initialization"))
    _score(commands.add_parser("score", parents=[common], help="judge frames that have no verdict yet"))
    _monitor(commands.add_parser("monitor", parents=[common], help="watch the lines for drift"))
    _retention(commands.add_parser("retention", parents=[common], help="remove old images by the rules"))
    _demo(commands.add_parser("demo", parents=[common], help="the whole loop, ends with a report"))
    serve = commands.add_parser("serve", parents=[common], help="run the flows on the schedules of schedules.yaml")
    serve.add_argument("--port", type=int, help="port of the workspace's Prefect server on 127.0.0.1 (default: free)")
    deploy = commands.add_parser("deploy", parents=[common], help="write deploy/prefect.yaml to the Prefect server")
    deploy.add_argument("--file", default="deploy/prefect.yaml", help="what to deploy (%(default)s)")
    return every


def parameters_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the flow's parameters that were given; the rest keep the flow's own defaults."""
    return {name: value for name, value in vars(arguments).items() if name not in _PLACE and value is not None}


def _ingest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", required=True, help="folder, or a URI such as camera:NAME")
    parser.add_argument("--coil", help="name of the coil (default: the folder's)")
    _line_and_recipe(parser)
    parser.add_argument("--subfolders", action="store_true", default=None, help="each subfolder is a coil")
    parser.add_argument("--rewound", action="store_true", default=None, help="the coil runs towards its head")
    parser.add_argument("--offset-m", type=float, metavar="M", help="where on the coil its first line lies")


def _meta_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", nargs="+", metavar="DIR", help="data folders, instead of the catalog's history")
    parser.add_argument("--method")
    parser.add_argument("--option", action="append", metavar="KEY=VALUE", help="an option of the method")
    parser.add_argument("--name", help="which initialization (default)")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--promote", action="store_true", default=None, help="put it in force when the gate passes")


def _adapt(parser: argparse.ArgumentParser) -> None:
    _line_and_recipe(parser)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--promote", action="store_true", default=None, help="put it in force when the gate passes")


def _promote(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="MODEL", help="a registered name (default: all that have a challenger)")
    parser.add_argument("--version", metavar="N", help="the version; else the challenger")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the records")


def _reteach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="which initialization (default)")


def _score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--coil", help="default: all coils of lines with a detector in force")
    parser.add_argument("--model", metavar="NAME@ALIAS", help="default: the champion")


def _monitor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--line", help="default: all lines")


def _retention(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", default=None, help="say what would go, change nothing")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help="DIR/<family>/images/<class>/* (default: elpv-dataset)")
    parser.add_argument("--out", metavar="DIR", help="where the reports go (WORKSPACE/reports)")
    parser.add_argument("--seed", type=int)


def _line_and_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--line")
    parser.add_argument("--recipe")
