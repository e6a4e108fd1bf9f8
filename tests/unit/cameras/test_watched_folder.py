import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.cameras.file_captures import FileSettings
from inspect_pipeline.cameras.folder_changes import Changes, watch_folder
from inspect_pipeline.cameras.watched_folder import WatchedFolder, WatchSettings
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError, NotFoundError
from tests.unit.imaging.image_files import encoded, textured

Step = Callable[[], Sequence[str]]


@dataclass
class Line:
    """A camera PC and its clock: every step takes a second, does something and tells which names changed."""

    root: Path
    steps: list[Step | None] = field(default_factory=list)
    now: float = 100.0
    stop: bool = False

    def clock(self) -> float:
        return self.now

    def changes(self, _root: Path) -> Changes:
        yield None
        for step in [*self.steps, *[None] * 100]:
            self.now += 1.0
            yield frozenset(step() if step else ())
        raise AssertionError("the pass did not end")

    def watched(self, **watch: float | None) -> WatchedFolder:
        return WatchedFolder(
            self.root,
            FileSettings(),
            WatchSettings(**{"settle_s": 2.0, "idle_s": 20.0, **watch}),
            changes=self.changes,
            clock=self.clock,
            stop=lambda: self.stop,
        )

    def write(self, name: str, content: bytes | str, *, at_s: int = 0) -> Step:
        def step() -> list[str]:
            path = self.root / name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            if at_s:
                set_time(path, at_s)
            return [name]

        return step

    def rename(self, old: str, new: str) -> Step:
        def step() -> list[str]:
            (self.root / old).rename(self.root / new)
            return [new, old]

        return step

    def done(self) -> Step:
        return self.write("coil.done", "")


def set_time(path: Path, at_s: int) -> None:
    os.utime(path, (at_s, at_s))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    place = tmp_path / "Spule 9 ü"
    place.mkdir()
    return Line(place)


IMAGE = encoded(textured(40, 60))
OTHER = encoded(textured(40, 60, seed=1))


def told(found: Sequence[Capture]) -> list[tuple[str, int | None]]:
    return [(one.source, one.first_line) for one in found]


def reasons(found: Sequence[Capture]) -> list[str]:
    return [one.reason for one in found if isinstance(one, UnusableCapture)]


def taken_at(line: Line, folder: WatchedFolder) -> list[tuple[str, float]]:
    return [(one.source, line.now) for one in folder]


def test_a_file_is_taken_when_it_has_not_changed_for_the_settling_time(line: Line) -> None:
    line.steps = [line.write("1.png", IMAGE[:500]), line.write("1.png", IMAGE), None, None, None, line.done()]
    assert taken_at(line, line.watched()) == [("1.png", 104.0)]


def test_a_file_that_loses_its_temporary_suffix_is_taken_at_once(line: Line) -> None:
    line.steps = [line.write("1.png.part", IMAGE[:500]), line.rename("1.png.part", "1.png"), line.done()]
    folder = line.watched(settle_s=50.0)
    assert taken_at(line, folder) == [("1.png", 102.0)]
    assert folder.ended == "coil.done"


def test_where_sidecars_are_written_last_an_image_waits_for_its_own(line: Line) -> None:
    (line.root / "coil.json").write_text('{"sidecars": true}')
    line.steps = [
        line.write("1.png", IMAGE),
        line.write("2.png", OTHER),
        line.write("2.json", '{"first_line": 40, "exp'),
        line.write("2.json", '{"first_line": 40, "exposure_us": 12.5}'),
        line.write("1.json", '{"first_line": 0}'),
        line.done(),
    ]
    folder = line.watched(settle_s=3.0)
    found = list(folder)
    assert told(found) == [("2.png", 40), ("1.png", 0)]
    assert isinstance(found[0], Frame)
    assert found[0].settings.exposure_us == 12.5
    assert folder.sidecars == ["1.json", "2.json", "coil.done", "coil.json"]


def test_a_sidecar_that_stays_wrong_makes_its_frame_unusable(line: Line) -> None:
    (line.root / "coil.json").write_text('{"sidecars": true}')
    line.steps = [line.write("1.png", IMAGE), line.write("1.json", "{oops"), None, None, None, line.done()]
    assert [reason[:15] for reason in reasons(list(line.watched()))] == ["1.json:1: no va"]


def test_an_image_whose_sidecar_never_comes_is_unusable_when_the_coil_is_done(line: Line) -> None:
    (line.root / "coil.json").write_text('{"sidecars": true}')
    line.steps = [line.write("1.png", IMAGE), None, line.done()]
    assert reasons(list(line.watched())) == ["1.png: its sidecar had not come when the coil ended (coil.done)"]


def test_frames_come_in_the_order_in_which_they_were_written(line: Line) -> None:
    for name, at_s in (("z9.png", 10), ("a10.png", 20), ("a2.png", 20), ("m.png", 30)):
        line.write(name, IMAGE, at_s=at_s)()
    line.done()()
    assert told(list(line.watched())) == [("z9.png", 0), ("a2.png", 40), ("a10.png", 80), ("m.png", 120)]


def test_what_follows_a_file_that_takes_long_keeps_its_place(line: Line) -> None:
    line.steps = [
        line.write("1.png", IMAGE),
        line.write("2.png.part", IMAGE[:700]),
        line.write("3.png", IMAGE),
        None,
        None,
        line.rename("2.png.part", "2.png"),
        line.done(),
    ]
    assert told(list(line.watched())) == [("1.png", 0), ("3.png", 80), ("2.png", 40)]


def test_a_file_that_never_becomes_complete_is_told_at_the_end(line: Line) -> None:
    line.steps = [
        line.write("1.png", IMAGE),
        line.write("2.png.part", IMAGE[:700]),
        line.write("3.tmp", ""),
        line.done(),
    ]
    found = list(line.watched())
    assert told(found) == [("1.png", 0), ("2.png.part", 40), ("3.tmp", None)]
    assert reasons(found) == [
        "2.png.part: still under its temporary name when the coil ended (coil.done)",
        "3.tmp: no image by its suffix",
    ]


def test_a_file_that_grows_for_ever_does_not_hold_up_the_end_for_ever(line: Line) -> None:
    growing = [line.write("1.png", IMAGE[: 100 + 10 * step]) for step in range(40)]
    line.steps = [growing[0], line.done(), *growing[1:]]
    folder = line.watched(drain_s=15.0)
    assert reasons(list(folder)) == ["1.png: still being written when the coil ended (coil.done)"]
    assert line.now == 117.0


def test_a_file_rewritten_after_it_was_taken_is_noticed_and_one_only_touched_is_not(line: Line) -> None:
    line.steps = [
        line.write("1.png", IMAGE, at_s=50),
        line.write("2.png", IMAGE, at_s=60),
        *[None] * 3,
        line.write("1.png", OTHER, at_s=70),
        line.write("2.png", IMAGE, at_s=80),
        *[None] * 3,
        line.done(),
    ]
    found = list(line.watched())
    assert told(found) == [("1.png", 0), ("2.png", 40), ("1.png", 0)]
    assert reasons(found) == ["1.png: changed after it was taken; what was taken first is kept"]


def test_a_file_that_is_cleared_away_and_comes_back_is_taken_once(line: Line) -> None:
    def remove() -> list[str]:
        (line.root / "1.png").unlink()
        return ["1.png"]

    line.steps = [line.write("1.png", IMAGE), *[None] * 3, remove, line.write("1.png", IMAGE), *[None] * 4, line.done()]
    assert told(list(line.watched())) == [("1.png", 0)]


def test_the_pass_ends_when_all_cameras_reached_the_expected_lines(line: Line) -> None:
    coil = {
        "expected_lines": 80,
        "cameras": ["left", "right"],
        "frames": {"l1.png": {"camera": "left"}, "l2.png": {"camera": "left"}, "r1.png": {"camera": "right"}},
    }
    late = {"camera": "right", "first_line": 40}
    (line.root / "coil.json").write_text(json.dumps(coil))
    line.steps = [line.write(name, IMAGE) for name in ("l1.png", "l2.png", "r1.png")]
    line.steps += [*[None] * 5, line.write("r2.json", json.dumps(late)), line.write("r2.png", IMAGE)]
    folder = line.watched()
    found = list(folder)
    assert [(one.source, one.camera, one.first_line) for one in found] == [
        ("l1.png", "left", 0),
        ("l2.png", "left", 40),
        ("r1.png", "right", 0),
        ("r2.png", "right", 40),
    ]
    assert (folder.ended, folder.expected_lines, folder.expected_cameras) == (
        "all expected lines",
        80,
        ("left", "right"),
    )


def test_the_length_of_the_coil_may_come_while_it_runs(line: Line) -> None:
    line.steps = [line.write("1.png", IMAGE), line.write("coil.json", '{"expected_lines": 40}')]
    folder = line.watched()
    assert told(list(folder)) == [("1.png", 0)]
    assert (folder.ended, folder.expected_lines) == ("all expected lines", 40)


def test_a_coil_json_that_goes_wrong_while_the_coil_runs_is_in_the_ledger_once(line: Line) -> None:
    line.steps = [
        line.write("1.png", IMAGE),
        line.write("coil.json", '{"expected_lines": -1}'),
        *[None] * 5,
        line.done(),
    ]
    assert [one[:12] for one in reasons(list(line.watched()))] == ["coil.json:1:"]


def test_the_pass_ends_when_nothing_new_came_for_the_idle_time(line: Line) -> None:
    line.steps = [line.write("1.png", IMAGE)]
    folder = line.watched(idle_s=7.0)
    assert told(list(folder)) == [("1.png", 0)]
    assert (folder.ended, line.now) == ("idle", 108.0)


def test_a_stop_leaves_what_is_not_complete_for_the_next_run(line: Line) -> None:
    def stop() -> list[str]:
        line.stop = True
        return []

    line.steps = [
        line.write("1.png", IMAGE),
        *[None] * 3,
        line.write("2.png", IMAGE),
        line.write("notes.txt", ""),
        stop,
    ]
    folder = line.watched()
    assert told(list(folder)) == [("1.png", 0)]
    assert (folder.ended, folder.incomplete) == ("stopped", ["2.png", "notes.txt"])


def test_what_the_system_did_not_tell_is_found_by_the_next_full_look(line: Line) -> None:
    def silent() -> list[str]:
        (line.root / "1.png").write_bytes(IMAGE)
        return []

    line.steps = [None, silent, *[None] * 14, line.done()]
    assert told(list(line.watched(rescan_s=5.0))) == [("1.png", 0)]


def test_a_sidecar_that_comes_after_its_image_was_taken_is_told(line: Line) -> None:
    line.steps = [line.write("1.png", IMAGE), *[None] * 4, line.write("1.json", "{}"), line.done()]
    folder = line.watched()
    assert [reason[:60] for reason in reasons(list(folder))] == [
        '1.json: it came after its image was taken; say "sidecars": tr'[:60]
    ]
    assert folder.sidecars == ["coil.done"]


def test_a_frame_that_coil_json_announces_and_nobody_delivered_is_told_at_the_end(line: Line) -> None:
    (line.root / "coil.json").write_text('{"frames": {"1.png": {}, "2.png": {"first_line": 40}}}')
    line.steps = [line.write("1.png", IMAGE), line.done()]
    found = list(line.watched())
    assert told(found) == [("1.png", 0), ("2.png", 40)]
    assert reasons(found) == ["2.png: announced in coil.json, not there"]


def test_every_entry_of_the_folder_is_accounted_for(line: Line) -> None:
    for name in ("1.png", "2.png", "2.json", "3.json", "notes.txt", "4.png.part", ".hidden", "Thumbs.db"):
        line.write(name, IMAGE if name.endswith("png") else "{}")()
    (line.root / "5.png").mkdir()
    (line.root / "6.png").symlink_to("gone")
    line.done()()
    folder = line.watched()
    found = [one.source for one in folder]
    entries = {path.name for path in line.root.iterdir()} - {".hidden", "Thumbs.db"}
    assert sorted([*found, *folder.sidecars]) == sorted(entries)


def test_a_folder_that_goes_away_ends_the_pass_with_an_error(line: Line) -> None:
    def gone() -> list[str]:
        line.root.rename(line.root.parent / "elsewhere")
        return []

    line.steps = [None, gone]
    with pytest.raises(NotFoundError, match="no such folder"):
        list(line.watched(rescan_s=1.0))


def test_a_thousand_files_that_are_there_are_looked_at_once_and_taken_in_order(line: Line) -> None:
    for number in range(1000):
        (line.root / f"{number}.png").symlink_to("gone")
    line.done()()
    found = list(line.watched())
    assert [one.source for one in found] == [f"{number}.png" for number in range(1000)]


@pytest.mark.parametrize("wrong", [{"settle_s": -1.0}, {"idle_s": 0.0}, {"rescan_s": 0.0}, {"drain_s": -1.0}])
def test_waiting_times_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="cannot work"):
        WatchSettings(**wrong)


def test_polling_more_often_than_once_a_second_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="would be a storm"):
        watch_folder(tmp_path, force_polling=True, poll_s=0.3)


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="cannot be watched"):
        next(watch_folder(tmp_path / "gone"))


def test_a_real_folder_is_watched_while_a_camera_writes_to_it(tmp_path: Path) -> None:
    def camera() -> None:
        for number in range(5):
            part = tmp_path / f"{number}.png.part"
            part.write_bytes(encoded(textured(40, 60, seed=number)))
            time.sleep(0.04)
            part.rename(tmp_path / f"{number}.png")
        with open(bytes(tmp_path) + b"/strange\xff.txt", "wb"):  # noqa: PTH123 - bytes as a name
            pass
        (tmp_path / "coil.done").touch()

    writing = threading.Thread(target=camera)

    def changes(root: Path) -> Changes:
        watch = watch_folder(root, step_s=0.05)
        yield next(watch)
        writing.start()
        yield from watch

    folder = WatchedFolder(
        tmp_path,
        FileSettings(),
        WatchSettings(settle_s=0.3, idle_s=10.0),
        changes=changes,
        clock=time.monotonic,
        stop=lambda: False,
    )
    found = list(folder)
    writing.join()
    assert told(found) == [*((f"{number}.png", 40 * number) for number in range(5)), ("strange\\xff.txt", None)]
    assert folder.ended == "coil.done"
    for number, frame in enumerate(found[:5]):
        assert isinstance(frame, Frame)
        assert np.array_equal(frame.pixels, textured(40, 60, seed=number))
