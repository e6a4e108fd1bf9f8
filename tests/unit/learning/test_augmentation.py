"""Augmentations do to the pixels what their name says, differently for every image, and the same for the same draw."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from inspect_pipeline.learning.augmentation import (
    beta_share,
    brightened,
    contrasted,
    cropped,
    cut_mixed,
    cut_out,
    flipped,
    mixed_up,
    noisy,
    quarter_turned,
)


def images(*leading: int, side: int = 8, channels: int = 3, seed: int = 0) -> Tensor:
    shape = (*leading, channels, side, side)
    return torch.rand(shape, generator=Generator().manual_seed(seed))


def drawn(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


CHANGES: list[Callable[[Tensor, Generator], Tensor]] = [
    flipped,
    quarter_turned,
    lambda x, g: cropped(x, g, least=0.5),
    lambda x, g: brightened(x, g, most=0.2),
    lambda x, g: contrasted(x, g, most=0.3),
    lambda x, g: noisy(x, g, full_well=1000.0, read_noise=5.0),
    lambda x, g: cut_out(x, g, side=0.5),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_keeps_form_and_range_and_depends_on_its_draw_alone(
    change: Callable[[Tensor, Generator], Tensor],
) -> None:
    whole = images(2, 5)
    before = whole.clone()
    first, again, other = change(whole, drawn()), change(whole, drawn()), change(whole, drawn(2))
    assert (first.shape, first.dtype) == (whole.shape, whole.dtype)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(whole, before)
    assert 0.0 <= float(first.min()) <= float(first.max()) <= 1.0
    same = change(images(1, 1).expand(1, 12, -1, -1, -1), drawn())
    assert len({one.numpy().tobytes() for one in same[0]}) > 1  # every image has its own draw


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 6))
def test_flips_and_turns_only_move_pixels(seed: int, count: int) -> None:
    whole = images(count, seed=seed)
    for change in (flipped, quarter_turned):
        moved = change(whole, drawn(seed))
        assert torch.equal(moved.flatten(1).sort().values, whole.flatten(1).sort().values)
    for before, after in zip(whole, flipped(whole, drawn(seed)), strict=True):
        assert any(torch.equal(after, before.flip(axes)) for axes in ((), (1,), (2,), (1, 2)))
    for before, after in zip(whole, quarter_turned(whole, drawn(seed)), strict=True):
        assert any(torch.equal(after, torch.rot90(before, turns, (1, 2))) for turns in range(4))


def test_all_flips_and_turns_come_up_equally_often() -> None:
    one = images(1).expand(800, -1, -1, -1)
    for change in (flipped, quarter_turned):
        kinds = torch.unique(change(one, drawn()).flatten(1), dim=0, return_counts=True)[1].tolist()
        assert len(kinds) == 4
        assert min(kinds) > 150
    wide = images(1)[..., :4].expand(100, -1, -1, -1)
    assert len(torch.unique(quarter_turned(wide, drawn()).flatten(1), dim=0)) == 2


def test_a_crop_shows_a_part_of_the_image_at_its_size() -> None:
    ramp = torch.linspace(0.0, 1.0, 64).expand(1, 64, 64)
    ramps = ramp.expand(200, 1, 64, 64)
    crops = cropped(ramps, drawn(), least=0.25)
    width = crops[..., 0, -1] - crops[..., 0, 0]
    assert 0.45 < float(width.min()) < 0.6
    assert 0.9 < float(width.max()) <= 1.0
    assert float(crops[..., 0, 0].min()) < 0.05
    assert float(crops[..., 0, -1].max()) > 0.95
    torch.testing.assert_close(cropped(ramps[:2], drawn(), least=1.0), ramps[:2], atol=1e-5, rtol=0.0)


def test_brightness_moves_the_mean_and_contrast_the_spread() -> None:
    middle = 0.5 + 0.1 * (images(200, side=16) - 0.5)
    moved = brightened(middle, drawn(), most=0.2) - middle
    torch.testing.assert_close(moved, moved[..., :1, :1, :1].expand_as(moved))
    assert -0.2 <= float(moved.min()) < -0.15 < 0.15 < float(moved.max()) <= 0.2
    stretched = contrasted(middle, drawn(), most=0.5)
    torch.testing.assert_close(stretched.mean(dim=(1, 2, 3)), middle.mean(dim=(1, 2, 3)))
    factor = stretched.std(dim=(1, 2, 3)) / middle.std(dim=(1, 2, 3))
    assert 0.5 <= float(factor.min()) < 0.6
    assert 1.4 < float(factor.max()) <= 1.5001


def test_sensor_noise_has_the_variance_of_electrons() -> None:
    for level in (0.1, 0.5):
        flat = torch.full((1, 1, 400, 400), level)
        noise = noisy(flat, drawn(), full_well=5000.0, read_noise=20.0) - flat
        wanted = (level * 5000.0 + 20.0**2) / 5000.0**2
        assert float(noise.var()) == pytest.approx(wanted, rel=0.03)
        assert abs(float(noise.mean())) < 1e-3
    grey = images(1, 2, channels=1).expand(-1, -1, 3, -1, -1)
    seen = noisy(grey, drawn(), full_well=100.0, read_noise=0.0)
    assert torch.equal(seen[:, :, 0], seen[:, :, 2])
    colour = noisy(images(1, 2), drawn(), full_well=100.0, read_noise=0.0) - images(1, 2)
    assert not torch.equal(colour[:, :, 0], colour[:, :, 2])


def test_cutout_blanks_one_square_wholly_inside() -> None:
    whole = images(3000, side=16)
    blank = (cut_out(whole, drawn(), side=0.25) != whole).any(dim=1)
    assert blank.flatten(1).sum(dim=1).tolist() == [16] * 3000
    rows = blank.any(dim=2).sum(dim=1)
    assert rows.tolist() == [4] * 3000
    assert bool(blank.any(dim=0).all())  # any place comes up


def test_mixup_weighs_a_sample_and_its_partner() -> None:
    samples = torch.arange(12.0).reshape(2, 3, 2)
    mixed = mixed_up(samples, torch.tensor([1, 2, 0]), torch.tensor([0.25, 1.0]))
    torch.testing.assert_close(mixed[0], 0.25 * samples[0] + 0.75 * samples[0][[1, 2, 0]])
    assert torch.equal(mixed[1], samples[1])


def test_cutmix_tells_the_share_of_pixels_that_stayed() -> None:
    dark, light = torch.zeros(1, 3, 10, 10), torch.ones(1, 3, 10, 10)
    pair = torch.stack([torch.cat([dark, light])] * 2)
    mixed, kept = cut_mixed(pair, torch.tensor([1, 0]), torch.tensor([0.75, 0.0]), drawn())
    assert mixed[0].mean(dim=(1, 2, 3)).tolist() == pytest.approx([0.25, 0.75])
    torch.testing.assert_close(kept, torch.tensor([[0.75, 0.75], [0.0, 0.0]]))
    assert torch.equal(mixed[1], pair[1].flip(0))


def test_shares_are_those_of_a_beta_distribution() -> None:
    generator = drawn()
    flat = [beta_share(1.0, generator) for _ in range(400)]
    edged = [beta_share(0.1, generator) for _ in range(400)]
    assert sum(0.25 < share < 0.75 for share in flat) / 400 == pytest.approx(0.5, abs=0.08)
    assert sum(0.25 < share < 0.75 for share in edged) / 400 < 0.2
