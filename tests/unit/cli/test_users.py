"""People, tokens and the start of the workbench from the command line, on a real workspace with an empty catalog."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.cli.main import main
from inspect_pipeline.cli.session import Invocation
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.services.signing_in import Visit
from inspect_pipeline.settings import load_settings

WORDS = "three quiet rollers"
CHEAP = {"security": {"hashing": {"memory_kib": 8, "passes": 1, "lanes": 1}}}


@dataclass
class Ran:
    """One run: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs commands on one workspace; ``started`` keeps the programs that it would have started."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    started: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)

    def configure(self, **sections: object) -> None:
        (self.folder / "configs" / "workbench.yaml").write_text(yaml.safe_dump(CHEAP | sections), encoding="utf-8")

    def __call__(self, *words: str, typed: str = "") -> Ran:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        environment = {"INSPECT_WORKSPACE": str(self.folder / "w"), "INSPECT_CONFIGS": str(self.folder / "configs")}
        code = main(words, invocation=Invocation(start=self._start, environment=environment))
        captured = self.capsys.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        self.started.append((list(command), dict(environment)))
        return 0

    def signs_in(self, name: str, password: str) -> bool:
        with self._house() as house:
            return Workbench(house=house).signing_in.sign_in(name, password, Visit(address="::1")).account.name == name

    def done_to(self, subject: str) -> list[str]:
        with self._house() as house, house.catalog.transaction() as unit:
            return [entry.event.action.value for entry in unit.audit(subject=subject)]

    def _house(self) -> House:
        return open_house(load_settings(self.folder / "w", folder=self.folder / "configs", environment={}))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in which Anna is the admin."""
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "configs").mkdir()
    shell = Shell(folder=tmp_path, capsys=capsys, monkeypatch=monkeypatch)
    shell.configure()
    return shell


def test_the_first_admin_is_made_by_a_command_and_signs_in(shell: Shell) -> None:
    refused = shell("serve")
    assert (refused.code, shell.started) == (3, [])
    assert "inspect-pipeline users add NAME --role admin" in refused.err
    added = shell("users", "add", "Anna", "--role", "admin", "--password-stdin", "--json", typed=WORDS + "\n")
    assert (added.code, added.document["name"], added.document["role"]) == (0, "Anna", "admin")
    assert WORDS not in added.out + added.err
    assert "password" not in added.out
    assert shell.signs_in("Anna", WORDS)
    listed = shell("users", "list", "--json").document["users"]
    assert [(one["name"], one["active"], one["waits_s"]) for one in listed] == [("Anna", True, 0.0)]
    assert "argon2" not in str(listed)


def test_a_password_is_never_an_argument_and_a_bad_one_is_refused(shell: Shell) -> None:
    assert shell("users", "add", "Anna", WORDS).code == 2
    assert shell("users", "add", "Anna", "--password", WORDS).code == 2
    short = shell("users", "add", "Anna", "--password-stdin", typed="short\n")
    assert (short.code, "too short" in short.err) == (2, True)
    assert "no password" in shell("users", "add", "Anna", "--password-stdin").err
    assert "nobody may sign in yet" in shell("users", "list").out


def test_role_password_standing_and_waits_are_changed_by_commands(shell: Shell) -> None:
    for name, role in (("Anna", "admin"), ("Otto", "operator")):
        shell("users", "add", name, "--role", role, "--password-stdin", typed=WORDS)
    assert shell("users", "role", "otto", "engineer", "--json").document["role"] == "engineer"
    assert shell("users", "role", "Otto", "engineer").code == 4
    assert shell("users", "password", "Otto", "--password-stdin", typed="a lamp over green sheets").code == 0
    assert shell.signs_in("Otto", "a lamp over green sheets")
    assert shell("users", "deactivate", "Otto", "--json").document["active"] is False
    assert shell("users", "deactivate", "Otto", "--undo", "--json").document["active"] is True
    assert shell("users", "unlock", "Otto").out == "Otto may try again\n"
    assert shell("users", "deactivate", "Anna").code == 3
    done = shell.done_to("Otto")
    assert done[:3] == ["person added", "role changed", "password changed"]
    assert done[-3:] == ["deactivated", "reactivated", "unlocked"]


def test_a_token_is_printed_once_listed_without_its_text_and_revoked(shell: Shell) -> None:
    shell("users", "add", "Anna", "--role", Role.ADMIN.value, "--password-stdin", typed=WORDS)
    made = shell("tokens", "add", "press", "--owner", "anna", "--scope", Permission.SCORE.value, "--json").document
    assert made["text"].startswith("inspect_")
    listed = shell("tokens", "list", "--json")
    assert made["text"] not in listed.out
    [token] = listed.document["tokens"]
    assert (token["name"], token["owner"], token["scopes"], token["valid"]) == ("press", "Anna", ["score"], True)
    assert shell("tokens", "revoke", "press").code == 0
    assert "revoked" in shell("tokens", "list").out
    assert shell("tokens", "add", "x", "--owner", "anna").code == 2, "a token without scope allows nothing"


def test_serve_hands_the_server_an_import_string_and_trusts_no_proxy_headers(shell: Shell) -> None:
    shell("users", "add", "Anna", "--role", "admin", "--password-stdin", typed=WORDS)
    told = shell("serve", "--port", "8765")
    [(words, environment)] = shell.started
    assert words[1:5] == ["-m", "uvicorn", "--factory", "inspect_pipeline.web.serving:application"]
    assert words[words.index("--host") + 1 : words.index("--host") + 4] == ["127.0.0.1", "--port", "8765"]
    assert "--no-proxy-headers" in words
    assert environment["INSPECT_WORKSPACE"] == str(shell.folder / "w")
    assert environment["INSPECT_CONFIGS"] == str(shell.folder / "configs")
    assert "http://127.0.0.1:8765" in told.err
    assert "cookies: https only" in told.err


def test_an_address_that_others_reach_needs_a_name_that_they_type(shell: Shell) -> None:
    shell("users", "add", "Anna", "--role", "admin", "--password-stdin", typed=WORDS)
    refused = shell("serve", "--host", "0.0.0.0")  # noqa: S104
    assert (refused.code, "site.allowed_hosts" in refused.err) == (3, True)
    shell.configure(site={"allowed_hosts": ["bench.plant"], "secure_cookies": False})
    told = shell("serve", "--host", "0.0.0.0")  # noqa: S104
    assert (told.code, "keep it in a closed network" in told.err) == (0, True)
    shell.configure(site={"allowed_hosts": ["bench.plant"], "tls_certificate": "c.pem", "tls_key": "k.pem"})
    assert "https://[::]:8000" in shell("serve", "--host", "::").err
    assert shell.started[-1][0][-4:] == ["--ssl-certfile", "c.pem", "--ssl-keyfile", "k.pem"]
