"""What is no longer the material of the teaching is told by name; a defect on it, however loud, is not."""

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.learning.domain_reference import FEWEST_FRAMES, DomainReference, reference_of
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.looks import block_of, look_at
from inspect_pipeline.learning.normality import quiet_of

SIDE_PX = 128
EMPTY = torch.zeros(1, 1, 1)


def pixels(seed: int, *, level: float = 120.0, blur: int = 0) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    plane = generator.normal(level * (1 + 0.02 * generator.normal()), level / 8, (SIDE_PX, SIDE_PX))
    for _ in range(blur):
        plane = (plane + np.roll(plane, 1, 0) + np.roll(plane, 1, 1) + np.roll(plane, (1, 1), (0, 1))) / 4
    return np.clip(plane, 0, 255).astype(np.uint8)


def quiet(seed: int) -> float:
    return float(np.exp(np.random.default_rng(seed).normal(3.0, 0.05)))


def taught(count: int = 24) -> DomainReference | None:
    units = [GoodUnit(patches=EMPTY, frame=seed, whole=True, look=look_at(pixels(seed))) for seed in range(count)]
    return reference_of(units, np.array([quiet(seed) for seed in range(count)]))


@pytest.fixture(scope="module")
def reference() -> DomainReference:
    made = taught()
    assert made is not None
    return made


def change(reference: DomainReference, frame: NDArray[np.uint8], calm: float) -> str | None:
    return reference.change(frame, calm, limit=8.0)


def test_further_good_frames_are_of_the_domain(reference: DomainReference) -> None:
    assert all(change(reference, pixels(seed), quiet(seed)) is None for seed in range(100, 130))


@pytest.mark.parametrize(
    ("frame", "calm", "what"),
    [
        (pixels(200, level=60.0), quiet(200), "brightness"),
        (pixels(201, blur=3), quiet(201), "sharpness|contrast"),
        (pixels(202), 3.0 * quiet(202), "texture"),
    ],
)
def test_what_changed_is_named_with_how_far_it_is(
    reference: DomainReference, frame: NDArray[np.uint8], calm: float, what: str
) -> None:
    said = change(reference, frame, calm)
    assert said is not None
    assert said.startswith("domain changed: ")
    assert any(word in said for word in what.split("|"))
    assert "from the 24 good frames this detector was calibrated on" in said


def test_a_loud_defect_on_a_third_of_the_frame_is_no_other_domain(reference: DomainReference) -> None:
    frame = pixels(300)
    frame[: SIDE_PX // 3] = 255
    assert change(reference, frame, quiet(300)) is None
    anomaly = torch.full((12, 12), 20.0)
    anomaly[:10] += 500.0
    assert float(quiet_of(anomaly)) == pytest.approx(20.0)


def test_fewer_frames_or_none_that_were_seen_give_no_reference() -> None:
    assert taught(FEWEST_FRAMES - 1) is None
    unseen = [GoodUnit(patches=EMPTY, frame=seed, whole=True) for seed in range(24)]
    assert reference_of(unseen, np.ones(24)) is None


def test_it_comes_back_from_a_manifest_as_it_was(reference: DomainReference) -> None:
    assert DomainReference.restored(json.loads(json.dumps(reference.fields()))) == reference


def test_a_look_is_that_of_most_blocks_and_the_same_in_8_and_16_bit() -> None:
    frame = pixels(1)
    deep = look_at(frame.astype(np.uint16) * 257)
    assert look_at(frame).mean == pytest.approx(deep.mean)
    assert look_at(frame).contrast == pytest.approx(deep.contrast, rel=1e-4)
    assert look_at(frame).focus == pytest.approx(deep.focus, rel=1e-4)
    assert block_of(128, 40) == (32, 16)
    assert block_of(10, 200) == (10, 50)
    marked = frame.copy()
    marked[:32] = 0
    assert look_at(marked).mean == pytest.approx(look_at(frame).mean, rel=0.02)
