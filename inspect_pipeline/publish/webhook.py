"""Webhooks: documents POSTed to configured URLs, signed as the Standard Webhooks specification says (1.0, 2023).

``webhook-signature`` is ``v1,`` and the base64 of the HMAC-SHA256 (RFC 2104) over ``id.timestamp.body``. The receiver
works it out from the raw body with the shared secret, compares in constant time, and refuses old timestamps.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import ConfigError

SECRET_VARIABLE = "INSPECT_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable, not a secret
_PREFIX = "whsec_"
_LEAST_SECRET_BYTES = 16
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """What became of one message: host and path (never a query, which may hold a key), tries, and the last error."""

    target: str
    attempts: int
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Sends to every URL; ``wait`` sleeps seconds, so that a test need not."""

    urls: Sequence[str]
    secret: str | None
    attempts: int
    first_wait_s: float
    timeout_s: float
    clock: Clock
    wait: Callable[[float], None]

    def send(self, document: Mapping[str, Any]) -> list[WebhookDelivery]:
        """Return what became of the document at each URL; nothing is raised, and nothing goes out unsigned."""
        try:
            key = secret_key(self.secret)
        except ConfigError as error:
            return [WebhookDelivery(target=shown(url), attempts=0, error=str(error)) for url in self.urls]
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        identity = f"msg_{secrets.token_hex(16)}"  # the same for every try, so that a receiver knows a repetition
        with httpx.Client(timeout=self.timeout_s, follow_redirects=False) as client:
            return [self._sent(client, url, body, key=key, identity=identity) for url in self.urls]

    def _sent(self, client: httpx.Client, url: str, body: bytes, *, key: bytes, identity: str) -> WebhookDelivery:
        error = ""
        for attempt in range(self.attempts):
            if attempt:
                self.wait(self.first_wait_s * 2 ** (attempt - 1))
            try:
                answer = client.post(url, content=body, headers=self._headers(identity, body, key=key))
            except httpx.HTTPError as failure:
                error = f"{type(failure).__name__}: {failure}"
                continue
            if answer.is_success:
                return WebhookDelivery(target=shown(url), attempts=attempt + 1)
            error = f"HTTP {answer.status_code}"
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR and answer.status_code not in _TRY_AGAIN:
                return WebhookDelivery(target=shown(url), attempts=attempt + 1, error=error)
        return WebhookDelivery(target=shown(url), attempts=self.attempts, error=error)

    def _headers(self, identity: str, body: bytes, *, key: bytes) -> dict[str, str]:
        stamp = str(int(self.clock().timestamp()))
        return {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(identity, stamp, body, key=key),
        }


def signature(identity: str, stamp: str, body: bytes, *, key: bytes) -> str:
    """Return the signature of a message: what a receiver compares with the header."""
    signed = b".".join([identity.encode(), stamp.encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def secret_key(secret: str | None) -> bytes:
    """Return the bytes of a secret: base64 behind ``whsec_``, else the text itself.

    Raises ConfigError for none, or for one that can be guessed.
    """
    text = (secret or "").strip()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else text.encode()
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"{SECRET_VARIABLE}: what stands behind {_PREFIX} is no base64") from error
    if len(key) < _LEAST_SECRET_BYTES:
        raise ConfigError(
            f"webhooks are signed: set {SECRET_VARIABLE} to a secret of at least {_LEAST_SECRET_BYTES} bytes"
        )
    return key


def shown(url: str) -> str:
    """Return host, port and path of a URL, without what may be secret."""
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
