"""A small OpenID provider on a real socket, which can be told to lie."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.integration.web.site import NOON

CLIENT, SECRET = "inspect-pipeline", "kept in the environment"


@cache
def rsa_key(name: str) -> RSAKey:
    """Return a key; the name keeps two apart."""
    return RSAKey.generate_key(2048, parameters={"kid": name})


@dataclass
class FakeProvider:
    """What it knows of who signs in, and how it lies."""

    port: int = 0
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "7", "preferred_username": "Zoe", "groups": ["qa"]})
    lies: dict[str, Any] = field(default_factory=dict)
    signing_key: RSAKey = field(default_factory=lambda: rsa_key("one"))
    header: dict[str, str] = field(default_factory=lambda: {"alg": "RS256"})
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    silent: bool = False

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/realm"

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser is sent back to."""
        code = f"code-{len(self.asked)}"
        self.asked[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return tokens for a code, once; None where anything is not as it was begun."""
        asked = self.asked.pop(form.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != basic or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        return {"access_token": "a", "token_type": "Bearer", "id_token": self._id_token(asked["nonce"])}

    def _id_token(self, nonce: str) -> str:
        now = int(NOON.timestamp())
        standard = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {key: value for key, value in (standard | self.person | self.lies).items() if value is not None}
        header = {"kid": self.signing_key.kid, **self.header}
        if self.header["alg"] == "none":
            parts = (json.dumps(part).encode() for part in (header, claims))
            return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
        return jwt.encode(header, claims, self.signing_key)


@contextmanager
def running_provider() -> Iterator[FakeProvider]:
    """Run a provider on a free port of this machine."""
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if provider.silent:
                self.send_error(500)
            elif url.path == "/realm/authorize":
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                self.send_response(302)
                self.send_header("location", provider.authorize(query))
                self.end_headers()
            elif url.path == "/realm/keys":
                self._json({"keys": [provider_key.as_dict(private=False) for provider_key in (rsa_key("one"),)]})
            else:
                self._json({
                    "issuer": provider.issuer,
                    "authorization_endpoint": f"{provider.issuer}/authorize",
                    "token_endpoint": f"{provider.issuer}/token",
                    "jwks_uri": f"{provider.issuer}/keys",
                })  # fmt: skip

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {key: values[0] for key, values in parse_qs(body).items()}
            found = provider.token(form, self.headers.get("authorization", ""))
            self._json(found or {"error": "invalid_grant"}, status=200 if found else 400)

        def _json(self, document: dict[str, Any], *, status: int = 200) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
