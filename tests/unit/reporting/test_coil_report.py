from dataclasses import replace
from datetime import datetime

import pytest

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.report import CoilMap, MapFrame, Pictures
from inspect_pipeline.errors import BadDataError
from tests.unit.reporting import builders


def test_an_unusable_frame_without_a_reason_is_refused():
    with pytest.raises(BadDataError, match="f1 is UNUSABLE without a reason"):
        MapFrame(id="f1", downweb_m=0.0, length_m=1.0, verdict=Verdict.UNUSABLE)


def test_a_picture_that_is_no_png_is_refused():
    good = builders.pictures(builders.np.random.default_rng(0), kind="crack", size_px=90)
    with pytest.raises(BadDataError, match="overlay"):
        Pictures(crop_png=good.crop_png, overlay_png=b"<svg onload=alert(1)>")


def test_a_time_without_a_zone_is_refused():
    report = builders.no_findings()
    with pytest.raises(BadDataError, match="time zone"):
        replace(report.head, scored_at=datetime(2026, 1, 1))
    with pytest.raises(BadDataError, match="time zone"):
        replace(report.footer, created_at=datetime(2026, 1, 1))


def test_a_coil_without_width_is_refused():
    with pytest.raises(BadDataError, match="width"):
        CoilMap(length_m=1.0, width_mm=0.0, frames=(), gaps=(), findings=())
