import json
import os
import tracemalloc
import weakref
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.cameras.drop_folder import DropFolder, DropFolderSettings, open_drop_folder
from inspect_pipeline.cameras.file_captures import FileCaptures, FrameFile
from inspect_pipeline.cameras.folder_listing import size_and_time
from inspect_pipeline.cameras.sidecar import CoilFacts
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError, NotFoundError
from tests.unit.imaging.image_files import encoded, png_declaring, textured, tiff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "Spule 7 ü"
    place.mkdir()
    return place


def put(folder: Path, name: str, *, height: int = 40, seed: int = 0) -> None:
    (folder / name).write_bytes(encoded(textured(height, 60, seed=seed)))


def opened(folder: Path, **settings: Any) -> DropFolder:
    return open_drop_folder(folder, DropFolderSettings(**settings))


def captures(folder: Path) -> list[Capture]:
    return list(opened(folder))


def places(found: list[Capture]) -> list[tuple[str, int | None, int]]:
    return [(one.source, one.first_line, one.line_count) for one in found]


class Counted:
    """Gives names, and counts how often it is asked."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.count = names, 0

    def __call__(self) -> Iterable[str]:
        self.count += 1
        return self.names


def reason(capture: Capture) -> str:
    assert isinstance(capture, UnusableCapture)
    return capture.reason


def test_frames_come_in_the_order_people_count_and_follow_each_other(folder: Path) -> None:
    for name, height in (("frame 10.png", 30), ("frame 2.png", 20), ("Frame 1.png", 10)):
        put(folder, name, height=height)
    found = captures(folder)
    assert places(found) == [("Frame 1.png", 0, 10), ("frame 2.png", 10, 20), ("frame 10.png", 30, 30)]
    assert [one.sequence for one in found] == [0, 1, 2]


def test_a_frame_holds_its_pixels_name_camera_scale_and_time(folder: Path) -> None:
    put(folder, "Maß größer 1.png")
    os.utime(folder / "Maß größer 1.png", (1_750_000_000, 1_750_000_000))
    (frame,) = opened(folder, camera="links", mm_per_px_across=0.1, mm_per_px_along=0.2)
    assert isinstance(frame, Frame)
    assert np.array_equal(frame.pixels, textured())
    assert (frame.id, frame.source, frame.camera) == ("Maß größer 1.png", "Maß größer 1.png", "links")
    assert (frame.mm_per_px_across, frame.mm_per_px_along) == (0.1, 0.2)
    assert frame.captured_at == datetime.fromtimestamp(1_750_000_000, UTC)


def test_all_formats_are_taken_and_16_bit_stays_16_bit(folder: Path) -> None:
    for suffix in (".png", ".BMP", ".tif", ".jpg"):
        (folder / f"a{suffix}").write_bytes(encoded(textured(), suffix.lower()))
    (folder / "b.tiff").write_bytes(tiff(textured().astype(np.uint16) * 16))
    found = captures(folder)
    assert [one.source for one in found] == ["a.BMP", "a.jpg", "a.png", "a.tif", "b.tiff"]
    assert isinstance(found[4], Frame)
    assert found[4].pixels.max() == 255 * 16


def test_every_file_that_cannot_be_read_becomes_an_unusable_capture_with_its_reason(folder: Path) -> None:
    put(folder, "1 good.png")
    (folder / "2 text.png").write_text("I am no picture")
    (folder / "3 short.png").write_bytes(encoded(textured())[:-100])
    (folder / "4 empty.png").touch()
    (folder / "5 folder.png").mkdir()
    (folder / "6 huge.png").write_bytes(png_declaring(2_000_000_000, 2_000_000_000))
    (folder / "7 float.tif").write_bytes(tiff(np.ones((4, 4), np.float32), sample_format=3))
    (folder / "8 notes.txt").write_text("shift report")
    (folder / "9 more").mkdir()
    found = captures(folder)
    wanted = [
        "no PNG, JPEG, BMP or TIFF",
        "truncated or altered PNG",
        "the file is empty",
        "a folder, no image",
        "more than the",
        "floating-point",
        "no image by its suffix",
        "a folder, no image",
    ]
    assert len(found) == 9
    for capture, part in zip(found[1:], wanted, strict=True):
        assert part in reason(capture)
        assert reason(capture).startswith(f"{capture.source}: ")


def test_links_may_not_lead_out_of_the_folder_and_pipes_are_not_waited_for(folder: Path, tmp_path: Path) -> None:
    put(folder, "1.png")
    put(tmp_path, "secret.png")
    (folder / "2 out.png").symlink_to(tmp_path / "secret.png")
    (folder / "3 nowhere.png").symlink_to(folder / "gone.png")
    (folder / "4 inside.png").symlink_to(folder / "1.png")
    os.mkfifo(folder / "5 pipe.png")
    found = captures(folder)
    assert "leads outside" in reason(found[1])
    assert "leads nowhere" in reason(found[2])
    assert isinstance(found[3], Frame)
    assert "no regular file" in reason(found[4])


def test_an_unreadable_file_keeps_its_place_so_that_later_frames_stay_where_they_were(folder: Path) -> None:
    (folder / "0.png").write_text("text")
    put(folder, "1.png", height=20)
    (folder / "2.png").write_bytes(encoded(textured(30, 60))[:-100])
    (folder / "3.png").touch()
    put(folder, "4.png", height=20)
    assert places(captures(folder)) == [
        ("0.png", 0, 20),  # as the first frame that can be read
        ("1.png", 20, 20),
        ("2.png", 40, 30),  # as its own header says
        ("3.png", 70, 20),  # as the frame before
        ("4.png", 90, 20),
    ]


def test_a_huge_declared_height_moves_nothing(folder: Path) -> None:
    put(folder, "1.png", height=20)
    (folder / "2.png").write_bytes(png_declaring(1, 2_000_000_000))
    put(folder, "3.png", height=20)
    assert places(captures(folder)) == [("1.png", 0, 20), ("2.png", 20, 20), ("3.png", 40, 20)]


def test_hidden_system_and_sidecar_files_are_no_captures(folder: Path) -> None:
    put(folder, "1.png")
    for name in (".hidden.png", "Thumbs.db", "desktop.ini"):
        (folder / name).write_text("x")
    (folder / "1.json").write_text("{}")
    (folder / "coil.json").write_text("{}")
    assert [one.source for one in captures(folder)] == ["1.png"]


def test_files_still_being_written_are_left_for_the_next_run_and_leave_a_gap(folder: Path) -> None:
    put(folder, "1.png")
    (folder / "2.png.part").write_bytes(b"\x89PNG")
    (folder / "2b.tmp").write_bytes(b"")
    put(folder, "3.png")
    put(folder, "4.png")
    source = opened(folder)
    found = []
    for capture in source:
        found.append(capture)
        if capture.source == "1.png":
            with (folder / "3.png").open("ab") as growing:
                growing.write(b"more")
    assert places(found) == [("1.png", 0, 40), ("4.png", 120, 40)]
    assert source.incomplete == ["2.png.part", "2b.tmp", "3.png"]


def test_one_file_is_in_memory_at_a_time(folder: Path) -> None:
    put(folder, "1.png")
    put(folder, "2.png")
    frames = iter(opened(folder))
    next(frames)
    (folder / "2.png").unlink()
    assert "cannot be read" in reason(next(frames))


def test_a_sidecar_says_where_and_when_its_frame_was_taken(folder: Path) -> None:
    put(folder, "a.png")
    put(folder, "b.png")
    facts = {
        "first_line": 500,
        "sequence": 9,
        "captured_at": "2026-03-01T12:00:00+01:00",
        "mm_per_px_across": 0.05,
        "mm_per_px_along": 0.06,
        "camera": "oben",
        "valid_lines": 30,
    }
    (folder / "a.json").write_text(json.dumps(facts))
    frame, after = captures(folder)
    assert isinstance(frame, Frame)
    assert (frame.first_line, frame.sequence, frame.camera, frame.valid_lines) == (500, 9, "oben", 30)
    assert frame.captured_at == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert (frame.mm_per_px_across, frame.mm_per_px_along) == (0.05, 0.06)
    assert (after.first_line, after.sequence) == (540, 10)


def test_coil_json_gives_the_length_defaults_and_single_frames(folder: Path) -> None:
    put(folder, "a.png")
    put(folder, "b.png")
    coil = {"expected_lines": 400, "first_line": 100, "camera": "unten", "frames": {"b.png": {"first_line": 300}}}
    (folder / "coil.json").write_text(json.dumps(coil))
    source = opened(folder)
    assert source.expected_lines == 400
    found = list(source)
    assert places(found) == [("a.png", 100, 40), ("b.png", 300, 40)]
    assert {one.camera for one in found} == {"unten"}


def test_a_frame_that_coil_json_announces_and_nobody_delivered_is_in_the_ledger(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "coil.json").write_text(json.dumps({"frames": {"a.png": {}, "b.png": {}}}))
    assert [reason(one) for one in captures(folder)[1:]] == ["b.png: announced in coil.json, not there"]


def test_a_sidecar_without_its_image_is_in_the_ledger(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "b.json").write_text("{}")
    assert [reason(one) for one in captures(folder)[1:]] == ["b.json: a sidecar without its image"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"first_line": 3,\n "first_lin": 4}', "a.json:2: 'first_lin' is unknown"),
        ('{\n"first_line": -3}', "a.json:2: 'first_line' is -3; give a whole number"),
        ('{"sequence": true}', "'sequence' is True"),
        ('{"first_line": 1.5}', "'first_line' is 1.5"),
        ('{"mm_per_px_along": 0}', "'mm_per_px_along' is 0; give millimetres above 0"),
        ('{"mm_per_px_along": NaN}', "NaN"),
        ('{"captured_at": "2026-01-01T00:00:00"}', "a time with its zone"),
        ('{"camera": ""}', "a name"),
        ('{"first_line": 3, "first_line": 4}', "stands there twice"),
        ('{"first_line": 3,\n\n oops', "a.json:3: no valid JSON"),
        ("[1]", "no JSON object"),
        ('{"valid_lines": 41}', "41 valid lines, the image has 40"),
    ],
)
def test_a_sidecar_that_is_wrong_makes_its_frame_unusable_and_says_where(folder: Path, text: str, part: str) -> None:
    put(folder, "a.png")
    (folder / "a.json").write_text(text)
    (capture,) = captures(folder)
    assert part in reason(capture)


def test_a_wrong_coil_json_stops_before_the_first_frame(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "coil.json").write_text('{"frames": {"a.png": {"first_line": "7"}}}')
    with pytest.raises(BadDataError, match=r"coil\.json:1: 'first_line' is '7'"):
        opened(folder)


def test_two_images_cannot_share_one_sidecar(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "a.bmp").write_bytes(encoded(textured(), ".bmp"))
    (folder / "a.json").write_text('{"first_line": 3}')
    assert all("share the sidecar a.json" in reason(one) for one in captures(folder))


def test_names_that_are_no_utf_8_are_escaped_for_the_ledger(folder: Path) -> None:
    strange = os.fsencode(folder) + b"/a\xff\n.png"
    with open(strange, "wb") as file:  # noqa: PTH123 - bytes as a name
        file.write(encoded(textured()))
    (frame,) = captures(folder)
    assert frame.source == "a\\xff\\x0a.png"
    frame.source.encode("utf-8")


def test_a_second_pass_yields_the_same(folder: Path) -> None:
    put(folder, "a.png")
    put(folder, "b.png")
    source = opened(folder)
    assert places(list(source)) == places(list(source))


def test_a_folder_without_images_says_what_to_do(folder: Path) -> None:
    with pytest.raises(BadDataError, match="holds no image file"):
        opened(folder)
    (folder / "notes.txt").write_text("x")
    with pytest.raises(BadDataError, match="put frames there or name another folder"):
        opened(folder)


def test_a_missing_folder_and_a_file_in_its_place_are_told_apart(folder: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder"):
        opened(folder / "gone")
    put(folder, "a.png")
    with pytest.raises(BadDataError, match="is a file"):
        opened(folder / "a.png")


def test_each_camera_is_counted_alone(folder: Path) -> None:
    for name in ("l1.png", "r1.png", "l2.png", "r2.png"):
        put(folder, name, height=40 if name[0] == "l" else 30)
    frames = {name: {"camera": "left" if name[0] == "l" else "right"} for name in ("l1.png", "l2.png", "r1.png")}
    (folder / "coil.json").write_text(json.dumps({"first_line": 100, "frames": frames, "cameras": ["left", "right"]}))
    (folder / "r2.json").write_text('{"camera": "right"}')
    source = opened(folder)
    assert source.expected_cameras == ("left", "right")
    assert [(one.camera, one.first_line, one.sequence) for one in source] == [
        ("left", 100, 0),
        ("left", 140, 1),
        ("right", 100, 0),
        ("right", 130, 1),
    ]


def test_an_unreadable_file_keeps_its_place_among_the_frames_of_its_own_camera(folder: Path) -> None:
    put(folder, "1.png", height=40)
    put(folder, "2.png", height=30)
    (folder / "3.png").touch()
    put(folder, "4.png", height=30)
    frames = {f"{number}.png": {"camera": "left" if number == 1 else "right"} for number in range(1, 5)}
    (folder / "coil.json").write_text(json.dumps({"frames": frames}))
    assert places(captures(folder)) == [("1.png", 0, 40), ("2.png", 0, 30), ("3.png", 30, 30), ("4.png", 60, 30)]


def test_encoder_and_camera_settings_of_a_sidecar_go_with_the_frame(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "a.json").write_text('{"encoder": 12345, "gain_db": 6, "reverse": true}')
    (folder / "coil.json").write_text('{"exposure_us": 20, "gain_db": 0, "temperature_c": 40.5}')
    (frame,) = captures(folder)
    assert isinstance(frame, Frame)
    assert frame.encoder == 12345
    assert frame.settings == CaptureSettings(exposure_us=20.0, gain_db=6.0, temperature_c=40.5, reverse=True)


def test_a_size_in_the_sidecar_that_is_not_that_of_the_image_is_refused(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "a.json").write_text('{"width": 60, "height": 41}')
    assert "its sidecar says 60 x 41 px, the image has 60 x 40" in reason(captures(folder)[0])


def test_a_sidecar_that_is_no_regular_file_is_not_passed_over(folder: Path) -> None:
    put(folder, "a.png")
    put(folder, "b.png")
    (folder / "a.json").mkdir()
    os.mkfifo(folder / "b.json")
    first, second = captures(folder)
    assert "a.json: a folder" in reason(first)
    assert "b.json: no regular file" in reason(second)


def test_every_entry_is_a_capture_incomplete_or_a_sidecar(folder: Path) -> None:
    for name in ("1.png", "2.png", "3.png.part", "x.tmp"):
        put(folder, name)
    for name in ("1.json", "coil.json", "lost.json", ".hidden", "Thumbs.db"):
        (folder / name).write_text("{}")
    (folder / "4.png").mkdir()
    (folder / "5.png").symlink_to("5.png")
    source = opened(folder)
    told = [one.source for one in source]
    entries = {path.name for path in folder.iterdir()} - {".hidden", "Thumbs.db"}
    assert sorted([*told, *source.incomplete, *source.sidecars]) == sorted(entries)
    assert source.sidecars == ("1.json", "coil.json")


def test_a_file_far_larger_than_its_header_says_is_refused_unread(folder: Path) -> None:
    put(folder, "1.png")
    with (folder / "2.png").open("wb") as sparse:
        sparse.write(encoded(textured()))
        sparse.truncate(1 << 29)
    with (folder / "3.png").open("wb") as sparse:
        sparse.truncate(1 << 29)
    tracemalloc.start()
    found = captures(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "60 x 40 px; that is no image, at most" in reason(found[1])
    assert "no header of an image; that is no image" in reason(found[2])
    assert peak < 4 << 20


def test_the_frame_before_is_given_back_before_the_next_one_is_read(folder: Path) -> None:
    put(folder, "1.png")
    put(folder, "2.png")
    frames = iter(opened(folder))
    first = next(frames)
    assert isinstance(first, Frame)
    pixels = weakref.ref(first.pixels)
    del first
    assert pixels() is None
    next(frames)


def test_a_time_of_a_file_that_is_no_date_is_no_capture_time(folder: Path) -> None:
    put(folder, "1.png")
    source = FileCaptures(root=folder, coil=CoilFacts(), settings=DropFolderSettings(), neighbours=list)
    assert source.unusable(FrameFile(name="1.png", seen=(9, 2**90)), reason="broken").captured_at is None
    first = source.unusable(FrameFile(name="1.png", seen=(9, 0)), reason="broken")
    assert first.captured_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_name_in_coil_json_that_leads_elsewhere_or_cannot_be_written_leads_nowhere(folder: Path) -> None:
    put(folder, "1.png")
    (folder / "coil.json").write_text(json.dumps({"frames": {"../2.png": {}, "\ud800\n.png": {"camera": "left"}}}))
    _, outside, strange = captures(folder)
    assert reason(outside) == "../2.png: announced in coil.json, not there"
    assert (strange.source, strange.camera) == ("\\ud800\\x0a.png", "left")
    strange.source.encode("utf-8")


def test_a_folder_of_nothing_but_broken_files_is_searched_for_a_header_once(folder: Path) -> None:
    for number in range(400):
        (folder / f"{number}.png").touch()
    reads = Counted(list(opened(folder)._files))
    captures_of = FileCaptures(root=folder, coil=CoilFacts(), settings=DropFolderSettings(), neighbours=reads)
    for number in range(400):
        name = f"{number}.png"
        assert captures_of.capture(FrameFile(name=name, seen=size_and_time(folder / name))).line_count == 0
    assert reads.count == 1
