import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.flat_field_bytes import flat_from_bytes, flat_to_bytes
from inspect_pipeline.imaging.flatfield import FlatField, correct


def flat_field(*channels: int) -> FlatField:
    generator = np.random.default_rng(0)
    return FlatField(
        dark=generator.uniform(0, 9, (40, *channels)).astype(np.float32),
        gain=generator.uniform(0.7, 1.3, (40, *channels)).astype(np.float32),
        dead_columns=(3, 4),
        hot_columns=(39,),
        full_scale=4095,
        target=3275.123456789,
    )


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_flat_field_comes_back_as_it_was(channels: tuple[int, ...]) -> None:
    saved = flat_field(*channels)
    loaded = flat_from_bytes(flat_to_bytes(saved))
    assert np.array_equal(loaded.dark, saved.dark)
    assert np.array_equal(loaded.gain, saved.gain)
    assert (loaded.dead_columns, loaded.hot_columns) == ((3, 4), (39,))
    assert (loaded.full_scale, loaded.target) == (4095, 3275.123456789)
    raw = np.random.default_rng(1).integers(0, 4096, (8, 40, *channels)).astype(np.uint16)
    assert np.array_equal(correct(raw, loaded), correct(raw, saved))


def test_what_is_left_out_stays_left_out() -> None:
    loaded = flat_from_bytes(flat_to_bytes(FlatField(dark=np.zeros(4, np.float32), gain=np.ones(4, np.float32))))
    assert (loaded.full_scale, loaded.target, loaded.dead_columns, loaded.hot_columns) == (None, None, (), ())


def test_the_same_flat_field_has_the_same_bytes_and_its_arrays_cannot_be_changed() -> None:
    content = flat_to_bytes(flat_field())
    assert flat_to_bytes(flat_from_bytes(content)) == content
    assert not flat_from_bytes(content).gain.flags.writeable


def arrays() -> dict[str, NDArray[np.generic]]:
    return load(flat_to_bytes(flat_field()))


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("gain", np.ones(39, np.float32), "fit no line"),
        ("gain", np.ones((40, 2), np.float32), "fit no line"),
        ("gain", np.ones((40, 3, 1), np.float32), "gain is float32 of shape"),
        ("gain", np.ones(40, np.float64), "gain is float64"),
        ("gain", np.full(40, np.inf, np.float32), "no number"),
        ("dark", np.ones(40, np.float16), "dark is float16"),
        ("dead_columns", np.array([40], np.int32), "do not fit 40 columns"),
        ("dead_columns", np.array([-1], np.int32), "do not fit 40 columns"),
        ("hot_columns", np.array([1.0], np.float32), "hot_columns is float32"),
        ("full_scale", np.array([1, 2], np.int32), "full_scale is int32 of shape"),
        ("full_scale", np.array([0], np.int32), "no grey level"),
        ("target", np.array([np.nan]), "no grey level"),
        ("more", np.zeros(1, np.float32), "holds"),
    ],
)
def test_bytes_that_hold_another_thing_are_refused(name: str, array: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(BadDataError, match=reason):
        flat_from_bytes(save({**arrays(), name: array}))


def test_bytes_with_a_name_missing_and_bytes_that_are_none_are_refused() -> None:
    with pytest.raises(BadDataError, match="holds"):
        flat_from_bytes(save({name: array for name, array in arrays().items() if name != "dark"}))
    content = flat_to_bytes(flat_field())
    for broken in (b"", b"\0" * 64, content[:-1], content[:40], content + b"x"):
        with pytest.raises(BadDataError, match="no safetensors"):
            flat_from_bytes(broken)
    with pytest.raises(BadDataError, match="no safetensors"):
        flat_from_bytes(content.replace(b'"F64"', b'"E64"'))
    with pytest.raises(BadDataError, match=r"no safetensors|float"):
        flat_from_bytes(content.replace(b'"dtype":"F32"', b'"dtype":"I32"'))
