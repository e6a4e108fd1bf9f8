"""10,000 guesses at the sign-in of a running server: does anybody get in, and what do they cost?

python -m benchmarks.sign_in_tries [--tries 10000] [--clients 8] [--addresses 50] [--out FILE]

A real server (``inspect_pipeline.web.serving``) with argon2id as configured by default, on a new workspace. Clients
guess the admin's password and names nobody has, from several addresses (X-Forwarded-For, believed from this machine).
Waits are shortened to seconds so that the run ends; afterwards the owner signs in. Then, without a server, the time of
a wrong password is compared with that of a name nobody has, in turns.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import yaml

from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.people import Role
from inspect_pipeline.services.signing_in import Visit, WrongSignInError
from inspect_pipeline.settings import Settings, load_settings

WORDS = "three quiet rollers"
LOCKOUT = {"first_wait_s": 1.0, "longest_wait_s": 20.0}
PORT = 8799


def configured(folder: Path) -> Settings:
    """Write the configuration of the run and return its settings, with the admin Anna in the workspace."""
    (folder / "configs").mkdir()
    content = {"site": {"trusted_proxies": ["127.0.0.1"]}, "security": {"lockout": LOCKOUT}}
    (folder / "configs" / "workbench.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    settings = load_settings(folder / "workspace", folder=folder / "configs", environment={})
    with open_house(settings) as house:
        Workbench(house=house).accounts.add("Anna", Role.ADMIN, WORDS, by="benchmark")
    return settings


def served(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the server and return its process once it answers."""
    environment = {
        **os.environ,
        "INSPECT_WORKSPACE": str(folder / "workspace"),
        "INSPECT_CONFIGS": str(folder / "configs"),
    }
    words = [sys.executable, "-m", "uvicorn", "--factory", "inspect_pipeline.web.serving:application"]
    words += ["--port", str(PORT), "--no-proxy-headers", "--log-level", "error"]
    process = subprocess.Popen(words, env=environment)
    for _ in range(300):
        try:
            Guesser(address="192.0.2.1")
        except OSError:
            time.sleep(0.1)
        else:
            return process
    raise SystemExit("the server did not start")


class Guesser:
    """A browser that sends the form of the sign-in page over one connection."""

    def __init__(self, *, address: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        self._headers = {"X-Forwarded-For": address, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("GET", "/sign-in", headers=self._headers)
        answer = self._connection.getresponse()
        found = re.search(r'name="csrf-token" content="(\w+)"', answer.read().decode())
        self._token = found[1] if found else ""
        self._headers["Cookie"] = answer.headers["set-cookie"].split(";")[0]

    def sign_in(self, name: str, password: str, *, address: str | None = None) -> int:
        """Return the status of the answer."""
        headers = self._headers if address is None else {**self._headers, "X-Forwarded-For": address}
        body = urlencode({"name": name, "password": password, "csrf_token": self._token})
        self._connection.request("POST", "/sign-in", body=body, headers=headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def guess(tries: int, *, clients: int, addresses: int) -> tuple[Counter[int], list[float]]:
    """Return how often each status came and the seconds of every try."""
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    lock = threading.Lock()

    def one(client: int) -> None:
        guesser = Guesser(address="192.0.2.1")
        for number in range(client, tries, clients):
            name = "Anna" if number % 2 else f"name {number % 997}"
            begun = time.perf_counter()
            status = guesser.sign_in(name, f"guess number {number}", address=f"198.51.100.{number % addresses + 1}")
            with lock:
                seconds.append(time.perf_counter() - begun)
                statuses[status] += 1

    threads = [threading.Thread(target=one, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, seconds


def times_of_names(rounds: int) -> dict[str, object]:
    """Return the milliseconds of a wrong password and of a name nobody has, and a 95% interval of their difference."""
    known, unknown = [], []
    with tempfile.TemporaryDirectory() as folder:
        settings = configured(Path(folder))
        with open_house(settings, clock=lambda: datetime.now(UTC)) as house:
            signing_in = Workbench(house=house).signing_in
            for number in range(rounds):
                for name, into in (("Anna", known), ("Nobody", unknown))[:: 1 if number % 2 else -1]:
                    begun = time.perf_counter()
                    try:
                        signing_in.sign_in(name, "wrong wrong wrong", Visit(address=f"10.0.{number}.1"))
                    except WrongSignInError:
                        into.append((time.perf_counter() - begun) * 1000)
                    with house.catalog.transaction() as unit:  # no lock-out: only the time is looked at here
                        unit.people.forget_tries(datetime.max.replace(tzinfo=UTC))
    differences = np.array(known) - np.array(unknown)
    draws = np.random.default_rng(0).choice(differences, size=(4000, len(differences)))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return {
        "rounds": rounds,
        "wrong_password_median_ms": round(statistics.median(known), 2),
        "unknown_name_median_ms": round(statistics.median(unknown), 2),
        "median_difference_ms": round(float(np.median(differences)), 2),
        "interval_ms": [round(float(low), 2), round(float(high), 2)],
    }


def main() -> None:
    """Run it and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--addresses", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = configured(Path(folder))
        process = served(Path(folder))
        try:
            before = resident_mib(process.pid)
            begun = time.perf_counter()
            statuses, seconds = guess(arguments.tries, clients=arguments.clients, addresses=arguments.addresses)
            took = time.perf_counter() - begun
            after = resident_mib(process.pid)
            time.sleep(LOCKOUT["longest_wait_s"] + 1)
            owner = Guesser(address="203.0.113.1").sign_in("Anna", WORDS)
        finally:
            process.terminate()
            process.wait()
        with open_house(settings) as house, house.catalog.transaction() as unit:
            rows, trail, sessions = unit.people.count_tries(), len(unit.audit()), len(unit.people.sessions("Anna"))
    document = {
        "command": "python -m " + " ".join(["benchmarks.sign_in_tries", *sys.argv[1:]]),
        "revision": code_revision(),
        "load": [round(one, 1) for one in os.getloadavg()],
        "cores": os.cpu_count(),
        "tries": sum(statuses.values()),
        "got_in": statuses[303],
        "looked_at": statuses[403],
        "told_to_wait": statuses[429],
        "other": {str(key): value for key, value in statuses.items() if key not in (303, 403, 429)},
        "seconds": round(took, 1),
        "ms_p50": round(1000 * float(np.quantile(seconds, 0.5)), 1),
        "ms_p95": round(1000 * float(np.quantile(seconds, 0.95)), 1),
        "resident_mib": [round(before), round(after)],
        "rows_of_tries": rows,
        "entries_of_the_trail": trail,
        "owner_after_the_wait": owner,
        "sessions_of_the_owner": sessions,
        "names": times_of_names(arguments.rounds),
    }
    text = json.dumps(document, indent=1)
    sys.stdout.write(text + "\n")
    if arguments.out is not None:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
