"""A model as bytes: comes back as it was, and anything altered is refused before it is opened."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.bundle import Bundle, ModelKind, bundle_from_bytes, detector_name, initialization_name
from inspect_pipeline.errors import BadDataError

HEADER = b'{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
TENSORS = len(HEADER).to_bytes(8, "little") + HEADER + b"\x01\x02"

plain_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


def a_bundle(*, tensors: bytes = TENSORS, **manifest: Any) -> Bundle:
    return Bundle(kind=ModelKind.DETECTOR, manifest=manifest or {"method": "protonet"}, tensors=tensors)


def altered(bundle: Bundle, **changes: Any) -> bytes:
    """Return the bundle's manifest document with top-level keys changed, or dropped where the value is ``...``."""
    document = {**json.loads(bundle.manifest_bytes()), **changes}
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()


@given(manifest=st.dictionaries(st.text(), plain_json, max_size=5))
def test_a_bundle_comes_back_as_it_was(manifest: dict[str, Any]) -> None:
    bundle = Bundle(kind=ModelKind.INITIALIZATION, manifest=manifest, tensors=TENSORS)
    again = bundle_from_bytes(bundle.manifest_bytes(), bundle.tensors)
    assert again == bundle
    assert again.sha256 == bundle.sha256


def test_the_address_changes_with_the_manifest_the_tensors_and_the_kind() -> None:
    bundle = a_bundle(method="protonet")
    others = [
        a_bundle(method="ridge"),
        a_bundle(method="protonet", tensors=TENSORS[:-1] + b"\x03"),
        Bundle(kind=ModelKind.INITIALIZATION, manifest=bundle.manifest, tensors=TENSORS),
    ]
    assert len({bundle.sha256, *(other.sha256 for other in others)}) == 4


def test_the_order_of_keys_is_no_part_of_the_address() -> None:
    assert a_bundle(a=1, b=2).sha256 == a_bundle(b=2, a=1).sha256


def test_altered_tensors_are_refused_by_their_hash() -> None:
    bundle = a_bundle()
    with pytest.raises(BadDataError, match="its manifest says"):
        bundle_from_bytes(bundle.manifest_bytes(), TENSORS[:-1] + b"\x03")


def test_a_future_format_is_refused_by_number_whatever_its_parts_are_called() -> None:
    future = altered(a_bundle(), format=2, kind="head", manifest=..., tensors_sha256=...)
    with pytest.raises(BadDataError, match="format 2, this program reads 1"):
        bundle_from_bytes(future, TENSORS)


@pytest.mark.parametrize(
    "tensors",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 64,
        (2**62).to_bytes(8, "little") + HEADER,
        (len(HEADER) + 1).to_bytes(8, "little") + HEADER,
        (17 * 1024 * 1024).to_bytes(8, "little") + b"{" + b" " * (17 * 1024 * 1024),
        b"\x80\x04\x95\x10\x00\x00\x00\x00a pickle, no tensors",
    ],
    ids=["empty", "short", "zeros", "huge header", "header past the end", "header over the limit", "pickle"],
)
def test_a_tensor_file_that_is_no_safetensors_file_is_refused(tensors: bytes) -> None:
    bundle = a_bundle(tensors=tensors)
    with pytest.raises(BadDataError, match="no safetensors file"):
        bundle_from_bytes(bundle.manifest_bytes(), tensors)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_manifest_with_a_number_that_is_none_is_never_written(number: float) -> None:
    with pytest.raises(BadDataError, match="no plain JSON"):
        a_bundle(threshold=number).manifest_bytes()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", "half a pair \ud800"])
def test_a_manifest_of_anything_but_plain_json_is_never_written(value: object) -> None:
    with pytest.raises(BadDataError, match="no plain JSON"):
        a_bundle(value=value).manifest_bytes()


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_manifest_with_a_number_that_is_none_is_never_read(number: bytes) -> None:
    manifest = a_bundle(threshold=0.5).manifest_bytes().replace(b"0.5", number)
    with pytest.raises(BadDataError, match="no finite number"):
        bundle_from_bytes(manifest, TENSORS)


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"3",
        b"[" * 100_000,
        altered(a_bundle(), kind="head"),
        altered(a_bundle(), kind=...),
        altered(a_bundle(), manifest=...),
        altered(a_bundle(), tensors_sha256=...),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_clear_line(manifest: bytes) -> None:
    with pytest.raises(BadDataError, match="cannot be read") as refused:
        bundle_from_bytes(manifest, TENSORS)
    assert "\n" not in str(refused.value)


def test_a_manifest_without_keys_is_refused() -> None:
    with pytest.raises(BadDataError, match="holds list, not keys"):
        bundle_from_bytes(altered(a_bundle(), manifest=[1]), TENSORS)


def test_models_are_named_by_kind_line_and_recipe() -> None:
    assert initialization_name("default") == "initialization.default"
    assert detector_name("line-1", "steel 2.5 mm") == "detector.line-1.steel 2.5 mm"


def test_two_lines_never_share_a_model_name() -> None:
    assert detector_name("a", "b.c") == "detector.a.b.c"
    with pytest.raises(BadDataError, match="holds a dot"):
        detector_name("a.b", "c")
