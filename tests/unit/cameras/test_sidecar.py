import json
import os
from pathlib import Path
from typing import Any

import pytest

from inspect_pipeline.cameras.sidecar import FrameFacts, read_coil_sidecar, read_frame_sidecar
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.errors import BadDataError


def put(folder: Path, document: Any) -> Path:
    path = folder / "a.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_sidecar_tells_encoder_and_camera_settings(tmp_path: Path) -> None:
    facts = read_frame_sidecar(
        put(
            tmp_path,
            {
                "encoder": -12,
                "exposure_us": 20,
                "gain_db": -1.5,
                "temperature_c": -3,
                "reverse": True,
                "bits": 12,
            },
        )
    )
    assert facts.encoder == -12
    assert facts.settings == CaptureSettings(exposure_us=20.0, gain_db=-1.5, temperature_c=-3.0, reverse=True, bits=12)


def test_a_sidecar_that_says_nothing_leaves_everything_open(tmp_path: Path) -> None:
    assert read_frame_sidecar(put(tmp_path, {"camera": None})) == FrameFacts()
    assert FrameFacts().settings == CaptureSettings()


def test_coil_json_names_cameras_and_whether_sidecars_come(tmp_path: Path) -> None:
    coil = read_coil_sidecar(put(tmp_path, {"cameras": ["left", "right"], "sidecars": True, "exposure_us": 9.0}))
    assert (coil.cameras, coil.sidecars, coil.defaults.exposure_us) == (("left", "right"), True, 9.0)
    plain = read_coil_sidecar(put(tmp_path, {}))
    assert (plain.cameras, plain.sidecars) == ((), False)


def test_a_frame_goes_before_the_defaults_and_where_it_begins_has_none() -> None:
    defaults = FrameFacts(first_line=100, sequence=7, camera="left", gain_db=3.0, reverse=True)
    facts = FrameFacts(gain_db=0.0, reverse=False).over(defaults)
    assert facts == FrameFacts(camera="left", gain_db=0.0, reverse=False)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"encoder": 1.5}, "'encoder' is 1.5; give a whole number of counts"),
        ({"encoder": 2**53}, "'encoder' is 9007199254740992"),
        ({"exposure_us": 0}, "give microseconds above 0"),
        ({"gain_db": "3"}, "'gain_db' is '3'; give a number"),
        ('{"gain_db": 1e999}', "'gain_db' is inf; give a number"),
        ('{"temperature_c": -Infinity}', "-Infinity is no number that JSON knows"),
        ({"reverse": 1}, "'reverse' is 1; give true or false"),
        ({"bits": 17}, "'bits' is 17; give significant bits"),
        ({"channels": 2}, "give 1 (grey) or 3 (RGB)"),
        ({"channels": True}, "give 1 (grey) or 3 (RGB)"),
        ({"endian": "middle"}, "give little or big"),
        ({"width": 0}, "'width' is 0; give a whole number of pixels"),
        ({"camera": "a\nb"}, "that can be printed"),
        ({"camera": "gpj.\u202etxt"}, "that can be printed"),
        ({"captured_at": "0001-01-01T00:00:00+14:00"}, "a time with its zone"),
        ({"expected_lines": 5}, "'expected_lines' is unknown"),
    ],
)
def test_a_wrong_fact_is_refused_with_its_line(tmp_path: Path, document: Any, part: str) -> None:
    with pytest.raises(BadDataError) as refusal:
        read_frame_sidecar(put(tmp_path, document))
    assert part in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"cameras": []}, "give a list of different names"),
        ({"cameras": "left"}, "give a list of different names"),
        ({"cameras": ["left", "left"]}, "give a list of different names"),
        ({"cameras": ["left", 3]}, "give a name"),
        ({"sidecars": "yes"}, "give true or false"),
        ({"valid_lines": 3}, "'valid_lines' belongs to one frame"),
        ({"encoder": 3}, "'encoder' belongs to one frame"),
        ({"frames": {"a.png": {"encoder": "x"}}}, "'encoder' is 'x'"),
        ({"frames": [1]}, "no object of file names"),
    ],
)
def test_a_wrong_coil_json_is_refused_with_its_line(tmp_path: Path, document: Any, part: str) -> None:
    with pytest.raises(BadDataError) as refusal:
        read_coil_sidecar(put(tmp_path, document))
    assert str(refusal.value).startswith("a.json:1: ")
    assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[" * 30_000, "no valid sidecar (maximum recursion depth"),
        ('{"first_line": ' + "9" * 5000 + "}", "no valid sidecar (Exceeds the limit"),
        ('{"camera": "' + "x" * 60_000 + '"}', "...; give a name"),
        ('{"' + "k" * 60_000 + '": 1}', "... is unknown"),
        ('{"a\\nb": 1}', "'a\\nb' is unknown"),
        ("{" + ",".join(f'"k{i % 5000}": 1' for i in range(5001)) + "}", "key 'k0' stands there twice"),
        (" " * (1 << 16) + "{}", "larger than 65536 bytes"),
    ],
)
def test_a_bomb_ends_as_one_short_line(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(BadDataError) as refusal:
        read_frame_sidecar(put(tmp_path, text))
    assert part in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


def test_a_sidecar_that_is_a_pipe_a_folder_or_a_link_out_is_not_waited_for_nor_followed(tmp_path: Path) -> None:
    folder = tmp_path / "coil"
    folder.mkdir()
    (tmp_path / "secret.json").write_text("{}")
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    (folder / "out.json").symlink_to("../secret.json")
    for name, part in (("pipe", "no regular file"), ("folder", "a folder"), ("out", "leads outside"), ("gone", "read")):
        with pytest.raises(BadDataError, match=f"{name}.json: .*{part}"):
            read_frame_sidecar(folder / f"{name}.json")


def test_text_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"camera": "\xff"}')
    with pytest.raises(BadDataError, match="not UTF-8 text"):
        read_frame_sidecar(tmp_path / "a.json")
