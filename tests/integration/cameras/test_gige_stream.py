"""A real GigE Vision stream on loopback: what is sent arrives, what is lost is known, and the camera is let go."""

from itertools import pairwise

import pytest

from tests.integration.cameras import fake_gige

pytestmark = pytest.mark.required_in_ci


def test_every_frame_of_a_stream_arrives_in_order_as_it_was_sent_and_the_next_client_can_have_the_camera() -> None:
    found = fake_gige.run("steady")
    assert found["captures"] == 150
    assert found["sequences"] == list(range(150))  # the camera starts at 65401, so its counter wraps on the way
    assert found["first_lines"] == [64 * number for number in range(150)]
    assert found["widths"] == [512]
    assert found["off_the_ramp"] == 0
    assert all(0.0 < after - before < 5.0 for before, after in pairwise(found["times"]))
    assert all((one["exposure_us"], one["gain_db"]) == (10_000.0, 0.0) for one in found["settings"])
    counted = found["statistics"]
    assert (counted["delivered"], counted["incomplete"], counted["lost_frames"]) == (150, 0, 0)
    assert counted["driver"] == {"underruns": 0, "missing_packets": 0, "resent_packets": 0}
    assert "camera camera-0: Width is not 5000" in found["refused"]
    assert "it takes 1 to 2048" in found["refused"]

    second = found["second"]
    assert (second["captures"], second["widths"], second["lines"]) == (3, [256], [32] * 3)
    assert all((one["exposure_us"], one["gain_db"]) == (2500.0, 1.5) for one in second["settings"])
    assert second["changed"] == []


def test_frames_with_lost_packets_keep_their_valid_lines_and_show_no_stale_ones() -> None:
    found = fake_gige.run("torn", lost_per_thousand=20)
    counted = found["statistics"]
    assert counted["delivered"] == 40
    assert counted["incomplete"] >= 10
    # a frame whose first packet was lost has no number; only the first and the last cannot get it from their neighbours
    assert len(found["unusable"]) <= 4
    assert len(set(found["sequences"])) + len(found["unusable"]) == 40
    assert counted["lost_frames"] == 0
    assert found["off_the_ramp"] == 0
    valid = sum(found["valid"])
    assert 0.8 * 40 * 256 < valid < 40 * 256
    parts = zip(found["first_lines"], found["lines"], strict=True)
    assert all(first + lines <= after for (first, lines), (after, _) in pairwise(parts))


def test_a_camera_that_another_client_has_is_refused_and_is_had_once_that_one_was_killed() -> None:
    found = fake_gige.run("killed")
    assert "held by another program" in found["refused"]
    assert (found["captures"], found["off_the_ramp"]) == (5, 0)


def test_a_camera_that_is_lost_is_an_error_after_all_that_it_sent() -> None:
    found = fake_gige.run("lost")
    assert found["captures"] >= 5
    assert found["off_the_ramp"] == 0
    assert "camera camera-0 was lost" in found["said"]


def test_the_program_takes_a_coil_in_two_sessions_and_books_what_passed_between_them_as_missing() -> None:
    found = fake_gige.run("commands")
    first, second, [book] = found["first"], found["second"], found["books"]["coils"]
    assert (first["captured"], first["missing"], first["unusable"]) == (20, 0, [])
    assert first["rates"]["camera_lines_per_s"] > 0
    assert (second["new"], second["captured"], second["duplicates"]) == (8, 28, 0)
    covers = [(one["cover"], one["reason"]) for one in book["ledger"]]
    assert covers == [("captured", None), ("missing", "no frame holds these lines"), ("captured", None)]
    assert sum(one["line_count"] for one in book["ledger"]) == book["expected_lines"]
    assert found["ended"]["captured"] >= 1
