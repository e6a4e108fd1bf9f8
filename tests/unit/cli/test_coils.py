"""``coils`` and ``flatfield``: the books of the coils for scripts and for people."""

from tests.unit.cli.conftest import Program


def test_the_list_has_the_keys_that_scripts_rely_on(program: Program) -> None:
    ran = program("coils", "--json")

    assert ran.code == 0
    [coil] = ran.document["coils"]
    wanted = {"id": "coil-7", "captured": 12, "missing": 40, "unusable": 1, "duplicates": 0}
    assert {key: coil[key] for key in wanted} == wanted
    assert (coil["inspected_m"], coil["not_inspected_m"]) == (1.5, 0.25)
    assert "ledger" not in coil


def test_one_coil_comes_with_its_ledger_remarks_and_quality(program: Program) -> None:
    ran = program("coils", "--coil", "coil-7", "--json")

    [coil] = ran.document["coils"]
    assert [(one["cover"], one["line_count"]) for one in coil["ledger"]] == [
        ("inspected", 300),
        ("missing", 40),
        ("unusable", 3260),
    ]
    assert coil["remarks"] == [{"file": "b.png", "reason": "dark: mean 0.1%", "note": None}]
    assert coil["quality"][0]["measure"] == "mean"


def test_a_person_sees_every_interval_with_its_reason(program: Program) -> None:
    ran = program("coils", "--coil", "coil-7")

    assert "no frame holds these lines" in ran.out
    assert "dark: mean 0.1%" in ran.out
    assert "0.250" in ran.out


def test_an_unknown_coil_is_bad_input(program: Program) -> None:
    ran = program("coils", "--coil", "coil-9")

    assert (ran.code, ran.out) == (2, "")
    assert "coil-9" in ran.err


def test_the_coils_of_one_line_alone_can_be_asked_for(program: Program) -> None:
    program("coils", "--line", "poly")

    assert program.house.calls == [("coil_facts", {"line": "poly"})]


def test_a_flat_field_is_built_from_two_sources_and_shown_with_what_it_holds_for(program: Program) -> None:
    words = ["--camera", "camera-0", "--dark", "dark/", "--bright", "bright/", "--operator", "operator-7"]
    ran = program("flatfield", "build", *words, "--target", "180.25", "--json")

    assert ran.document["target"] == 180.25
    assert ran.document["settings"]["exposure_us"] == 40.0
    wanted = {"camera": "camera-0", "dark": "dark/", "bright": "bright/", "operator": "operator-7", "target": 180.25}
    assert program.house.calls == [("build_flat_field", wanted)]


def test_the_versions_are_listed_for_a_person(program: Program) -> None:
    ran = program("flatfield", "list")

    assert "abababababab" in ran.out
    assert "2048 (2 repaired)" in ran.out
