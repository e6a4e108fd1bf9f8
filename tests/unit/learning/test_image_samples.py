"""Crops become images of one size: the light of 16 bit is that of 8, grey is grey in all channels."""

import numpy as np
import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.image_samples import resized


def test_a_crop_keeps_its_light_at_another_size_and_depth() -> None:
    ramp = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (60, 1))
    small, deep = resized(ramp, 20), resized(ramp.astype(np.uint16) * np.uint16(257), 20)
    assert (small.shape, small.dtype) == ((20, 20, 3), np.uint8)
    np.testing.assert_array_equal(small, deep)
    assert abs(float(small.mean()) - float(ramp.mean())) < 1.0
    assert (np.diff(small[10, :, 0].astype(int)) > 0).all()


def test_colours_stay_in_their_channels() -> None:
    red = np.zeros((30, 40, 3), dtype=np.uint8)
    red[..., 0] = 200
    assert resized(red, 16)[8, 8].tolist() == [200, 0, 0]
    assert resized(red[..., 0], 16)[8, 8].tolist() == [200, 200, 200]


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(BadDataError, match="give u8 or u16"):
        resized(np.zeros((4, 4), dtype=np.float32), 16)  # type: ignore[arg-type]
