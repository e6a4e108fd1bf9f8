"""Fixtures: a server of the S3 protocol on loopback (moto, objects in memory) and buckets of it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from uuid import uuid4

import pytest

_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "top-secret", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server; objects are shared by all tests of a session, buckets are each test's own."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        """The URL that clients take from the environment."""
        return f"http://{self.host}:{self.port}"

    def request(self, method: str, path: str, body: bytes = b"") -> None:
        """Send one plain request and refuse any answer but success."""
        connection = HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "text/plain"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status < 300, (method, path, answer.status)
        finally:
            connection.close()

    def check_credentials_after(self, requests: float) -> None:
        """Refuse unknown credentials once so many more requests were served."""
        self.request("POST", "/moto-api/reset-auth", str(requests).encode())


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A private server; skips by name where moto or s3fs is missing. Mark its tests ``required_in_ci``."""
    reason = "is not installed; pip install 'inspect-pipeline[dev,s3]'"
    pytest.importorskip("s3fs", reason=f"s3fs {reason}")
    moto = pytest.importorskip("moto.server", reason=f"moto {reason}")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(host=host, port=port)
    server.stop()


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server with the environment that leads to it; one attempt, so that a refusal is not waited for."""
    for name, value in {**_KEYS, "AWS_ENDPOINT_URL": s3_server.endpoint, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    return s3_server


@pytest.fixture
def s3_bucket(s3_environment: S3Server) -> str:
    """The name of an empty bucket that is this test's own."""
    bucket = f"images-{uuid4().hex}"
    s3_environment.request("PUT", f"/{bucket}")
    return bucket
