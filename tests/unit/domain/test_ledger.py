"""Every line of every camera is judged, captured, unusable or missing: nothing falls between two intervals."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain import ledger as book
from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.ledger import Cover, Interval, Ledger, Span, judged_ledger, ledger, spans_of
from inspect_pipeline.domain.material import Coil
from inspect_pipeline.errors import InspectError
from tests.unit.domain.builders import NOON, captured, finding, unjudged, verdict

BEST_FIRST = [Cover.INSPECTED, Cover.CAPTURED, Cover.UNUSABLE, Cover.MISSING]
COIL = Coil(id="coil-1", line="line-1", recipe="default", family="steel", created_at=NOON)

shapes = st.tuples(
    st.sampled_from(["camera-0", "camera-1", "camera-2"]),
    st.integers(0, 60),
    st.integers(0, 20),
    st.integers(0, 8),
    st.sampled_from([None, None, "dark", "blurred"]),
)
many_spans = st.lists(shapes, max_size=14).map(
    lambda found: [
        Span(frame=f"f{at}", camera=camera, first_line=first, line_count=count, torn_lines=torn, reason=reason)
        for at, (camera, first, count, torn, reason) in enumerate(found)
    ]
)
verdicts = st.dictionaries(st.sampled_from([f"f{at}" for at in range(14)]), st.booleans())
lengths = st.one_of(st.none(), st.integers(0, 90))
named = st.lists(st.sampled_from(["camera-0", "camera-1", "camera-9"]), unique=True)


def span(
    frame: str = "f0",
    first: int = 0,
    count: int = 100,
    *,
    camera: str = "camera-0",
    torn: int = 0,
    reason: str | None = None,
) -> Span:
    return Span(frame=frame, camera=camera, first_line=first, line_count=count, torn_lines=torn, reason=reason)


def told(made: Ledger, camera: str = "camera-0") -> list[tuple[int, int, str, str | None]]:
    """What a ledger says of a camera: (first line, line after the last, state, reason)."""
    return [(one.first_line, one.end, one.cover.value, one.reason) for one in made.intervals if one.camera == camera]


def states(made: Ledger, camera: str) -> list[Cover]:
    return [one.cover for one in made.intervals if one.camera == camera for _ in range(one.line_count)]


def line_by_line(spans: list[Span], judged: Mapping[str, bool], length: int, camera: str) -> list[Cover]:
    """The same, asked of every capture for every line."""
    lines = [Cover.MISSING] * length
    for one in spans:
        if one.camera != camera:
            continue
        usable = Cover.CAPTURED if one.frame not in judged else Cover.INSPECTED
        failed = one.reason is not None or judged.get(one.frame) is False
        cover = Cover.UNUSABLE if failed else usable
        for line in range(one.first_line, one.first_line + one.line_count):
            lines[line] = min(lines[line], cover, key=BEST_FIRST.index)
    return lines


@given(spans=many_spans, judged=verdicts, expected=lengths, cameras=named)
def test_each_line_has_the_best_state_that_a_capture_gives_it_and_none_is_left_out(
    spans: list[Span], judged: dict[str, bool], expected: int | None, cameras: list[str]
) -> None:
    made = ledger(spans, expected_lines=expected, cameras=cameras, judged=judged)
    made.check()
    ends = [one.first_line + one.line_count + one.torn_lines for one in spans]
    assert made.expected_lines == max([expected or 0, *ends])
    every = {one.camera for one in spans} | set(cameras)
    if made.expected_lines:
        assert set(made.cameras) == (every or {book.NAMELESS})
    for camera in made.cameras:
        assert states(made, camera) == line_by_line(spans, judged, made.expected_lines, camera)


@given(spans=many_spans, judged=verdicts, expected=lengths, cameras=named)
def test_lines_that_a_camera_did_not_see_judged_count_once(
    spans: list[Span], judged: dict[str, bool], expected: int | None, cameras: list[str]
) -> None:
    made = ledger(spans, expected_lines=expected, cameras=cameras, judged=judged)
    seen = [states(made, camera) for camera in made.cameras]
    lacking = sum(any(own[line] is not Cover.INSPECTED for own in seen) for line in range(made.expected_lines))
    assert made.not_inspected_lines == lacking
    assert made.lines(*Cover) == made.expected_lines * len(made.cameras)


@given(spans=many_spans, judged=verdicts, expected=lengths, seed=st.integers(0, 2**16))
def test_the_order_of_the_captures_tells_nothing(
    spans: list[Span], judged: dict[str, bool], expected: int | None, seed: int
) -> None:
    other = list(spans)
    Random(seed).shuffle(other)
    assert ledger(other, expected_lines=expected, judged=judged) == ledger(
        spans, expected_lines=expected, judged=judged
    )


@given(spans=many_spans, judged=verdicts, expected=lengths)
def test_two_neighbours_never_say_the_same(spans: list[Span], judged: dict[str, bool], expected: int | None) -> None:
    made = ledger(spans, expected_lines=expected, judged=judged)
    for camera in made.cameras:
        own = [one for one in made.intervals if one.camera == camera]
        assert all((one.cover, one.reason) != (after.cover, after.reason) for one, after in pairwise(own))


@given(spans=many_spans, judged=verdicts)
def test_only_judged_and_captured_lines_have_no_reason(spans: list[Span], judged: dict[str, bool]) -> None:
    for one in ledger(spans, judged=judged, expected_lines=90).intervals:
        assert (one.reason is None) == (one.cover in (Cover.INSPECTED, Cover.CAPTURED))


def test_missing_lines_are_found_at_the_head_between_frames_and_at_the_tail() -> None:
    made = ledger([span("b", 300), span("a", 100)], expected_lines=450)
    assert told(made) == [
        (0, 100, "missing", book.NO_FRAME),
        (100, 200, "captured", None),
        (200, 300, "missing", book.NO_FRAME),
        (300, 400, "captured", None),
        (400, 450, "missing", book.ENDED_EARLY),
    ]


def test_a_torn_frame_says_how_many_of_its_lines_never_came() -> None:
    made = ledger([span("a", 0, 60, torn=40), span("b", 100)], judged={"a": True, "b": True})
    assert told(made) == [
        (0, 60, "inspected", None),
        (60, 100, "missing", "torn: only 60 of 100 lines arrived"),
        (100, 200, "inspected", None),
    ]


def test_torn_lines_that_another_capture_holds_are_not_missing() -> None:
    assert told(ledger([span("a", 0, 60, torn=40), span("b", 50)])) == [(0, 150, "captured", None)]


def test_torn_lines_at_the_end_of_a_coil_of_unknown_length_belong_to_it() -> None:
    assert ledger([span(count=60, torn=40)]).lines(Cover.MISSING) == 40


def test_an_expected_camera_that_delivered_nothing_is_missing_throughout() -> None:
    made = ledger([span(count=300)], cameras=["camera-0", "camera-1"], judged={"f0": True})
    assert told(made, "camera-1") == [(0, 300, "missing", book.NO_CAMERA)]
    assert made.not_inspected_lines == 300


def test_a_coil_of_which_nothing_came_is_missing_though_no_camera_was_named() -> None:
    made = ledger([], expected_lines=500)
    made.check()
    assert told(made, book.NAMELESS) == [(0, 500, "missing", book.NO_CAMERA)]
    assert made.not_inspected_lines == 500


def test_a_coil_of_no_known_length_without_captures_has_no_lines() -> None:
    assert ledger([]) == Ledger(expected_lines=0, intervals=())
    ledger([], cameras=["camera-0"]).check()


def test_a_capture_beyond_the_expected_lines_makes_the_coil_longer_for_every_camera() -> None:
    made = ledger([span("a"), span("b", 100, 50, camera="camera-1")], expected_lines=120)
    assert made.expected_lines == 150
    assert told(made)[-1] == (100, 150, "missing", book.ENDED_EARLY)
    assert told(made, "camera-1")[0] == (0, 100, "missing", book.NO_FRAME)


def test_a_capture_of_no_lines_says_that_the_coil_had_come_so_far() -> None:
    assert told(ledger([span(first=80, count=0, reason="empty file")])) == [(0, 80, "missing", book.ENDED_EARLY)]


def test_a_usable_copy_of_an_unusable_capture_wins_and_a_missing_line_never_does() -> None:
    dark, good = span("a", reason="dark"), span("b", 50, 100)
    assert told(ledger([dark, good], judged={"b": True})) == [(0, 50, "unusable", "dark"), (50, 150, "inspected", None)]


def test_a_short_capture_over_a_long_one_ends_where_it_ends() -> None:
    made = ledger([span("a", 0, 1000, reason="dark"), span("b", 100, 10), span("c", 105, 10)], judged={"c": True})
    assert [line[:3] for line in told(made)] == [
        (0, 100, "unusable"),
        (100, 105, "captured"),
        (105, 115, "inspected"),
        (115, 1000, "unusable"),
    ]


def test_verdicts_say_what_was_judged_and_why_not() -> None:
    frames = [
        captured("passed"),
        captured("defect", first_line=1000),
        captured("refused", first_line=2000),
        captured("waiting", first_line=3000),
        captured("dark", first_line=4000, reason="dark"),
    ]
    results = [verdict("passed"), verdict("defect", finding("defect")), unjudged("refused", "image lost")]
    made = judged_ledger(COIL, spans_of(frames), [*results, unjudged("dark", "dark")])
    assert told(made) == [
        (0, 2000, "inspected", None),
        (2000, 3000, "unusable", "image lost"),
        (3000, 4000, "captured", None),
        (4000, 5000, "unusable", "dark"),
    ]
    assert made.not_inspected_lines == 3000


def test_a_verdict_does_not_make_an_unusable_capture_inspected() -> None:
    made = judged_ledger(COIL, [span(reason="the strip ran backwards")], [verdict("f0")])
    assert [one.cover for one in made.intervals] == [Cover.UNUSABLE]


def test_a_frame_that_was_refused_without_a_reason_still_has_one() -> None:
    assert told(ledger([span()], judged={"f0": False})) == [
        (0, 100, "unusable", "the detector could not judge this frame")
    ]


def test_the_coil_says_how_long_it_is_and_which_cameras_should_have_seen_it() -> None:
    results: list[FrameResult] = []
    made = judged_ledger(replace(COIL, expected_lines=200, cameras=("camera-1",)), [span()], results)
    assert (made.expected_lines, made.cameras) == (200, ("camera-0", "camera-1"))


def test_the_ledger_of_frames_knows_what_tore_off() -> None:
    torn = replace(captured(line_count=60), torn_lines=40)
    assert list(spans_of([torn])) == [span(count=60, torn=40)]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([(0, 40), (50, 50)], "at line 40: the next interval begins at 50"),
        ([(0, 60), (50, 50)], "at line 60: the next interval begins at 50"),
        ([(10, 90)], "at line 0: the next interval begins at 10"),
        ([(0, 90)], "captured and missing lines are 90, expected 100"),
        ([(0, 110)], "captured and missing lines are 110, expected 100"),
        ([], "no line of the 100 that were expected"),
    ],
)
def test_a_ledger_that_does_not_balance_is_told(lines: list[tuple[int, int]], what: str) -> None:
    intervals = tuple(
        Interval(camera="camera-0", first_line=first, line_count=count, cover=Cover.CAPTURED) for first, count in lines
    )
    with pytest.raises(InspectError, match=what):
        Ledger(expected_lines=100, intervals=intervals).check()


def test_each_camera_balances_for_itself() -> None:
    whole = Interval(camera="a", first_line=0, line_count=100, cover=Cover.CAPTURED)
    short = replace(whole, camera="b", line_count=99)
    with pytest.raises(InspectError, match="camera b does not balance"):
        Ledger(expected_lines=100, intervals=(whole, short)).check()
