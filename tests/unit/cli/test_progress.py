"""Progress for logs and for people."""

import io

from inspect_pipeline.cli.progress import ProgressLines, progress_shown


def test_lines_come_at_the_end_and_every_ten_seconds() -> None:
    now = iter([0.0, 1.0, 9.9, 10.0, 11.0, 12.0])
    stream = io.StringIO()
    progress = ProgressLines(stream=stream, seconds=lambda: next(now))

    for done in (1, 2, 3, 4, 5):
        progress("score coil-7", done, 6)
    progress("score coil-7", 6, 6)

    assert stream.getvalue() == "score coil-7: 4 of 6, 7 s left\nscore coil-7: 6 of 6\n"


def test_the_time_left_is_that_of_the_present_round_where_the_same_work_begins_anew() -> None:
    now = iter([0.0, 100.0, 200.0, 205.0, 215.0])
    stream = io.StringIO()
    progress = ProgressLines(stream=stream, seconds=lambda: next(now))

    for done in (1, 6, 1, 2, 4):
        progress("meta-train", done, 6, "loss 0.5")

    assert stream.getvalue().splitlines()[-1] == "meta-train: 4 of 6, loss 0.5, 10 s left"


def test_an_unknown_total_is_left_out() -> None:
    now = iter([0.0, 20.0])
    stream = io.StringIO()
    progress = ProgressLines(stream=stream, seconds=lambda: next(now))

    progress("ingest", 16, 0)
    progress("ingest", 32, 0)

    assert stream.getvalue() == "ingest: 32\n"


def test_bars_take_names_as_they_are_and_leave_standard_output_alone(capsys) -> None:
    with progress_shown(bars=True) as progress:
        progress("score [red]coil", 3, 6)
        progress("score [red]coil", 6, 6)
        print("the answer")  # noqa: T201

    captured = capsys.readouterr()
    assert captured.out == "the answer\n"
    assert "score [red]coil" in captured.err
    assert "6/6" in captured.err


def test_a_bar_of_unknown_length_is_full_when_the_next_one_begins(capsys) -> None:
    with progress_shown(bars=True) as progress:
        progress("read", 7, 0)
        progress("score", 1, 1)

    assert "7/7" in capsys.readouterr().err
