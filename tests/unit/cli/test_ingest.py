"""``ingest``: the answer, and its end when nothing was new."""

from dataclasses import replace

from tests.unit.cli.conftest import Program


def test_the_answer_counts_frames_and_names_every_unusable_file(program: Program) -> None:
    ran = program("ingest", "frames", "--coil", "coil-7", "--line", "poly", "--json")

    assert ran.code == 0
    assert ran.document["captured"] == 12
    assert ran.document["duplicates"] == 0
    assert ran.document["unusable"] == [{"file": "frame 3 ü.png", "reason": "truncated: 10 of 300 lines"}]
    assert ran.document["missing"] == 40
    assert ran.document["gaps"] == [
        {"camera": "camera-0", "first_line": 300, "line_count": 40, "reason": "no frame holds these lines"}
    ]
    assert ran.document["noted"] == [{"file": "frame 5.png", "note": "out of order: came after frame 6"}]
    assert ran.document["rates"]["megabytes_per_s"] == 14.4
    arguments = {"source": "frames", "coil": "coil-7", "line": "poly", "recipe": "default", "family": None}
    assert program.house.calls == [("ingest", {**arguments, "rewound": False, "offset_m": 0.0})]


def test_a_rewound_coil_is_taken_in_as_one(program: Program) -> None:
    assert program("ingest", "frames", "--rewound", "--offset-m", "1200.5").code == 0
    [(_, arguments)] = program.house.calls
    assert (arguments["rewound"], arguments["offset_m"]) == (True, 1200.5)


def test_a_folder_that_was_interrupted_is_no_success_and_an_ended_camera_is(program: Program) -> None:
    program.house.ends_itself = True

    assert program("ingest", "frames").code == 130
    assert program("ingest", "watch:frames").code == 0
    assert program("ingest", "camera:left", "--coil", "coil-7").code == 0


def test_a_person_sees_the_unusable_files_with_their_reasons(program: Program) -> None:
    ran = program("ingest", "frames")

    assert "frame 3 ü.png" in ran.out
    assert "truncated: 10 of 300 lines" in ran.out
    assert "40 lines in 1 gaps" in ran.out
    assert "out of order: came after frame 6" in ran.out
    assert "14 MB/s; the camera's own: 8,000 lines/s" in ran.out


def test_nothing_new_ends_with_4_and_still_answers(program: Program) -> None:
    program.house.ingested = replace(program.house.ingested, new=0, duplicates=12)

    ran = program("ingest", "frames", "--json")

    assert ran.code == 4
    assert ran.document["duplicates"] == 12
    assert "nothing to do: all 12 captures of coil coil-7 were there before\n" in ran.err
