"""Webhooks against a real HTTP server on this machine: signed, tried again, and never silently lost."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.publish.webhook import Webhooks, secret_key, shown

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a secret of the plant, 32 bytes!").decode()
KEY = b"a secret of the plant, 32 bytes!"


@dataclass
class Receiver:
    """What came in, and what is answered, one status after the other; the last one stays."""

    statuses: list[int]
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base names it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alarms?key=hidden"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hooks(*urls: str, secret: str | None = SECRET, waits: list[float] | None = None) -> Webhooks:
    return Webhooks(
        urls=urls,
        secret=secret,
        attempts=3,
        first_wait_s=0.5,
        timeout_s=5.0,
        clock=lambda: NOON,
        wait=(waits if waits is not None else []).append,
    )


def test_a_message_is_signed_over_id_time_and_body() -> None:
    with receiving(204) as receiver:
        (sent,) = hooks(receiver.url).send({"type": "alarms", "text": "Focus zu klein, 焦距"})
    assert (sent.attempts, sent.error) == (1, None)
    headers, body = receiver.headers[0], receiver.bodies[0]
    assert json.loads(body)["text"] == "Focus zu klein, 焦距"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_a_server_that_is_down_is_tried_again_twice_as_late_each_time_under_the_same_id() -> None:
    waits: list[float] = []
    with receiving(503, 429, 200) as receiver:
        (sent,) = hooks(receiver.url, waits=waits).send({})
    assert (sent.attempts, sent.error, waits) == (3, None, [0.5, 1.0])
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1


def test_one_that_stays_down_is_told_with_its_tries_and_no_secret() -> None:
    with receiving(500) as receiver:
        (sent,) = hooks(receiver.url).send({})
    assert (sent.attempts, sent.error) == (3, "HTTP 500")
    assert "hidden" not in sent.target
    assert sent.target.endswith("/alarms")


def test_a_refusal_is_not_tried_again_and_a_redirect_is_not_followed() -> None:
    with receiving(403) as refusing, receiving(302) as leading:
        first, second = hooks(refusing.url, leading.url).send({})
    assert (first.attempts, first.error, second.attempts, second.error) == (1, "HTTP 403", 1, "HTTP 302")
    assert len(leading.bodies) == 1


def test_nobody_there_is_an_error_in_the_answer_and_the_others_are_told() -> None:
    with receiving(200) as receiver:
        gone, told = hooks("http://127.0.0.1:1/x", receiver.url).send({})
    assert "ConnectError" in (gone.error or "")
    assert told.error is None


@pytest.mark.parametrize("secret", [None, "", "short", "whsec_c2hvcnQ=", "whsec_%%%"])
def test_nothing_goes_out_without_a_secret_worth_the_name(secret: str | None) -> None:
    with receiving(200) as receiver:
        (sent,) = hooks(receiver.url, secret=secret).send({})
        assert receiver.bodies == []
    assert "INSPECT_WEBHOOK_SECRET" in (sent.error or "")
    with pytest.raises(ConfigError):
        secret_key(secret)


def test_a_url_is_shown_without_user_and_query() -> None:
    assert shown("https://user:word@mes.example:8443/a/b?token=x") == "https://mes.example:8443/a/b"
