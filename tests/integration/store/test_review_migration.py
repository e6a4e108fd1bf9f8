"""A catalog of before the review queue gets it filled with what waits."""

import json

import pytest
import sqlalchemy as sa

from inspect_pipeline.domain.review import Reason, group_value
from inspect_pipeline.store.catalog import open_catalog
from inspect_pipeline.store.engine import open_engine
from tests.integration.store.records import NOON
from tests.integration.store.test_schema import _at_revision

_COIL = (
    "INSERT INTO coils (id, line, recipe, family, created_at, cameras) VALUES "
    "('c', 'line-1', 'default', 'steel', '2024-05-17 12:00:00', '[]')"
)
_FRAME = (
    "INSERT INTO frames (id, coil, camera, sequence, source, first_line, line_count, width_px, captured_at, "
    "mm_per_px_across, mm_per_px_along, image) VALUES "
    "(:id, 'c', 'camera-0', 0, :id, 0, 100, 64, '2024-05-17 12:00:00', 1.0, 1.0, 'x.png')"
)
_RESULT = "INSERT INTO frame_results (seq, coil, frame, detector, verdict) VALUES (:seq, 'c', :frame, :by, 'DEFECT')"
_FINDING = (
    'INSERT INTO findings (result, ordinal, top, "left", bottom, "right", defect_type, life_cycle, score, '
    "crossweb_mm, downweb_m, width_mm, length_mm, evidence, explanation) VALUES "
    "(:result, :ordinal, 0, 0, 9, 9, :name, :life, :score, 0, 0, 1, 1, 'type', :told)"
)
_LABEL = (
    'INSERT INTO labels (id, frame, top, "left", bottom, "right", source, kind, operator, labelled_at, role, origin) '
    "VALUES ('l', 'labelled', 0, 0, 9, 9, 'drawn', 'not a defect', 'o', '2024-05-17 12:00:00', 'gate', 'real')"
)


def told(margin: float | None) -> str:
    return json.dumps(
        {"anomaly": 1.0, "type_score": 1.0, "channel": "dent", "named_by": "region", "nearest_type": "dent",
         "margin": margin, "distance": 0.5, "limit": 1.0, "neighbours": [], "contribution": {}, "note": None}
    )  # fmt: skip


def test_the_newest_verdict_of_each_unlabelled_frame_waits_where_it_is_unknown_doubtful_or_provisional(
    database_url: str,
) -> None:
    engine = open_engine(database_url)
    _at_revision(engine, "r0006")
    findings = [
        (1, 0, "unknown", "candidate", 9.0, None),  # an older verdict on the frame
        (2, 0, "unknown", "candidate", 3.0, told(0.5)),
        (2, 1, "unknown", "candidate", 1.0, told(0.5)),
        (2, 2, "dent", "approved", 3.0, told(0.1)),
        (2, 3, "dent", "approved", 3.0, told(0.9)),
        (2, 4, "dent", "provisional", 3.0, told(0.9)),
        (2, 5, "dent", "approved", 3.0, None),
        (3, 0, "unknown", "candidate", 3.0, None),  # someone labelled that frame
    ]
    with engine.begin() as connection:
        connection.execute(sa.text(_COIL))
        connection.execute(sa.text(_FRAME), [{"id": "f"}, {"id": "labelled"}])
        results = [(1, "f", "d@1"), (2, "f", "d@2"), (3, "labelled", "d@2")]
        connection.execute(sa.text(_RESULT), [{"seq": s, "frame": f, "by": d} for s, f, d in results])
        names = ("result", "ordinal", "name", "life", "score", "told")
        connection.execute(sa.text(_FINDING), [dict(zip(names, one, strict=True)) for one in findings])
        connection.execute(sa.text(_LABEL))
    engine.dispose()
    catalog = open_catalog(database_url)
    with catalog.transaction() as unit:
        page = unit.reviews.groups("line-1", "default", person="anna", now=NOON)
        inside = {group.reason: [(item.key.result, item.key.ordinal) for item in _items(unit, group.id)]
                  for group in page.groups}  # fmt: skip
        [unknown] = [group for group in page.groups if group.reason is Reason.UNKNOWN]
        assert unit.reviews.ungrouped("line-1", "default", limit=9) == []
    catalog.close()
    assert inside == {Reason.UNKNOWN: [(2, 0), (2, 1)], Reason.DOUBTFUL: [(2, 2)], Reason.PROVISIONAL: [(2, 4)]}
    assert (page.waiting, unknown.size, unknown.nearest_type) == (4, 2, "dent")
    best = (3.0 / 4.0 + 1.0 / 1.5) / 2.0
    assert unknown.lead.informativeness == pytest.approx(best)
    assert unknown.value == pytest.approx(group_value(best, 2))


def _items(unit, group: int):  # type: ignore[no-untyped-def]
    return unit.reviews.items(group, person="anna", now=NOON)
