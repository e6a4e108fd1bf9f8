"""``models``: what there is, and how the version in force changes through its gate."""

from pathlib import Path

import pytest

from inspect_pipeline.cli.references import ModelReference, parse_reference
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.parity import FrameParity, Parity
from inspect_pipeline.errors import UserError
from tests.unit.cli.conftest import Program
from tests.unit.cli.fake_house import DETECTOR, version_of


def test_every_version_is_listed_with_its_aliases(program: Program) -> None:
    ran = program("models", "list", "--json")

    row = {"model": DETECTOR, "version": "4", "created_at": "2026-01-02T03:04:05+00:00", "aliases": ["champion"]}
    assert ran.document == {"models": [{**row, "tags": {}, "run": None}]}
    assert "2026-01-02 03:04" in program("models", "list").out


def test_an_empty_registry_says_what_makes_the_first_model(program: Program) -> None:
    program.house.models.versions = []

    assert "'inspect-pipeline train' makes the first" in program("models", "list").out


@pytest.mark.parametrize(
    ("word", "version", "alias"),
    [(DETECTOR, None, "champion"), (f"{DETECTOR}@2", "2", "champion"), (f"{DETECTOR}@previous", None, "previous")],
)
def test_show_takes_a_name_a_version_or_an_alias(program: Program, word: str, version: str | None, alias: str) -> None:
    ran = program("models", "show", word, "--json")

    assert ran.document["manifest"]["classes"] == ["crack"]
    assert program.house.models.calls == [("show", {"model": DETECTOR, "version": version, "alias": alias})]


def test_show_cuts_long_values_for_people_alone(program: Program) -> None:
    program.house.models.manifest["labels"] = [f"label {number}" for number in range(100)]

    assert "label 99" not in program("models", "show", DETECTOR).out
    assert program("models", "show", DETECTOR, "--json").document["manifest"]["labels"][99] == "label 99"


@pytest.mark.parametrize("text", ["", "@champion", "name@"])
def test_a_reference_without_a_name_or_an_end_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="names no model"):
        parse_reference(text)


def test_a_name_may_hold_any_letters_and_the_last_sign_parts_it() -> None:
    assert parse_reference("detector.línea@2.x@12") == ModelReference(model="detector.línea@2.x", version="12")


def test_promote_moves_the_challenger_and_keeps_who_and_why(program: Program) -> None:
    ran = program("models", "promote", DETECTOR, "--operator", "night shift", "--reason", "new type", "--json")

    assert ran.code == 0
    assert ran.document["promoted"] is True
    assert (ran.document["from_version"], ran.document["version"]) == ("4", "5")
    assert ran.document["challenger"]["overkill"]["alarms"] == 1
    expected = {"operator": "night shift", "reason": "new type", "version": None, "override": None}
    assert program.house.models.calls == [("promote", expected)]


def test_promote_refused_by_the_gate_ends_with_3_and_answers_with_the_reasons(program: Program) -> None:
    program.house.models.reasons = ("type 'stain' would be forgotten",)

    ran = program("models", "promote", f"{DETECTOR}@6", "--json")

    assert ran.code == 3
    assert ran.document["promoted"] is False
    assert ran.document["version"] == "6"
    assert ran.document["reasons"] == ["type 'stain' would be forgotten"]
    assert ran.err.startswith("refused: ")
    assert ran.err.count("\n") == 1


def test_promote_of_the_champion_ends_with_4_and_answers(program: Program) -> None:
    ran = program("models", "promote", DETECTOR, "--version", "4", "--json")

    assert (ran.code, ran.document["promoted"], ran.document["version"]) == (4, False, "4")


def test_promote_by_alias_takes_the_version_behind_it(program: Program) -> None:
    assert program("models", "promote", f"{DETECTOR}@previous", "--json").document["version"] == "1"


def test_a_version_given_twice_is_refused(program: Program) -> None:
    ran = program("models", "promote", f"{DETECTOR}@6", "--version", "7")

    assert ran.code == 2
    assert "either @REF or --version" in ran.err


def test_rollback_goes_back_and_takes_no_version(program: Program) -> None:
    assert program("models", "rollback", DETECTOR, "--json").document["version"] == "1"
    assert program("models", "rollback", f"{DETECTOR}@2").code == 2


def test_compare_puts_both_sides_and_the_reasons_side_by_side(program: Program) -> None:
    program.house.models.reasons = ("overkill: 9 of 40",)

    ran = program("models", "compare", DETECTOR, "--json")

    assert (ran.code, ran.document["passed"]) == (0, False)
    assert ran.document["challenger"]["episodes"] == ran.document["champion"]["episodes"] == 600
    shown = program("models", "compare", DETECTOR).out
    assert "overkill: 9 of 40" in shown
    assert "0.025 [0.001, 0.132] (1 of 40)" in shown
    assert "0.800 [0.284, 0.995] (4 of 5)" in shown


def test_compare_shows_what_the_configured_runtime_changes(program: Program) -> None:
    frames = tuple(
        FrameParity(
            frame=f"f{n}", wanted=Verdict.PASS, found=Verdict.DEFECT if n == 0 else Verdict.PASS, difference=0.2
        )
        for n in range(40)
    )
    program.house.models.parity = Parity(runtime="openvino bf16", exact=False, frames=frames)

    document = program("models", "compare", DETECTOR, "--json").document["parity"]
    assert (document["flips"]["count"], document["flips"]["of"], document["flipped"]) == (1, 40, ["f0"])
    shown = program("models", "compare", DETECTOR).out
    assert "verdicts that openvino bf16 changes" in shown
    assert "0.025 [0.001, 0.132] (1 of 40)" in shown


def test_export_writes_the_champion_unless_another_is_named(program: Program) -> None:
    assert program("models", "export", DETECTOR, "--bundle").out == f"{DETECTOR}.bundle.zip\n"
    program("models", "export", f"{DETECTOR}@2", "--out", "two.zip")

    first = {"model": DETECTOR, "version": None, "alias": "champion", "out": Path(f"{DETECTOR}.bundle.zip")}
    second = {"model": DETECTOR, "version": "2", "alias": "champion", "out": Path("two.zip")}
    assert program.house.calls == [("export_model", first), ("export_model", second)]


def test_import_names_what_it_registered(program: Program) -> None:
    ran = program("models", "import", "file.zip", "--json")

    assert ran.document == {"model": "initialization.default", "version": "7"}


def test_verify_names_each_version_and_ends_with_1_where_one_is_altered(program: Program) -> None:
    program.house.models.versions = [version_of(DETECTOR, "4", "champion"), version_of(DETECTOR, "3")]
    assert program("models", "verify").code == 0

    program.house.models.altered = frozenset({"3"})
    ran = program("models", "verify", "--json")

    assert ran.code == 1
    assert [check["ok"] for check in ran.document["checks"]] == [True, False]


def test_an_override_names_its_role(program: Program) -> None:
    program("models", "promote", DETECTOR, "--override", "quality_manager", "--reason", "a customer waits", "--json")
    assert program.house.models.calls[0][1]["override"] == "quality_manager"


def test_history_says_when_from_to_how_by_whom_and_why(program: Program) -> None:
    [change] = program("models", "history", DETECTOR, "--json").document["changes"]
    assert (change["from_version"], change["to_version"], change["kind"]) == ("4", "4", "promoted")
    assert "night shift" in program("models", "history", DETECTOR).out
    assert program("models", "history", f"{DETECTOR}@2").code == 2


def test_an_alias_moved_past_the_records_is_adopted_or_restored_with_a_reason(program: Program) -> None:
    adopted = program("models", "adopt", DETECTOR, "--reason", "moved by hand", "--operator", "engineer-1", "--json")
    assert (adopted.code, adopted.document["version"], adopted.document["passed"]) == (0, "5", True)
    restored = program("models", "restore", DETECTOR, "--reason", "a mistake", "--json")
    assert restored.document == {"model": DETECTOR, "version": "4"}
    assert program("models", "adopt", DETECTOR).code == 2
