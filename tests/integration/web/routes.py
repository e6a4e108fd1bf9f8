"""Every way into the application, read from the application itself, so that a new one is covered without a word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from inspect_pipeline.domain.people import ALLOWED, Permission, Role
from inspect_pipeline.web.access import Requirement

OPEN = frozenset({
    "GET /",
    "GET /words/{language}/{area}.json",
    "POST /preferences",
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-in/provider",
    "GET /sign-in/provider/back",
    "POST /sign-out",
    "GET /api/v1/openapi.json",
    "HEAD /api/v1/openapi.json",
})  # fmt: skip
"""What needs no permission, on purpose; everything else has to ask for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A method and a path, with the permissions that it asks for; None stands for being signed in."""

    method: str
    path: str
    asks: frozenset[Permission | None]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def filled(self) -> str:
        """The path with something in the place of every parameter."""
        return re.sub(r"\{[^}]+\}", "1", self.path)

    def may(self, role: Role) -> bool:
        """Whether a role may go this way."""
        return all(one is None or one in ALLOWED[role] for one in self.asks)


def ways(app: FastAPI) -> Iterator[Way]:
    """Yield every way but static files."""
    for route in iter_route_contexts(app.routes):
        path = route.path
        if path is None or path == "/static":
            continue
        dependant = route.dependant if isinstance(route.original_route, APIRoute) else None
        asks = frozenset(_asked(dependant)) if dependant is not None else frozenset()
        for method in sorted(route.methods or ()):
            yield Way(method=method, path=path, asks=asks)


def _asked(dependant: Dependant) -> Iterator[Permission | None]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Requirement):
            yield inner.call.permission
        yield from _asked(inner)
