import pytest

from inspect_pipeline.cameras.synthetic import over_one_web
from inspect_pipeline.cameras.synthetic_options import OPTIONS, settings_from
from inspect_pipeline.errors import BadDataError


def test_options_set_the_cameras_and_the_web() -> None:
    (one,) = settings_from({"frames": "7", "seed": "5", "bit_depth": "12", "texture": "paper", "roll_mm": "300"})
    assert (one.frames, one.seed, one.line.bit_depth, one.material.texture) == (7, 5, 12, "paper")
    assert (one.name, one.line.width_px, one.line.lines_per_frame) == ("camera-0", 2048, 512)
    assert [mark.circumference_lines for mark in one.material.roll_marks] == [pytest.approx(3000)]
    assert settings_from({})[0].material.roll_marks == ()


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.read is not str])
def test_every_number_changes_the_settings_and_must_be_one(name: str) -> None:
    base = {"cameras": "2"}
    values = {"width_px": "1024", "bit_depth": "12", "cameras": "3", "roll_mm": "500"}
    assert settings_from({**base, name: values.get(name, "0.5" if OPTIONS[name].read is float else "64")}) != (
        settings_from(base)
    )
    with pytest.raises(BadDataError, match=f"{name}=x is no number"):
        settings_from({name: "x"})


def test_cameras_stand_side_by_side_and_overlap() -> None:
    left, right = settings_from({"cameras": "2", "width_px": "160", "overlap_px": "40"})
    assert (left.name, right.name) == ("camera-0", "camera-1")
    assert (left.view_left_px, right.view_left_px, left.material.width_px) == (0, 120, 280)
    assert left.material == right.material


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"colour": "red"}, "no option colour"),
        ({"cameras": "0"}, "0 synthetic cameras"),
        ({"cameras": "2", "overlap_px": "2048"}, "cannot stand side by side"),
        ({"cameras": "2", "overlap_px": "-1"}, "cannot stand side by side"),
        ({"texture": "gold"}, "no texture 'gold'"),
        ({"mm_along": "0"}, "sizes above 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        over_one_web(settings_from(options))
