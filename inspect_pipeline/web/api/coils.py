"""Coils for machines and for the pages' scripts: lists, one coil with its ledger, findings as compact columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from inspect_pipeline.domain.overview import CoilCounts
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.services.live import COILS_A_PAGE, CoilView
from inspect_pipeline.web.access import Bench, MayLook

router = APIRouter(tags=["coils"])
Page = Annotated[int, Query(ge=1, le=1_000_000, description="Counts from 1.")]
Detector = Annotated[str | None, Query(max_length=300, description="NAME@VERSION; else the one that judged it last.")]


class RateOut(BaseModel):
    """A share with its exact 95% interval; ``rate`` is null where nothing was counted."""

    count: int
    of: int
    rate: float | None
    interval: tuple[float, float]


class CoilOut(BaseModel):
    """One coil in numbers."""

    id: str
    line: str
    recipe: str
    family: str
    created_at: datetime
    captured: int
    unusable: int
    length_m: float
    detector: str | None
    verdicts: dict[str, int]
    findings: int
    alarm_rate: RateOut


class CoilListOut(BaseModel):
    """A page of coils, newest first."""

    coils: list[CoilOut]
    page: int
    pages: int
    total: int


class StretchOut(BaseModel):
    """A part of the coil that was not judged: missing, unusable, or captured and not judged yet."""

    kind: str
    camera: str
    start_m: float
    length_m: float
    crossweb_mm: float
    width_mm: float
    reason: str | None


class CoilDetailOut(CoilOut):
    """One coil with the size of its map, what was not judged and why, and the detectors that judged it."""

    length_m: float
    width_mm: float
    inspected_m: float
    not_inspected_m: float
    stretches: list[StretchOut]
    detectors: list[str]


class FindingsOut(BaseModel):
    """Findings as columns of equal length, head first; ``type_of`` counts in ``types``.

    Places to a tenth of a millimetre, sizes to a hundredth, scores to a thousandth.
    """

    items: list[str]
    types: list[str]
    type_of: list[int]
    life_cycles: list[str]
    downweb_m: list[float]
    crossweb_mm: list[float]
    width_mm: list[float]
    length_mm: list[float]
    score: list[float]


@router.get("/coils")
def list_coils(
    bench: Bench,
    _actor: MayLook,
    line: Annotated[str | None, Query(max_length=80)] = None,
    page: Page = 1,
    size: Annotated[int, Query(ge=1, le=200)] = COILS_A_PAGE,
) -> CoilListOut:
    """Return a page of coils, newest first, of a line or of all."""
    found = bench.live.coils(line=line, page=page, size=size)
    rows = [CoilOut(**coil_values(one)) for one in found.coils]
    return CoilListOut(coils=rows, page=found.page, pages=found.pages, total=found.total)


@router.get("/coils/{coil_id}")
def one_coil(bench: Bench, _actor: MayLook, coil_id: str, detector: Detector = None) -> CoilDetailOut:
    """Return one coil with its ledger: every metre was judged or says why not."""
    return _detail(bench.live.coil(coil_id, detector=detector))


@router.get("/coils/{coil_id}/findings")
def findings_of(
    bench: Bench,
    _actor: MayLook,
    coil_id: str,
    detector: Detector = None,
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    limit: Annotated[int | None, Query(ge=1, le=100_000)] = None,
) -> FindingsOut:
    """Return the findings of a coil as columns; ``items`` are the ids that the queue and its pictures know."""
    found = bench.live.findings(coil_id, detector=detector, offset=offset, limit=limit)
    return FindingsOut(
        items=list(found.items),
        types=list(found.types),
        type_of=list(found.type_of),
        life_cycles=list(found.life_cycles),
        downweb_m=_rounded(found.downweb_m, 4),
        crossweb_mm=_rounded(found.crossweb_mm, 1),
        width_mm=_rounded(found.width_mm, 2),
        length_mm=_rounded(found.length_mm, 2),
        score=_rounded(found.score, 3),
    )


def coil_values(one: CoilCounts) -> dict[str, Any]:
    """Return the fields of a coil in numbers."""
    return {
        "id": one.coil.id,
        "line": one.coil.line,
        "recipe": one.coil.recipe,
        "family": one.coil.family,
        "created_at": one.coil.created_at,
        "captured": one.captured,
        "unusable": one.unusable,
        "length_m": one.length_m,
        "detector": one.detector,
        "verdicts": {verdict.value: count for verdict, count in one.verdicts.items()},
        "findings": one.findings,
        "alarm_rate": rate_out(one.alarmed, one.judged),
    }


def rate_out(count: int, of: int) -> RateOut:
    """Return a share with its interval."""
    measured = rate(count, of)
    return RateOut(count=count, of=of, rate=measured.value, interval=(measured.low, measured.high))


def _rounded(values: Sequence[float], decimals: int) -> list[float]:
    return [round(value, decimals) for value in values]


def _detail(view: CoilView) -> CoilDetailOut:
    stretches = [
        StretchOut(
            kind=one.kind.value,
            camera=one.camera,
            start_m=one.start_m,
            length_m=one.length_m,
            crossweb_mm=one.crossweb_mm,
            width_mm=one.width_mm,
            reason=one.reason,
        )
        for one in view.stretches
    ]
    own = {
        "length_m": view.length_m,
        "width_mm": view.width_mm,
        "inspected_m": view.inspected_m,
        "not_inspected_m": view.not_inspected_m,
        "stretches": stretches,
        "detectors": list(view.detectors),
    }
    return CoilDetailOut(**{**coil_values(view.counts), **own})
