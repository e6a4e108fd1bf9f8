"""The benchmark of detection: its command without places of this machine, its options, and what it pools."""

import sys
from typing import Any

import pytest

from benchmarks import detect, numbers


def test_the_command_names_folders_and_not_where_they_lie() -> None:
    words = ["../data/kolektor_sdd", "/somewhere/else/bsdata", "--draws", "4", "--model", "initialization.default@3"]
    assert detect.command(words) == (
        "python -m benchmarks.detect kolektor_sdd bsdata --draws 4 --model initialization.default@3"
    )


def point(shot: int, *draws: float) -> dict[str, Any]:
    return {"shot": shot, "figures": {"image_auroc": {"per_draw": list(draws)}, "aupro": {"per_draw": None}}}


def test_materials_are_pooled_draw_by_draw_where_they_measure_a_figure() -> None:
    rows = detect.pooled(
        {"a": {"points": [point(1, 0.1, 0.3), point(5, 0.2, 0.2)]}, "b": {"points": [point(1, 0.0, 0.0)]}}
    )
    one, five = rows
    assert (one["shot"], five["shot"]) == (1, 5)
    assert one["difference"]["image_auroc"]["value"] == pytest.approx(0.1)
    assert one["difference"]["image_auroc"]["materials"] == 2
    assert five["difference"]["image_auroc"]["value"] == pytest.approx(0.2)
    assert five["difference"]["image_auroc"]["materials"] == 1
    assert set(one["difference"]) == {"image_auroc"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--against", "frozen"), "give --history or --model"),
        (("--against", "frozen", "--model", "a@1", "--workspace", "w", "--history", "b"), "not both"),
        (("--model", "a@1"), "give both or neither"),
        (("--history", "b"), "belong to --against frozen"),
    ],
)
def test_contradicting_options_are_refused(
    words: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["detect", "folder", *words])
    with pytest.raises(SystemExit):
        detect.parsed()
    assert why in capsys.readouterr().err


def test_the_page_of_numbers_shows_the_points_that_all_materials_carry() -> None:
    def material(*shots: int) -> dict[str, Any]:
        points = [{"shot": k, "figures": {"image_auroc": {"value": k / 10, "interval": [0.0, 1.0]}}} for k in shots]
        return {"curves": {"shots": {"points": points}}}

    lines = numbers.curve_lines({"a": material(1, 3, 5), "b": material(1, 3)})
    assert [line.split("|")[1].split()[3] for line in lines] == ["1", "3"]
    assert "0.300 [0.000, 1.000]" in lines[1]


def test_the_page_of_numbers_shows_in_how_many_draws_the_promise_was_kept() -> None:
    share = {"count": 7, "of": 10, "interval": [0.348, 0.933]}
    kept = {"promise": {"overkill": {"p90": 0.083, "within": share}, "recall": {"inside": share}}}
    p90, within, inside = numbers.promised_lines({"a": kept})
    assert "0.083" in p90
    assert "7 of 10 [0.35, 0.93]" in within
    assert "leave-one-out" in inside
