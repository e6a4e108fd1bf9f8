"""The audit commands: the trail as a document, its proof, and its exit code."""

from inspect_pipeline.domain.audit import AuditAction, AuditFault
from tests.unit.cli.conftest import Program
from tests.unit.cli.fake_house import DETECTOR


def test_the_trail_is_listed_with_who_what_from_to_and_digest(program: Program) -> None:
    ran = program("audit", "list", "--subject", DETECTOR, "--action", "promoted", "--limit", "5", "--json")
    [entry] = ran.document["entries"]
    assert (entry["actor"], entry["action"], entry["before"], entry["after"]) == ("night shift", "promoted", "3", "4")
    assert len(entry["digest"]) == 64
    asked = {"after": 0, "limit": 5, "subject": DETECTOR, "action": AuditAction.PROMOTED}
    assert program.house.auditing.asked == [asked]
    assert "3 -> 4" in program("audit", "list").out


def test_an_intact_trail_ends_with_0(program: Program) -> None:
    ran = program("audit", "verify", "--json")
    assert (ran.code, ran.document["intact"], ran.document["entries"]) == (0, True, 1)


def test_a_trail_that_was_tampered_with_ends_with_3_and_names_the_entry(program: Program) -> None:
    program.house.auditing.faults = (AuditFault(seq=7, what="its text was changed after it was written"),)
    ran = program("audit", "verify", "--json")
    assert (ran.code, ran.document["intact"]) == (3, False)
    assert "entry 7: its text was changed" in ran.err
    assert "NOT as written" in program("audit", "verify").out


def test_the_trail_is_exported_to_the_file_named(program: Program) -> None:
    ran = program("audit", "export", "--out", "trail.csv", "--json")
    assert ran.document == {"path": "trail.csv", "entries": 3}
