"""Lines for machines: trends with control limits, alarms, the health of the stores."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from inspect_pipeline.domain.alarms import Alarm
from inspect_pipeline.domain.control_charts import Charted
from inspect_pipeline.domain.drift import SignalName
from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.services.live import CoilTrend
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.api.coils import RateOut

router = APIRouter(tags=["lines"])


class PointOut(BaseModel):
    """One coil on a chart; ``value`` is null where the coil has none."""

    coil: str
    value: float | None
    low: float
    high: float
    beyond: bool
    average: float | None
    crept: bool


class ChartOut(BaseModel):
    """A control chart; the first ``reference`` points gave its limits. Without points ``not_watched`` says why."""

    signal: str
    camera: str | None
    centre: float | None
    reference: int | None
    points: list[PointOut]
    not_watched: str | None


class TrendOut(BaseModel):
    """One coil of a trend, by the detector that judged it last."""

    coil: str
    created_at: datetime
    detector: str | None
    alarms: RateOut
    unknown: RateOut
    unusable: RateOut
    overkill: RateOut | None


class AlarmOut(BaseModel):
    """One alarm of the watch."""

    area: str
    subject: str
    key: str
    text: str
    what_to_do: str
    since: str | None
    strength: float | None
    ongoing: bool


class TrendsOut(BaseModel):
    """The trends of a line and recipe under the detector in force (null: none is)."""

    line: str
    recipe: str
    detector: str | None
    coils: list[TrendOut]
    charts: list[ChartOut]
    alarms: list[str]
    not_watched: list[str]


class CheckOut(BaseModel):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


class HealthOut(BaseModel):
    """The stores, and whether all of them work."""

    ok: bool
    checks: list[CheckOut]


@router.get("/trends")
def trends(
    bench: Bench,
    _actor: MayLook,
    line: Annotated[str, Query(max_length=80)],
    recipe: Annotated[str, Query(max_length=80)] = "default",
    coils: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TrendsOut:
    """Return the newest coils of a line with exact intervals, and the control charts of the detector in force."""
    rows = [_trend(one) for one in bench.live.trends(line=line, coils=coils)]
    found = bench.drift(line, recipe)
    if found is None:
        said = ["no detector is in force; promote one"]
        return TrendsOut(line=line, recipe=recipe, detector=None, coils=rows, charts=[], alarms=[], not_watched=said)
    detector, drift = found
    return TrendsOut(
        line=line,
        recipe=recipe,
        detector=detector,
        coils=rows,
        charts=[_chart(name, chart, drift.coils) for name, chart in drift.charts.items()],
        alarms=[alarm.text for alarm in drift.alarms],
        not_watched=list(drift.not_watched),
    )


@router.get("/alarms")
def alarms(bench: Bench, _actor: MayLook) -> list[AlarmOut]:
    """Return the alarms of the latest look at every line and at the stores."""
    return [_alarm(one) for one in bench.live.alarms()]


@router.get("/health")
def health(bench: Bench, _actor: MayLook) -> HealthOut:
    """Return whether catalog, images, registry, weights and disk are well."""
    checks = [CheckOut(name=one.name, ok=one.ok, detail=one.detail) for one in bench.health()]
    return HealthOut(ok=all(one.ok for one in checks), checks=checks)


def _trend(one: CoilTrend) -> TrendOut:
    rates = {"alarms": one.alarms, "unknown": one.unknown, "unusable": one.unusable}
    shown = {
        name: RateOut(count=each.count, of=each.trials, rate=each.value, interval=(each.low, each.high))
        for name, each in (rates if one.overkill is None else {**rates, "overkill": one.overkill}).items()
    }
    return TrendOut(
        coil=one.counts.coil.id,
        created_at=one.counts.coil.created_at,
        detector=one.counts.detector,
        alarms=shown["alarms"],
        unknown=shown["unknown"],
        unusable=shown["unusable"],
        overkill=shown.get("overkill"),
    )


def _chart(name: SignalName, chart: Charted, coils: tuple[str, ...]) -> ChartOut:
    if isinstance(chart, NotMeasured):
        return ChartOut(
            signal=name.signal.value,
            camera=name.camera,
            centre=None,
            reference=None,
            points=[],
            not_watched=chart.reason,
        )
    points = [
        PointOut(
            coil=coil,
            value=point.value,
            low=point.low,
            high=point.high,
            beyond=point.beyond,
            average=point.average,
            crept=point.crept,
        )
        for coil, point in zip(coils, chart.points, strict=True)
    ]
    return ChartOut(
        signal=name.signal.value,
        camera=name.camera,
        centre=chart.centre,
        reference=chart.reference,
        points=points,
        not_watched=None,
    )


def _alarm(one: Alarm) -> AlarmOut:
    return AlarmOut(
        area=one.area.value,
        subject=one.subject,
        key=one.key,
        text=one.text,
        what_to_do=one.what_to_do,
        since=one.since,
        strength=one.strength,
        ongoing=one.ongoing,
    )
