"""A pytest plugin: a private PostgreSQL server for the session, a fresh database for each test.

The server runs from the machine's own binaries in a temporary folder, is reached through a Unix socket only, and is
stopped at the end. ``initdb`` refuses root, so a root session runs it as ``postgres`` or ``nobody``.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

_START_LIMIT_S = 60.0
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB")


def find_binaries() -> Path | None:
    """Return the folder of ``initdb`` and ``postgres``, the newest version first, or None."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    on_path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for folder in (*on_path, *installed):
        resolved = (folder / "postgres").resolve().parent
        if (resolved / "initdb").exists() and (resolved / "postgres").exists():
            return resolved
    return None


def _account() -> pwd.struct_passwd | None:
    """Return the ordinary account that a root session runs the server as, or None where we are no root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return pytest.skip("PostgreSQL refuses to run as root and there is no account 'postgres' or 'nobody'")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server; ``fresh`` makes an empty database, or a copy of another one."""

    folder: Path
    process: subprocess.Popen[bytes]
    made: list[str] = field(default_factory=list)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://inspect@/{database}?host={self.folder}"

    def sql(self, statement: str) -> None:
        """Run one statement on the maintenance database."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user="inspect", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def fresh(self, *, template: str = "template1") -> str:
        """Return the name of a new database."""
        name = f"t{uuid4().hex[:16]}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        self.made.append(name)
        return name

    def drop(self, database: str) -> None:
        """Drop a database, connections and all."""
        self.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def _as_account(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _start(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> PostgresServer:
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "inspect", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True, capture_output=True, cwd=folder, **_as_account(account),
    )  # fmt: skip
    options = [part for setting in _QUICK for part in ("-c", setting)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", *options],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder, **_as_account(account),
        )  # fmt: skip
    return PostgresServer(folder=folder, process=process)


def _wait_until_ready(server: PostgresServer) -> None:
    import psycopg

    limit = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            server.sql("SELECT 1")
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > limit:
                pytest.fail(f"PostgreSQL did not start:\n{(server.folder / 'server.log').read_text()}")
            time.sleep(0.1)
        else:
            return


def _stop(server: PostgresServer) -> None:
    server.process.send_signal(signal.SIGINT)
    try:
        server.process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private server; skips by name where the machine has no PostgreSQL. Mark its tests ``required_in_ci``."""
    pytest.importorskip("psycopg", reason="psycopg is not installed; pip install 'inspect-pipeline[postgres]'")
    binaries, account = find_binaries(), _account()
    if binaries is None:
        pytest.skip("PostgreSQL binaries not found on PATH or under /usr/lib/postgresql; apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path holds 107 bytes at most
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        server = _start(binaries, folder, account)
        try:
            _wait_until_ready(server)
            yield server
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database that is this test's own."""
    database = postgres_server.fresh()
    yield postgres_server.url(database)
    postgres_server.drop(database)
