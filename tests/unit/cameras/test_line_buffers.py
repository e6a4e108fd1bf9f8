"""Lines of a buffer that did not arrive are known, so none of an earlier frame can ever show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.cameras.line_buffers import Poison, runs
from tests.unit.cameras.lossy_line import deliver, unlike

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 70), st.integers(16, 90))
LOST = st.sets(st.integers(0, 60))


@given(SHAPES, LOST, st.integers(0, 9))
def test_exactly_the_lines_that_no_lost_packet_touches_are_there(
    shape: tuple[int, int, int], lost: set[int], seed: int
) -> None:
    lines, width, packet_bytes = shape
    poison = Poison(lines * width + 5, seed=seed)
    memory = np.empty(lines * width + 5, np.uint8)
    poison.fill(memory)
    frame = unlike(memory, lines=lines, width=width, seed=seed)
    whole = deliver(memory, frame, packet_bytes=packet_bytes, lost=lost)
    shown, arrived = poison.take(memory, height=lines, line_bytes=width, complete=bool(whole.all()))
    assert arrived.tolist() == whole.tolist()
    assert (shown[arrived] == frame[arrived]).all()


@given(SHAPES, st.lists(LOST, min_size=2, max_size=4), st.integers(0, 9))
def test_a_buffer_used_again_never_shows_a_line_of_an_earlier_frame(
    shape: tuple[int, int, int], losses: list[set[int]], seed: int
) -> None:
    lines, width, packet_bytes = shape
    poison = Poison(lines * width, seed=seed)
    memory = np.empty(lines * width, np.uint8)
    poison.fill(memory)
    random = np.random.default_rng(seed)
    for lost in losses:
        frame = random.integers(0, 256, (lines, width), np.uint8)
        whole = deliver(memory, frame, packet_bytes=packet_bytes, lost=lost)
        shown, arrived = poison.take(memory, height=lines, line_bytes=width, complete=bool(whole.all()))
        assert not (arrived & ~whole).any()
        assert (shown[arrived] == frame[arrived]).all()


@given(SHAPES, st.sets(st.integers(0, 8), min_size=1))
def test_a_driver_that_calls_a_torn_buffer_complete_is_not_believed(
    shape: tuple[int, int, int], lost: set[int]
) -> None:
    lines, width, packet_bytes = shape
    size = lines * width
    poison, memory = Poison(size), np.empty(size, np.uint8)
    poison.fill(memory)
    whole = deliver(memory, unlike(memory, lines=lines, width=width, seed=1), packet_bytes=packet_bytes, lost=lost)
    lost_tail = size % packet_bytes if size // packet_bytes in lost else packet_bytes
    _, arrived = poison.take(memory, height=lines, line_bytes=width, complete=True)
    if lost_tail >= 16:
        assert arrived.tolist() == whole.tolist()


def test_a_short_last_packet_that_is_lost_costs_the_last_line() -> None:
    poison, memory = Poison(40), np.empty(40, np.uint8)
    poison.fill(memory)
    deliver(memory, unlike(memory, lines=2, width=20, seed=0), packet_bytes=39, lost={1})
    _, arrived = poison.take(memory, height=2, line_bytes=20, complete=False)
    assert arrived.tolist() == [True, False]


def test_padding_that_never_arrives_costs_no_line() -> None:
    poison, memory = Poison(3 * 32), np.empty(3 * 32, np.uint8)
    poison.fill(memory)
    frame = unlike(memory, lines=3, width=32, seed=2)
    memory.reshape(3, 32)[:, :20] = frame[:, :20]
    lines, arrived = poison.take(memory, height=3, line_bytes=20, padding=12, complete=False)
    assert lines.shape == (3, 32)
    assert arrived.all()


def test_what_was_taken_is_a_copy_and_the_buffer_is_poisoned_again() -> None:
    poison, memory, bare = Poison(32), np.zeros(32, np.uint8), np.empty(32, np.uint8)
    poison.fill(bare)
    lines, _ = poison.take(memory, height=4, line_bytes=8, complete=True)
    assert memory.tolist() == bare.tolist()
    assert not lines.any()


def test_the_poison_of_a_seed_is_always_the_same_and_another_seed_has_another() -> None:
    one, same, other = (np.empty(64, np.uint8) for _ in range(3))
    for seed, memory in ((1, one), (1, same), (2, other)):
        Poison(64, seed=seed).fill(memory)
    assert one.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("there", "found"),
    [([], []), ([0, 0], []), ([1, 1], [(0, 2)]), ([0, 1, 1, 0, 1], [(1, 3), (4, 5)]), ([1, 0, 1], [(0, 1), (2, 3)])],
)
def test_runs_are_half_open_and_in_order(there: list[int], found: list[tuple[int, int]]) -> None:
    assert runs(np.array(there, np.bool_)) == found
