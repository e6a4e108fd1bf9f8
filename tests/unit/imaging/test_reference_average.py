import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.reference_average import ReferenceAverage


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 2),
    st.sampled_from([(5,), (4, 3)]),
    st.sampled_from([np.uint8, np.uint16]),
)
def test_captures_one_after_the_other_average_like_all_lines_at_once(
    sizes: list[int], line: tuple[int, ...], dtype: type[np.uint8] | type[np.uint16]
) -> None:
    lines = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (sum(sizes), *line)).astype(dtype)
    average = ReferenceAverage()
    for part in np.split(lines, np.cumsum(sizes)[:-1]):
        average.add(part)
    assert average.lines == sum(sizes)
    assert np.allclose(average.mean, lines.mean(axis=0), rtol=1e-12)
    assert np.allclose(average.half(0), lines[::2].mean(axis=0), rtol=1e-12)
    assert np.allclose(average.half(1), lines[1::2].mean(axis=0), rtol=1e-12)


def test_captures_of_other_widths_are_refused_and_so_is_an_empty_average() -> None:
    average = ReferenceAverage()
    with pytest.raises(BadDataError, match="holds no lines"):
        _ = average.mean
    average.add(np.zeros((1, 5), np.uint8))
    with pytest.raises(BadDataError, match="holds no lines"):
        average.half(1)
    with pytest.raises(BadDataError, match=r"shape \(5,\) and \(6,\)"):
        average.add(np.zeros((2, 6), np.uint8))
