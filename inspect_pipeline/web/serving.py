"""The application as a site serves it: sign-in, and around everything the guards between the network and the pages.

``uvicorn --factory inspect_pipeline.web.serving:application`` serves a workspace; ``inspect-pipeline serve`` does so
with the host and port of the settings.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.errors import ConfigError, RefusedError
from inspect_pipeline.settings import load_settings
from inspect_pipeline.web.app import create_app
from inspect_pipeline.web.security.body_limit import BodyLimit
from inspect_pipeline.web.security.cross_site import refuse_cross_site
from inspect_pipeline.web.security.identity import SessionIdentity
from inspect_pipeline.web.security.openid import OpenIdProvider
from inspect_pipeline.web.security.shield import Shield

SECRET_VARIABLE = "INSPECT_OIDC_CLIENT_SECRET"  # noqa: S105 - its name


def secured(workbench: Workbench, *, provider_secret: str | None = None) -> FastAPI:
    """Return the application with sign-in, and with hosts, proxies, sizes and other sites held to the settings.

    Raises ConfigError where a provider is set up and its secret is not.
    """
    site = workbench.settings.site
    app = create_app(workbench, identify=SessionIdentity(), guard=refuse_cross_site)
    app.state.provider = _provider(workbench, provider_secret)
    app.add_middleware(BodyLimit, limit_bytes=site.max_body_mib << 20)
    app.add_middleware(Shield, hosts=frozenset(site.allowed_hosts), hsts_s=site.hsts_s)
    if site.trusted_proxies:  # outermost: the others are to see the client and the scheme, not the proxy's
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(site.trusted_proxies))
    return app


def application() -> FastAPI:
    """Return the application of the workspace that the environment names, as ``inspect-pipeline`` reads it."""
    return application_of(os.environ)


def application_of(environment: Mapping[str, str]) -> FastAPI:
    """Return the application of INSPECT_WORKSPACE with the settings of INSPECT_CONFIGS; its stores close at the end.

    Raises ConfigError for settings that are wrong, RefusedError for a workspace without an active admin.
    """
    workspace, configs = environment.get("INSPECT_WORKSPACE"), environment.get("INSPECT_CONFIGS")
    if not workspace:
        raise ConfigError("INSPECT_WORKSPACE is not set; start the workbench with: inspect-pipeline serve")
    settings = load_settings(Path(workspace), folder=Path(configs) if configs else None, environment=environment)
    house = open_house(settings)
    workbench = Workbench(house=house)
    if not workbench.accounts.has_admin():  # opens the catalog too, before requests come at the same moment
        house.close()
        raise RefusedError("nobody could sign in: make an admin with inspect-pipeline users add NAME --role admin")
    app = secured(workbench, provider_secret=environment.get(SECRET_VARIABLE))

    @asynccontextmanager
    async def closing(_app: FastAPI) -> AsyncIterator[None]:
        yield
        house.close()

    app.router.lifespan_context = closing
    return app


def _provider(workbench: Workbench, secret: str | None) -> OpenIdProvider | None:
    settings = workbench.settings.security.oidc
    if settings.issuer is None:
        return None
    if not secret:
        raise ConfigError(f"security.oidc.issuer is set and {SECRET_VARIABLE} is not; put the client's secret there")
    return OpenIdProvider(settings, secret=secret, clock=workbench.clock)
