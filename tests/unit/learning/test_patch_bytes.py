"""Dataclasses of tensors as bytes: bit for bit the same when they come back, and nothing else is taken for them."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.examples import GoodUnit, Patches, Support
from inspect_pipeline.learning.patch_bytes import form_of, packed, unpacked

from .patch_material import good_unit, sample


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inner:
    values: Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outer:
    scales: tuple[Inner, ...]
    other: Inner | None
    colour: Colour
    number: float
    text: str
    flag: bool


def test_patches_come_back_bit_for_bit() -> None:
    generator = np.random.default_rng(0)
    patches = Patches(good=(good_unit(generator, frame=3),), supports=(sample(generator, 1, name="Kratzer ü"),))
    again = unpacked(Patches, packed(patches))
    assert torch.equal(again.good[0].patches, patches.good[0].patches)
    assert (again.good[0].frame, again.good[0].whole) == (3, True)
    (one,), (before,) = again.supports, patches.supports
    assert torch.equal(one.patches, before.patches)
    assert torch.equal(one.inside, before.inside)
    assert one.inside.dtype == torch.bool
    assert (one.defect_type, one.source, one.label) == ("Kratzer ü", RegionSource.GUESSED, before.label)
    assert packed(again) == packed(patches)


@given(
    st.lists(st.sampled_from(["float32", "float16", "float64", "int64", "bool"]), max_size=3),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.booleans(),
)
@settings(max_examples=30)
def test_nested_fields_of_any_number_and_type_come_back(kinds: list[str], shape: list[int], given_other: bool) -> None:
    inner = [Inner(values=torch.arange(int(np.prod(shape))).reshape(shape).to(getattr(torch, kind))) for kind in kinds]
    item = Outer(
        scales=tuple(inner),
        other=Inner(values=torch.ones(2)) if given_other else None,
        colour=Colour.RED,
        number=0.1 + 0.2,
        text="a\x1fü",
        flag=given_other,
    )
    again = unpacked(Outer, packed(item))
    assert (again.colour, again.number, again.text, again.flag) == (Colour.RED, 0.1 + 0.2, "a\x1fü", given_other)
    assert (again.other is None) == (not given_other)
    for before, after in zip(item.scales, again.scales, strict=True):
        assert after.values.dtype == before.values.dtype
        assert torch.equal(after.values, before.values)


@pytest.mark.parametrize("content", [b"", b"\x00" * 8, b"tensors", save({"a": torch.ones(1)})])
def test_bytes_of_something_else_are_refused(content: bytes) -> None:
    with pytest.raises(BadDataError, match="hold no Patches"):
        unpacked(Patches, content)


def test_the_bytes_of_another_dataclass_are_refused() -> None:
    unit = good_unit(np.random.default_rng(0))
    with pytest.raises(BadDataError, match="hold no Support"):
        unpacked(Support, packed(unit))


def test_every_cut_of_the_bytes_is_refused() -> None:
    content = packed(good_unit(np.random.default_rng(0), side=2))
    for length in range(0, len(content), 7):
        with pytest.raises(BadDataError):
            unpacked(GoodUnit, content[:length])


def test_a_field_that_cannot_be_packed_is_named() -> None:
    item = replace(Outer(scales=(), other=None, colour=Colour.RED, number=0.0, text="", flag=True), text=[1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a list at \.text"):
        packed(item)


def test_the_form_tells_every_field_of_every_part() -> None:
    assert form_of(Outer) == (
        "Outer(scales: tuple['Inner(values: Tensor)'], other: Union['Inner(values: Tensor)', 'NoneType'], "
        "colour: Colour, number: float, text: str, flag: bool)"
    ) or "Inner(values: Tensor)" in form_of(Outer)
    assert form_of(Inner) != form_of(Outer)
    assert "patches: Tensor" in form_of(Patches)
