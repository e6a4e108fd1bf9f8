import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.line_faults import LineFaults, LineStream

SHARES = st.floats(0.0, 0.6)


@given(dropped=SHARES, repeated=SHARES, lines=st.integers(1, 80), seed=st.integers(0, 1000), cut=st.integers(1, 200))
def test_the_material_that_passes_is_the_lines_and_those_dropped_less_those_repeated(
    dropped: float, repeated: float, lines: int, seed: int, cut: int
) -> None:
    taken = LineFaults(dropped=dropped, repeated=repeated).taken(lines, np.random.default_rng(seed))
    for one in (taken, taken.cut(cut)):
        rows, copies = one.offsets.size, int(one.repeated.sum())
        assert one.consumed == rows + one.dropped - copies
        assert one.dropped == one.consumed - np.unique(one.offsets).size >= 0
        assert copies == int((np.diff(one.offsets) == 0).sum())
        assert rows == 0 or 0 <= one.offsets[0] <= one.offsets[-1] < one.consumed
    assert taken.offsets[-1] + 1 == taken.consumed


def test_without_faults_every_line_arrives_once_and_nothing_is_drawn() -> None:
    generator = np.random.default_rng(1)
    taken = LineFaults().taken(5, generator)
    assert list(taken.offsets) == [0, 1, 2, 3, 4]
    assert generator.uniform() == np.random.default_rng(1).uniform()


def test_a_stream_gives_pieces_of_any_length_and_ends() -> None:
    blocks = [np.full((count, 2), count, np.uint8) for count in (3, 0, 1, 4)]
    stream = LineStream(blocks)
    pieces = [stream.take(count) for count in (2, 5, 5, 1)]
    assert [None if piece is None else list(piece[:, 0]) for piece in pieces] == [[3, 3], [3, 1, 4, 4, 4], [4], None]


@pytest.mark.parametrize("wrong", [{"dropped": 1.0}, {"repeated": -0.1}, {"dropped": float("nan")}])
def test_probabilities_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="0 or more and less than 1"):
        LineFaults(**wrong)
