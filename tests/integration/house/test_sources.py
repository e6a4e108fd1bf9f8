"""Every kind of source by its URI in the real house: taken in, booked, corrected, replayed, watched, rewound."""

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.samples import take_in
from inspect_pipeline.bootstrap.source_uris import parsed_uri
from inspect_pipeline.cameras.camera_setup import CameraSetup
from inspect_pipeline.domain.geometry import CameraMount
from inspect_pipeline.domain.ledger import Cover
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.errors import BadDataError, ConfigError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.settings import CamerasSettings, Recipe, RecipeSettings, Settings

WEB = "width_px=512&lines_per_frame=256&frames=6&seed=5"
DARK, BRIGHT = f"synthetic:?{WEB}&reference=dark", f"synthetic:?{WEB}&reference=bright"


def opened(workspace: Path, *, recipe: Recipe | None = None, cameras: CamerasSettings | None = None) -> House:
    settings = Settings(
        workspace=workspace,
        recipes=RecipeSettings(recipes={"default": recipe or Recipe()}),
        cameras=cameras or CamerasSettings(),
    )
    return open_house(settings)


def frames(house: House, coil: str) -> list[CapturedFrame]:
    with house.catalog.transaction() as unit:
        return unit.frames(coil)


def stored(house: House, frame: CapturedFrame) -> np.ndarray:
    return decode(house.images.get(frame.image or ""), name=frame.source).astype(np.float64)


def test_lost_torn_and_dropped_lines_of_a_camera_are_all_in_the_ledger(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        source = f"synthetic:?{WEB}&lost=0.2&torn=0.3&dropped_lines=0.01".replace("frames=6", "frames=24")
        summary = house.ingest(source, coil="c")
        book = house.coil_book("c")
    # The lines that the camera dropped are lines of the strip all the same: the encoder counted them.
    assert summary.expected_lines > 24 * 256
    assert book.ledger.lines(Cover.CAPTURED, Cover.UNUSABLE, Cover.MISSING) == summary.expected_lines
    reasons = {one.reason for one in book.ledger.of(Cover.MISSING)}
    assert "no frame holds these lines" in reasons
    assert any(reason and reason.startswith("torn: only ") for reason in reasons)


def test_stripes_of_the_sensor_go_with_the_flat_field_and_the_version_is_on_the_row(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        source = f"synthetic:?{WEB}&texture=film&defects_per_m2=0".replace("frames=6", "frames=12")
        house.ingest(source, coil="raw")
        version = house.build_flat_field("camera-0", dark=DARK, bright=BRIGHT, operator="test")
        house.ingest(source, coil="flat")
        raw, flat = frames(house, "raw"), frames(house, "flat")
        columns = [
            np.median(np.stack([stored(house, one).mean(axis=0) for one in coil]), axis=0) for coil in (raw, flat)
        ]
    stripes = [float(np.abs(np.diff(one[100:-100])).mean() / one[100:-100].mean()) for one in columns]
    assert stripes[1] < stripes[0] / 3
    assert all(one.measures is not None and one.measures.flat_field == version.id for one in flat)
    assert all(one.measures is not None and one.measures.flat_field is None for one in raw)


def test_references_are_raw_and_end(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        house.ingest(DARK, coil="dark")
        with pytest.raises(BadDataError, match="were corrected before"):
            house.build_flat_field("camera-0", dark="replay:dark", bright=BRIGHT, operator="test")
        with pytest.raises(BadDataError, match=r"never end; add \?frames=N"):
            house.build_flat_field("camera-0", dark=DARK, bright="aravis:", operator="test")


def test_frames_of_another_exposure_than_their_flat_field_are_unusable_and_say_so(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(40, 200, (64, 512), dtype=np.uint8)
    cv2.imwrite(str(folder / "a.png"), pixels)
    facts = {"camera": "camera-0", "exposure_us": 80.0, "captured_at": "2026-01-05T06:00:00+00:00"}
    (folder / "a.json").write_text(json.dumps(facts), encoding="utf-8")
    with opened(tmp_path / "w") as house:
        house.build_flat_field("camera-0", dark=DARK, bright=BRIGHT, operator="test")
        summary = house.ingest(str(folder))
    [(_, reason)] = summary.unusable
    assert "exposure 40.0 us, the frame's is 80.0 us" in reason


def test_samples_to_teach_from_are_finished_images_and_ask_for_no_flat_field_and_no_edges(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(40, 200, (64, 96), dtype=np.uint8)
        cv2.imwrite(str(samples / f"{number}.png"), pixels)
    with opened(tmp_path / "w", recipe=Recipe(edges=EdgeSettings(enabled=True), trim_mm=5.0)) as house:
        house.build_flat_field("camera-0", dark=DARK, bright=BRIGHT, operator="test")
        summary = take_in(
            house, "scratch", samples=samples, labels=None, normals=None, line="l", recipe="default", operator="me"
        )
    assert (summary.captured, summary.unusable, summary.labels) == (3, (), 3)


def test_two_cameras_see_one_strip_in_joint_millimetres(tmp_path: Path) -> None:
    step_mm = (512 - 64) * 0.1
    cameras = CamerasSettings(cameras={"camera-1": CameraSetup(mount=CameraMount(offset_mm=step_mm))})
    recipe = Recipe(edges=EdgeSettings(enabled=True))
    with opened(tmp_path, recipe=recipe, cameras=cameras) as house:
        summary = house.ingest(f"synthetic:?{WEB}&cameras=2&overlap_px=64&wander_px=0", coil="c")
        rows, book = frames(house, "c"), house.coil_book("c")
    assert (summary.captured, book.ledger.cameras) == (12, ("camera-0", "camera-1"))
    left, right = (next(one for one in rows if one.camera == name) for name in ("camera-0", "camera-1"))
    assert left.measures is not None
    assert right.measures is not None
    assert left.measures.edges is not None
    assert right.measures.edges is not None
    assert (left.measures.edges.right_px, right.measures.edges.left_px) == (None, None)
    width_px = 2 * 512 - 64
    margin_mm = left.across_mm(left.measures.edges.left_px or 0.0)
    assert margin_mm == pytest.approx(width_px * 0.1 / 32, abs=0.15)
    assert right.across_mm(right.measures.edges.right_px or 0.0) == pytest.approx(width_px * 0.1 - margin_mm, abs=0.3)


def test_a_coil_is_replayed_as_it_was_stored_and_not_corrected_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        house.build_flat_field("camera-0", dark=DARK, bright=BRIGHT, operator="test")
        house.ingest(f"synthetic:?{WEB}&torn=0.4", coil="c")
        house.ingest("replay:c")
        once, again = frames(house, "c"), frames(house, "c replayed")
    assert [one.image for one in again] == [one.image for one in once]
    assert [(one.first_line, one.line_count, one.torn_lines) for one in again] == [
        (one.first_line, one.line_count, one.torn_lines) for one in once
    ]


def test_a_rewound_coil_has_its_places_from_the_head(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        house.ingest(f"synthetic:?{WEB}", coil="forward")
        length_m = 6 * 256 * 0.1 / 1000
        house.ingest(f"synthetic:?{WEB}", coil="back", rewound=True, offset_m=length_m)
        forward, back = frames(house, "forward"), frames(house, "back")
        with pytest.raises(BadDataError, match="id of its own"):
            house.ingest(f"synthetic:?{WEB}", coil="back")
    assert back[0].start_m == pytest.approx(length_m)
    assert back[-1].head_m == pytest.approx(0.0)
    assert [one.head_m for one in reversed(back)] == pytest.approx([one.head_m for one in forward])


def test_a_watched_folder_gives_what_is_written_until_the_coil_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(40, 200, (64, 96), dtype=np.uint8)

    def camera_pc() -> None:
        for number in range(5):
            cv2.imwrite(str(folder / f"{number}.tmp.png"), pixels + number)
            (folder / f"{number}.tmp.png").rename(folder / f"{number}.png")
        (folder / "coil.done").touch()

    writer = threading.Thread(target=camera_pc)
    with opened(tmp_path / "w") as house:
        writer.start()
        summary = house.ingest(f"watch:{folder}?settle_s=0.1&idle_s=20")
        writer.join()
    assert (summary.coil, summary.captured, summary.unusable, summary.missing) == ("incoming", 5, (), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("usb:1", "not supported"),
        ("synthetic:?frame=3", "unknown option 'frame'"),
        ("synthetic:?seed=1&seed=2", "given twice"),
        ("watch:", "names no target"),
        ("replay:c?lines_per_s=fast", "is no number"),
        ("aravis:?frames=-1", "no whole number"),
    ],
)
def test_a_source_that_cannot_be_is_refused_by_what_is_wrong_with_it(tmp_path: Path, text: str, message: str) -> None:
    with opened(tmp_path) as house:
        house.ingest(f"synthetic:?{WEB}&frames=1".replace("frames=6&", ""), coil="c")
        with pytest.raises(BadDataError, match=message):
            house.ingest(text, coil="d")


def test_cameras_and_recordings_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        with pytest.raises(ConfigError, match=r"camera 'left' has no source in cameras\.yaml"):
            house.ingest("camera:left", coil="c")
        with pytest.raises(NotFoundError, match="cannot be replayed"):
            house.ingest("replay:c")
        with pytest.raises(BadDataError, match="name it with --coil"):
            house.ingest(f"synthetic:?{WEB}")


@pytest.mark.parametrize("text", ["some/folder", "C:/frames", "folder:a?b", "./x:y/z"])
def test_a_path_stays_a_path(text: str) -> None:
    uri = parsed_uri(text)
    assert (uri.kind, uri.target) == ("folder", text.removeprefix("folder:"))
