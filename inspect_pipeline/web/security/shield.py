"""Outermost of all: only hosts that are ours are answered, and every answer carries the headers that browsers obey."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspect_pipeline.web.problems import problem
from inspect_pipeline.web.security.cookies import host_of

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = MappingProxyType({
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
})  # fmt: skip
_STATIC = "/static/"


@dataclass(frozen=True, slots=True)
class Shield:
    """ASGI middleware for hosts and headers; ``hosts`` are names without ports, ``hsts_s`` 0 says nothing of https."""

    app: ASGIApp
    hosts: frozenset[str]
    hsts_s: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for another host by 400, and pass any other on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state.setdefault("left_cookies", [])

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(scope, MutableHeaders(scope=message), state["left_cookies"])
            await send(message)

        if self._known_host(scope):
            await self.app(scope, receive, shielded)
            return
        detail = "the workbench does not answer under this name; add it to site.allowed_hosts if it is one of its own"
        await problem(400, "unknown host", detail)(scope, receive, shielded)

    def _known_host(self, scope: Scope) -> bool:
        named = [value for name, value in scope["headers"] if name == b"host"]
        return len(named) == 1 and host_of(named[0].decode("latin-1")) in self.hosts

    def _dress(self, scope: Scope, headers: MutableHeaders, cookies: list[str]) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("cache-control", "no-cache" if scope["path"].startswith(_STATIC) else "no-store")
        if self.hsts_s and scope["scheme"] == "https":
            headers["strict-transport-security"] = f"max-age={self.hsts_s}"
        for cookie in cookies:
            headers.append("set-cookie", cookie)
