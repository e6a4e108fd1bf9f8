"""No body larger than allowed, by what arrives and not by what its header says."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspect_pipeline.web.problems import problem


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """ASGI middleware: a body of more than ``limit_bytes`` is answered by 413 as soon as that is known."""

    app: ASGIApp
    limit_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what its body brings."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._announced(scope) > self.limit_bytes:
            await problem(413, "too large", self._detail)(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self.limit_bytes:
                raise HTTPException(413, self._detail)
            return message

        await self.app(scope, counted, send)

    @property
    def _detail(self) -> str:
        return f"the request is larger than {self.limit_bytes} bytes, the most that is taken; send less at a time"

    @staticmethod
    def _announced(scope: Scope) -> int:
        """Return the length that the header announces, 0 where there is none that can be read (the count decides)."""
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        return max((int(value) for value in lengths if value.isdigit() and len(value) < 20), default=0)
