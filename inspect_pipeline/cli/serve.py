"""``inspect-pipeline serve``: the workbench for browsers, until stopped."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from inspect_pipeline.services.security_settings import SiteSettings

APPLICATION = "inspect_pipeline.web.serving:application"
HostOption = Annotated[
    str | None,
    typer.Option("--host", metavar="H", help="Address to listen on; else site.host, 127.0.0.1.", show_default=False),
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", metavar="P", help="Port; else site.port, 8000.", show_default=False, min=1, max=65535),
]


def serve(
    context: typer.Context,
    *,
    host: HostOption = None,
    port: PortOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Serve the workbench until stopped. Needs an admin: inspect-pipeline users add NAME --role admin."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        bench = Workbench(house=house)
        site = bench.settings.site
        if not bench.accounts.has_admin():
            raise RefusedError("nobody could sign in: make an admin with inspect-pipeline users add NAME --role admin")
    listen, door = host or site.host, port or site.port
    for line in told(site, host=listen, port=door):
        typer.echo(line, err=True)
    environment = {**session.invocation.environment, "INSPECT_WORKSPACE": str(Path(session.workspace).resolve())}
    if session.config_dir is not None:
        environment["INSPECT_CONFIGS"] = str(Path(session.config_dir).resolve())
    raise typer.Exit(session.invocation.start(command(site, host=listen, port=door), environment))


def command(site: "SiteSettings", *, host: str, port: int) -> list[str]:
    """Return the command line of the server. Headers of proxies are the application's to judge, not the server's."""
    words = [sys.executable, "-m", "uvicorn", "--factory", APPLICATION, "--host", host, "--port", str(port)]
    words += ["--workers", str(site.workers), "--limit-concurrency", str(site.max_connections)]
    words += ["--no-proxy-headers", "--no-server-header", "--log-level", "warning"]
    if site.tls_certificate is not None and site.tls_key is not None:
        words += ["--ssl-certfile", site.tls_certificate, "--ssl-keyfile", site.tls_key]
    return words


def told(site: "SiteSettings", *, host: str, port: int) -> Sequence[str]:
    """Return what is said at the start: where it listens, under which names it answers, how cookies travel.

    Raises RefusedError for an address that others reach while only names of this machine are answered.
    """
    from inspect_pipeline.services.security_settings import LOOPBACK

    here = host in (*LOOPBACK, "::1")
    if not here and set(site.allowed_hosts) <= set(LOOPBACK):
        raise RefusedError(
            f"{host} is reached by others, but only names of this machine are answered; write the name that people "
            "type to site.allowed_hosts in workbench.yaml"
        )
    scheme = "http" if site.tls_certificate is None else "https"
    shown = f"[{host}]" if ":" in host else host
    lines = [f"workbench: {scheme}://{shown}:{port} (names: {', '.join(site.allowed_hosts)}); stop with Ctrl-C"]
    if scheme == "https":
        return lines
    if not site.secure_cookies:
        return [*lines, "cookies: plain http is allowed (site.secure_cookies: false); keep it in a closed network"]
    return [
        *lines,
        "cookies: https only, but for browsers on this machine; put a proxy with TLS in front, or set tls_*",
    ]
