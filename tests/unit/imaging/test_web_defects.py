from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.seeded_noise import BLOCK_LINES
from inspect_pipeline.imaging.web_defects import FAMILIES, Scatter, WebDefect, stamp

SCATTER = Scatter(key=(1, 2), per_block=0.8, strip_px=900)


def test_there_are_more_than_ten_families() -> None:
    assert len(FAMILIES) >= 10


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_every_family_changes_most_of_its_mask_and_little_outside(kind: str, seed: int) -> None:
    look = stamp(WebDefect(kind=kind, line=0, column=0, seed=seed, strength=1.0))
    change = np.abs(look.factor - 1.0)
    assert look.mask.any()
    assert change[look.mask].mean() > 0.1
    assert change[~look.mask].mean() < 0.1 * change[look.mask].mean()
    assert look.factor.min() >= 0.0


@pytest.mark.parametrize("kind", [kind for kind, family in FAMILIES.items() if not family.at_edge])
def test_no_family_ends_in_a_straight_cut_at_the_border_of_its_patch(kind: str) -> None:
    factor = stamp(WebDefect(kind=kind, line=0, column=0, seed=4, strength=1.0)).factor
    border = np.concatenate([factor[0], factor[-1], factor[:, 0], factor[:, -1]])
    assert np.abs(border - 1.0).max() < 0.01


def test_strength_deepens_and_mirroring_turns_over() -> None:
    faint = WebDefect(kind="dark_spot", line=0, column=0, seed=2, strength=0.0)
    clear, turned = (stamp(replace(faint, strength=1.0, mirrored=mirrored)) for mirrored in (False, True))
    assert clear.factor.min() < stamp(faint).factor.min() - 0.3
    assert np.array_equal(clear.factor, turned.factor[:, ::-1])
    assert np.array_equal(clear.mask, turned.mask[:, ::-1])


def test_an_edge_nick_opens_the_edge_itself() -> None:
    look = stamp(WebDefect(kind="edge_nick", line=0, column=0, seed=1))
    assert look.through
    assert look.factor[:, 0].min() < 0.05
    assert look.mask[:, 0].any()
    assert not look.mask[:, -1].any()


def test_defects_are_scattered_at_the_rate_inside_the_strip_and_nicks_lie_at_its_edges() -> None:
    found = [one for index in range(400) for one in SCATTER.block(index)]
    assert len(found) == pytest.approx(320, abs=60)
    assert {one.kind for one in found} == set(FAMILIES)
    assert all(one.column + one.width_px <= 900 for one in found)
    nicks = [one for one in found if one.kind == "edge_nick"]
    assert {(one.column, one.mirrored) for one in nicks if one.column == 0} == {(0, False)}
    assert all(one.mirrored and one.column + one.width_px == 900 for one in nicks if one.column)


def test_a_block_of_defects_is_the_same_whenever_it_is_asked_for_and_lies_in_its_lines() -> None:
    assert SCATTER.block(7) == replace(SCATTER).block(7)
    for index in range(50):
        assert all(index * BLOCK_LINES <= one.line < (index + 1) * BLOCK_LINES for one in SCATTER.block(index))
    assert SCATTER.block(-1) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "rust"}, "no web defect 'rust'"),
        ({"width_px": 20}, "cannot be drawn"),
        ({"height_px": 2000}, "cannot be drawn"),
        ({"strength": 1.2}, "strength 1.2"),
        ({"column": -1}, "column -1"),
    ],
)
def test_a_defect_that_cannot_be_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        WebDefect(**{"kind": "crack", "line": 0, "column": 0, **wrong})  # type: ignore[arg-type]


def test_a_scatter_that_cannot_be_is_refused() -> None:
    for wrong in ({"kinds": ("rust",)}, {"kinds": ()}, {"per_block": -1.0}, {"strength": (0.5, 0.2)}):
        with pytest.raises(BadDataError):
            replace(SCATTER, **wrong)  # type: ignore[arg-type]
