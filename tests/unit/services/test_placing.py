"""Captures find their place on the coil by counter and encoder, in whatever state a run before left it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.capture import FrameMeasures, StripEdges
from inspect_pipeline.domain.geometry import CameraMount
from inspect_pipeline.domain.ledger import Cover, ledger, spans_of
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.services.placing import BEFORE_HEAD, Placing
from inspect_pipeline.services.preparing import Prepared
from tests.unit.domain.builders import NOON, captured

LINES = 100
MM = 0.5
COIL = Coil(id="coil-1", line="line-1", recipe="default", family="steel", created_at=NOON)
REWOUND = replace(COIL, reversed=True, offset_m=10.0)
BY_ENCODER = CameraMount(encoder_mm_per_count=0.25)  # two counts a line


def placing(coil: Coil = COIL, mount: CameraMount | None = None) -> Placing:
    return Placing(coil=coil, mounts=lambda _camera: mount or CameraMount(), most_wander_px=10.0)


def seen(
    sequence: int,
    *,
    first_line: int | None = None,
    encoder: int | None = None,
    camera: str = "camera-0",
    measures: FrameMeasures | None = None,
    reason: str | None = None,
    note: str | None = None,
    known: bool = False,
) -> Prepared:
    """A frame as the threads hand it over: where its counter puts it, its row not placed yet."""
    first = sequence * LINES if first_line is None else first_line
    row = replace(
        captured(f"{camera}-{sequence}-{first}", first_line=first, line_count=LINES, mm_per_px_along=MM, reason=reason),
        camera=camera,
        sequence=sequence,
        note=note,
        measures=replace(measures or FrameMeasures(), encoder=encoder),
    )
    return Prepared(
        id=row.id,
        row=None if known else row,
        camera=camera,
        sequence=sequence,
        first_line=first,
        line_count=LINES,
        pixel_bytes=0,
        encoder=encoder,
        mm_per_px_along=MM,
    )


def unread(
    name: str, *, first_line: int | None = None, sequence: int | None = None, lines: int = LINES, known: bool = False
) -> Prepared:
    row = replace(
        captured(name, line_count=lines, mm_per_px_along=1.0, image=None, reason="truncated"), sequence=sequence or 0
    )
    return Prepared(
        id=name,
        row=None if known else row,
        camera="camera-0",
        sequence=sequence,
        first_line=first_line,
        line_count=lines,
        pixel_bytes=0,
    )


def rows(place: Placing, captures: Sequence[Prepared]) -> list[CapturedFrame]:
    return [row for row in map(place, captures) if row is not None]


def only(place: Placing, capture: Prepared) -> CapturedFrame:
    (row,) = rows(place, [capture])
    return row


def test_without_an_encoder_the_counter_places_the_frames() -> None:
    placed = rows(placing(), [seen(0), seen(1), seen(3)])
    assert [(row.first_line, row.downweb_m, row.reason, row.note) for row in placed] == [
        (0, 0.0, None, None),
        (100, 0.05, None, None),
        (300, 0.15, None, None),
    ]


def test_an_encoder_that_no_mount_knows_places_nothing() -> None:
    assert [row.first_line for row in rows(placing(), [seen(0, encoder=0), seen(1, encoder=9000)])] == [0, 100]


def test_lost_triggers_show_as_missing_lines_and_as_a_note() -> None:
    placed = rows(placing(mount=BY_ENCODER), [seen(0, encoder=1000), seen(1, encoder=1200), seen(2, encoder=2400)])
    assert [row.first_line for row in placed] == [0, 100, 700]
    assert [row.note for row in placed] == [None, None, "encoder: 500 lines after the counter"]
    assert placed[2].downweb_m == pytest.approx(0.35)
    assert ledger(spans_of(placed)).lines(Cover.MISSING) == 500


def test_jitter_after_a_slip_tears_no_holes_and_is_no_news() -> None:
    encoders = [1000, 2202, 2398, 2602]
    placed = rows(placing(mount=BY_ENCODER), [seen(at, encoder=count) for at, count in enumerate(encoders)])
    assert [row.first_line for row in placed] == [0, 601, 701, 801]
    assert [row.note for row in placed[2:]] == [None, None]


def test_what_was_not_read_is_as_far_from_its_counter_as_the_frame_before_it() -> None:
    place = placing(mount=BY_ENCODER)
    rows(place, [seen(0, encoder=1000), seen(1, encoder=2200)])
    row = only(place, unread("dropped", first_line=200, sequence=2))
    assert (row.first_line, row.sequence) == (700, 2)
    assert row.downweb_m == pytest.approx(0.35)
    assert row.mm_per_px_along == MM, "as the camera's frames have it"


def test_what_was_not_read_and_has_no_place_stands_after_those_before_it() -> None:
    place = placing()
    rows(place, [seen(0), seen(1)])
    lost = [unread("a"), unread("b", lines=40), unread("c", lines=0)]
    assert [(row.first_line, row.sequence) for row in rows(place, lost)] == [(200, 2), (300, 3), (340, 4)]
    assert only(place, unread("d")).first_line == 340


def test_a_late_frame_of_counter_0_moves_no_counter_on() -> None:
    place = placing()
    rows(place, [seen(1), seen(0)])
    assert only(place, unread("a")).sequence == 2


def test_captures_that_were_there_before_move_the_state_on() -> None:
    place = placing(mount=BY_ENCODER)
    there = [seen(0, encoder=1000, known=True), unread("a", known=True), seen(2, encoder=2400, known=True)]
    assert rows(place, there) == []
    assert only(place, unread("b")).first_line == 800
    assert only(place, seen(3, encoder=2600)).first_line == 800
    assert (only(place, seen(2, first_line=200, encoder=2400)).reason or "").startswith("repeated")


@given(
    kinds=st.lists(st.sampled_from(["good", "unread", "nowhere"]), min_size=1, max_size=20),
    lost=st.integers(0, 1000),
    cut=st.integers(0, 20),
)
def test_a_run_that_goes_on_where_another_ended_places_everything_as_one_run_would(
    kinds: list[str], lost: int, cut: int
) -> None:
    def capture(at: int, *, known: bool) -> Prepared:
        if kinds[at] == "good":
            slipped = 2 * lost if at >= len(kinds) // 2 else 0
            return seen(at, encoder=500 + 200 * at + slipped, known=known)
        return unread(f"u{at}", first_line=None if kinds[at] == "nowhere" else at * LINES, known=known)

    whole = rows(placing(mount=BY_ENCODER), [capture(at, known=False) for at in range(len(kinds))])
    first = rows(placing(mount=BY_ENCODER), [capture(at, known=False) for at in range(len(kinds))][:cut])
    again = rows(placing(mount=BY_ENCODER), [capture(at, known=at < cut) for at in range(len(kinds))])
    assert [*first, *again] == whole


def test_the_zero_of_the_encoder_is_that_of_an_earlier_run() -> None:
    earlier = only(placing(), seen(3, encoder=1600))  # line 300: zero at 1000
    place = placing(mount=BY_ENCODER)
    place.resume([earlier])
    assert only(place, seen(0, encoder=5000)).first_line == 2000
    assert place.cameras == ("camera-0",)


def test_a_frame_from_before_the_head_gives_no_zero() -> None:
    place = placing(mount=BY_ENCODER)
    place.resume([replace(captured(reason=f"{BEFORE_HEAD}it begins"), measures=FrameMeasures(encoder=100))])
    assert only(place, seen(1, encoder=1200)).first_line == 100


def test_lines_from_before_the_head_never_pass_for_line_0() -> None:
    """The strip was drawn back further than it had come; what is seen then is not what lies at line 0."""
    place = placing(mount=BY_ENCODER)
    dark = only(place, seen(0, encoder=1000, reason="dark"))
    back = only(place, seen(1, encoder=600))
    forward = only(place, seen(2, encoder=900))
    assert "the strip ran backwards" in (back.reason or "")
    assert forward.reason == f"{BEFORE_HEAD}it begins 50 lines before line 0, by the encoder"
    assert (forward.first_line, forward.downweb_m) == (0, -0.025)
    assert ledger(spans_of([dark, back, forward])).lines(Cover.CAPTURED) == 0


def test_reasons_are_joined_and_so_are_notes() -> None:
    place = placing()
    strip = FrameMeasures(edges=StripEdges(left_px=10.0, right_px=90.0))
    rows(place, [seen(0, measures=strip), seen(2, measures=strip)])
    jumped = FrameMeasures(edges=StripEdges(left_px=40.0, right_px=90.0))
    late = only(place, seen(1, measures=jumped, note="as the camera says", reason="dark"))
    assert late.reason == "dark"
    assert late.note == ("out of order: came after frame 2; left edge of the strip jumped by 30 px; as the camera says")
    twice = only(place, seen(1, reason="dark"))
    assert twice.reason == "repeated: frame counter 1 and its lines came before; dark"


def test_an_edge_that_jumps_narrows_no_zone() -> None:
    place = placing()
    edges = StripEdges(left_px=10.0, right_px=90.0)
    rows(place, [seen(0, measures=FrameMeasures(edges=edges, zone_left_px=12, zone_right_px=88))])
    wrong = StripEdges(left_px=60.0, right_px=90.0)
    row = only(place, seen(1, measures=FrameMeasures(edges=wrong, zone_left_px=62, zone_right_px=88)))
    assert row.measures is not None
    assert (row.measures.zone_left_px, row.measures.zone_right_px, row.measures.edges) == (12, 88, None)


def test_the_lines_of_a_rewound_coil_run_towards_its_head() -> None:
    mount = CameraMount(encoder_mm_per_count=0.25)
    placed = rows(placing(REWOUND, mount), [seen(0, encoder=1000), seen(1, encoder=800), seen(2, encoder=200)])
    assert [row.first_line for row in placed] == [0, 100, 400]
    assert [row.downweb_m for row in placed] == pytest.approx([10.0, 9.95, 9.8])
    assert [row.reason for row in placed] == [None, None, None]


def test_a_rewound_strip_that_runs_forward_again_is_told() -> None:
    place = placing(REWOUND, BY_ENCODER)
    rows(place, [seen(0, encoder=1000), seen(1, encoder=800)])
    assert only(place, seen(2, encoder=900)).reason == "the strip ran backwards: the encoder went from 800 to 900"


def test_what_was_not_read_of_a_rewound_coil_lies_on_it_too() -> None:
    assert only(placing(REWOUND), unread("a", first_line=2000)).downweb_m == pytest.approx(8.0)


def test_each_camera_is_placed_for_itself() -> None:
    place = placing(mount=BY_ENCODER)
    one = seen(0, encoder=1000, camera="left"), seen(1, encoder=2200, camera="left")
    other = seen(0, encoder=77, camera="right"), seen(1, encoder=277, camera="right")
    placed = rows(place, [one[0], other[0], one[1], other[1]])
    assert [(row.camera, row.first_line) for row in placed] == [
        ("left", 0),
        ("right", 0),
        ("left", 600),
        ("right", 100),
    ]
    assert place.cameras == ("left", "right")


def test_frames_out_of_order_with_an_encoder_keep_their_places_and_are_judged() -> None:
    placed = rows(placing(mount=BY_ENCODER), [seen(at, encoder=1000 + 200 * at) for at in (0, 2, 1, 3)])
    assert [row.first_line for row in placed] == [0, 200, 100, 300]
    assert [row.reason for row in placed] == [None] * 4
    assert ledger(spans_of(placed)).lines(Cover.MISSING) == 0


def test_the_parts_of_a_buffer_with_a_hole_share_its_encoder_value_and_keep_their_places() -> None:
    place = placing(mount=BY_ENCODER)
    rows(place, [seen(0, encoder=1000)])
    parts = [
        replace(seen(1, first_line=line, encoder=2200), line_count=60) for line in (100, 160)
    ]  # 500 lines after their counter
    placed = rows(place, parts)
    assert [(row.first_line, row.reason) for row in placed] == [(600, None), (660, None)]
    assert [row.note for row in placed] == ["encoder: 500 lines after the counter", None]
