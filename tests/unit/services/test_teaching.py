"""Which labels a line still has to learn from, before anything is taught."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.services.teaching import Teaching
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.images import InMemoryImages
from tests.fakes.registry import InMemoryRegistry

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
COIL = Coil(id="coil-1", line="line-1", recipe="default", family="steel", created_at=NOON)
FRAME = CapturedFrame(
    id="f0",
    coil=COIL.id,
    camera="camera-0",
    sequence=0,
    source="f0.png",
    first_line=0,
    line_count=100,
    width_px=100,
    captured_at=NOON,
    mm_per_px_across=0.1,
    mm_per_px_along=0.1,
    image="a" * 64 + ".png",
)
SUPPORT = Label(
    id="a",
    region=Region(frame="f0", roi=Roi(top=0, left=0, bottom=10, right=10)),
    kind=LabelKind.DEFECT,
    defect_type="scratch",
    operator="operator-7",
    labelled_at=NOON,
)


def teaching(*labels: Label, registry: InMemoryRegistry | None = None) -> Teaching:
    catalog = InMemoryCatalog()
    with catalog.transaction() as unit:
        unit.add_coil(COIL)
        unit.add_frames([FRAME])
        unit.add_labels(labels)
    return Teaching(
        catalog=catalog,
        images=InMemoryImages(),
        registry=registry or InMemoryRegistry(),
        settings=DetectorSettings(),
        promise=Promise(),
        clock=lambda: NOON,
        progress=lambda _stage, _done, _total: None,
        revision="test",
    )


def test_every_support_label_in_force_waits_until_a_detector_has_used_it() -> None:
    registry = InMemoryRegistry()
    work = teaching(SUPPORT, replace(SUPPORT, id="b"), replace(SUPPORT, id="c", supersedes="b"), registry=registry)
    assert work.unused_labels("line-1", "default") == 2
    taught = Bundle(kind=ModelKind.DETECTOR, manifest={"lineage": {"labels": ["a"]}}, tensors=b"")
    registry.register("detector.line-1.default", taught, tags={})
    assert work.unused_labels("line-1", "default") == 1
    assert work.unused_labels("line-2", "default") == 0


def test_a_region_moved_to_the_held_out_ones_is_never_taught() -> None:
    work = teaching(SUPPORT, replace(SUPPORT, id="b", role=LabelRole.HELD_OUT, supersedes="a"))
    assert work.unused_labels("line-1", "default") == 0
    with pytest.raises(BadDataError, match="'line-1' has no support labels"):
        work.adapt("line-1", "default")
