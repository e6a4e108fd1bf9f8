"""Reports to test and to look at: a coil of solar cells as the demo has it, and its edge cases."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import beta

from inspect_pipeline.domain.explanation import Explanation, NamedBy, Neighbour
from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.domain.findings import Evidence, Finding, Verdict
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.report import (
    CoilMap,
    CoilReport,
    Exhibit,
    Fact,
    Footer,
    Head,
    HeadAccuracy,
    Lineage,
    MapFrame,
    MapGap,
    MetaTraining,
    MissedDefect,
    ModelFacts,
    NamedRate,
    OriginTruth,
    PairedDifference,
    Pictures,
    Promise,
    ShownFinding,
    StageTime,
    StartingPoint,
    Threshold,
    Truth,
    TruthMark,
    TypeFacts,
    TypeTruth,
)
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle

FRAME_M, WIDTH_MM = 0.468, 936.0
TYPES = ("crack", "dark spot", "finger interruption", "poly defect", "scratch", "stain")
SIMULATED = frozenset(TYPES) - {"poly defect"}
_NOT_JUDGED = frozenset({5, 6, 11, 30, 37})
AT = datetime(2026, 10, 9, 14, 3, 7, tzinfo=UTC)


def rate(count: int, total: int) -> ShownRate:
    """The exact interval, computed by a route of the test's own."""
    low = float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0
    return ShownRate(count=count, total=total, low=low, high=high)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def pictures(rng: np.random.Generator, *, kind: str, size_px: int = 150) -> Pictures:
    """A cell with bus bars, fingers, grain and a defect; and the same under a heatmap."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(float)
    cell = 150 + 18 * np.sin(x / 37 + rng.random() * 6) * np.cos(y / 29) + rng.normal(0, 5, x.shape)
    cell -= 14.0 * (y % 6 < 1)
    cell[:, [size_px // 4, 3 * size_px // 4]] *= 0.35
    cx, cy = rng.uniform(40, size_px - 40, 2)
    along = (x - cx) * 0.8 + (y - cy) * 0.6
    off = np.abs((y - cy) * 0.8 - (x - cx) * 0.6 + 3 * np.sin(along / 6))
    defect = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 160)
    if kind in {"crack", "scratch"}:
        defect = np.exp(-((off / 1.6) ** 2)) * (np.abs(along) < 34)
    cell = np.clip(cell * (1 - 0.75 * defect), 0, 255)
    heat = np.exp(-(off**2) / 160 - along**2 / 1200)[..., None]
    grey = np.repeat(cell[..., None], 3, axis=2)
    warm = np.concatenate([np.full_like(heat, 255), 255 * (1 - heat), np.full_like(heat, 30)], axis=2)
    overlay = np.clip(grey * (1 - 0.6 * heat) + warm * 0.6 * heat, 0, 255)
    return Pictures(crop_png=_png(cell.astype(np.uint8)), overlay_png=_png(overlay.astype(np.uint8)))


def finding(
    *,
    defect_type: str = "crack",
    score: float = 2.5,
    downweb_m: float = 1.0,
    crossweb_mm: float = 100.0,
    frame: str = "frame-0002",
    runner_up: str | None = "scratch",
) -> Finding:
    unknown = defect_type == UNKNOWN_TYPE
    return Finding(
        frame=frame,
        roi=Roi(top=10, left=20, bottom=60, right=80),
        defect_type=defect_type,
        life_cycle=LifeCycle.CANDIDATE if unknown else LifeCycle.APPROVED,
        score=score,
        crossweb_mm=crossweb_mm,
        downweb_m=downweb_m,
        width_mm=31.2,
        length_mm=26.0,
        evidence=Evidence.ANOMALY if unknown else Evidence.TYPE,
        runner_up=runner_up,
        explanation=explanation(defect_type, score),
    )


def explanation(defect_type: str, score: float) -> Explanation:
    """Why a finding is called so: compared with three samples."""
    unknown = defect_type == UNKNOWN_TYPE
    nearest = "crack" if unknown else defect_type
    return Explanation(
        anomaly=score if unknown else 1.4,
        type_score=0.8 if unknown else score,
        channel=nearest,
        named_by=NamedBy.REGION,
        nearest_type=nearest,
        margin=0.42,
        distance=0.55 if unknown else 0.3,
        limit=0.5,
        neighbours=tuple(
            Neighbour(label=f"label-{number}", defect_type=nearest, distance=0.2 + number / 10) for number in range(3)
        ),
    )


def findings(count: int, *, length_m: float, seed: int = 7, types: Sequence[str] = TYPES) -> tuple[ShownFinding, ...]:
    rng = np.random.default_rng(seed)
    names = [*types, UNKNOWN_TYPE]
    weight = 1.0 / np.arange(1, len(names) + 1)
    shown = []
    for _ in range(count):
        name = names[int(rng.choice(len(names), p=weight / weight.sum()))]
        where = float(rng.uniform(0, length_m))
        alarm = bool(rng.random() < 0.15) or name == UNKNOWN_TYPE
        wrong = not alarm and bool(rng.random() < 0.1)
        mark = TruthMark.FALSE_ALARM if alarm else TruthMark.WRONG_TYPE if wrong else TruthMark.HIT
        true_type = None if alarm else ("stain" if wrong else name)
        origin = None if true_type is None else Origin.SIMULATED if true_type in SIMULATED else Origin.REAL
        one = finding(
            defect_type=name,
            score=float(1 + rng.exponential(1.6)),
            downweb_m=where,
            crossweb_mm=float(rng.uniform(10, WIDTH_MM - 10)),
            frame=f"frame-{int(where / FRAME_M):04d}",
            runner_up=names[names.index(name) - 1] if rng.random() < 0.8 else None,
        )
        shown.append(ShownFinding(finding=one, mark=mark, origin=origin, true_type=true_type))
    return tuple(shown)


def coil_map(*, frames: int = 48, count: int = 46, types: Sequence[str] = TYPES) -> CoilMap:
    length_m = frames * FRAME_M
    shown = findings(count, length_m=length_m, types=types)
    shown = tuple(one for one in shown if int(one.finding.frame[-4:]) not in _NOT_JUDGED)
    hit = {one.finding.frame: one for one in shown}
    placed = []
    for index in range(frames):
        name = f"frame-{index:04d}"
        verdict, reason = (Verdict.DEFECT, None) if name in hit else (Verdict.PASS, None)
        if name in hit and not hit[name].finding.known:
            verdict = Verdict.UNKNOWN
        if index in (11, 30):
            continue
        if index in (5, 6):
            verdict, reason = Verdict.UNUSABLE, "overexposed: 41% of the pixels are at full scale"
        if index == 37:
            verdict, reason = Verdict.UNUSABLE, "the PNG ends after 212 of 900 lines"
        placed.append(MapFrame(id=name, downweb_m=index * FRAME_M, length_m=FRAME_M, verdict=verdict, reason=reason))
    gaps = tuple(
        MapGap(downweb_m=index * FRAME_M, length_m=FRAME_M, reason="no frame holds these lines") for index in (11, 30)
    )
    return CoilMap(length_m=length_m, width_mm=WIDTH_MM, frames=tuple(placed), gaps=gaps, findings=shown)


def promise() -> Promise:
    return Promise(
        unit="cell",
        overkill_at_most=0.05,
        leave_one_out=(
            NamedRate(name="normals reported as defective", rate=rate(3, 80)),
            NamedRate(name="samples of poly defect missed", rate=rate(1, 5)),
            NamedRate(name="samples of history types missed", rate=NotMeasured(reason="no held-out samples are kept")),
        ),
    )


def lineage() -> Lineage:
    return Lineage(
        initialization="initialization.default",
        initialization_version="3",
        method="prototypical network",
        chosen=StartingPoint.FROZEN_BASELINE,
        why="meta-training did not beat the frozen backbone on the validation families, so the simpler one is used.",
        decided_by=(
            PairedDifference(
                first="meta-trained",
                second="frozen, nearest prototype",
                difference=Estimate(value=-0.0041, low=-0.0093, high=0.0011, samples=400),
            ),
        ),
        backbone="tf_efficientnet_lite0, blocks[5] max-pool beside GeM(3), 864-d at 224 px",
        weights_sha256="5a1c" * 16,
        label_count=245,
        data_fingerprint="9f31c0de" * 4,
        code_revision="795bb82",
        seeds=(Fact(name="episodes", value="20261009"), Fact(name="calibration", value="11")),
    )


def model() -> ModelFacts:
    known = tuple(
        TypeFacts(
            name=name,
            life_cycle=LifeCycle.PROVISIONAL if name == "poly defect" else LifeCycle.APPROVED,
            samples=5 if name == "poly defect" else 40,
            origin=Origin.SIMULATED if name in SIMULATED else Origin.REAL,
        )
        for name in TYPES
    )
    return ModelFacts(
        name="detector.poly-line.default",
        version="2",
        aliases=("champion",),
        types=known,
        thresholds=(
            Threshold(name="type margin", value=0.1834, meaning="closer to a type than to the normals"),
            Threshold(name="anomaly distance", value=0.5127, meaning="unlike every normal seen"),
            Threshold(name="focus", value=NotMeasured(reason="this camera gives no target"), meaning="too blurred"),
        ),
        promise=promise(),
        lineage=lineage(),
    )


def truth(*, missed: int = 8, length_m: float = 22.0) -> Truth:
    rng = np.random.default_rng(3)
    names = ("poly defect", "crack", "dark spot", "scratch")
    escapes = []
    for index in range(missed):
        name = names[index % len(names)]
        without: Pictures | NotMeasured = NotMeasured(reason="only the 6 clearest misses are pictured")
        escapes.append(
            MissedDefect(
                frame=f"frame-{index + 8:04d}",
                true_type=name,
                origin=Origin.SIMULATED if name in SIMULATED else Origin.REAL,
                crossweb_mm=float(rng.uniform(20, 900)),
                downweb_m=float(rng.uniform(0, length_m)),
                best_score=0.3 + 0.08 * index,
                pictures=pictures(rng, kind=name) if index < 6 else without,
            )
        )
    simulated = tuple(
        TypeTruth(name=name, escapes=rate(count, 40), overkill=rate(alarms, 210))
        for name, count, alarms in zip(sorted(SIMULATED), (2, 2, 0, 2, 0), (1, 3, 0, 1, 0), strict=True)
    )
    poly = TypeTruth(name="poly defect", escapes=rate(2, 61), overkill=rate(4, 210))
    return Truth(
        unit="cell",
        unit_means="A unit is one solar cell of the module, 156 mm x 156 mm, with a reference verdict of its own.",
        real=OriginTruth(escapes=rate(2, 61), overkill=rate(9, 210), types=(poly,)),
        simulated=OriginTruth(
            escapes=rate(6, 200),
            overkill=NotMeasured(reason="defect-free cells are real; see the table of REAL"),
            types=simulated,
        ),
        missed=tuple(escapes),
    )


def meta_training() -> MetaTraining:
    return MetaTraining(
        episodes=400,
        episode_form="5-way 5-shot, 15 queries a class",
        data="families held out from training",
        heads=(
            HeadAccuracy(
                name="meta-trained prototypes",
                accuracy=Estimate(value=0.9471, low=0.9402, high=0.9540),
                starting_point=StartingPoint.META_TRAINED,
            ),
            HeadAccuracy(
                name="frozen, nearest prototype",
                accuracy=Estimate(value=0.9512, low=0.9447, high=0.9577),
                starting_point=StartingPoint.FROZEN_BASELINE,
            ),
            HeadAccuracy(name="frozen, ridge", accuracy=Estimate(value=0.9583, low=0.9521, high=0.9645)),
        ),
        differences=(
            PairedDifference(
                first="meta-trained prototypes",
                second="frozen, nearest prototype",
                difference=Estimate(value=-0.0041, low=-0.0093, high=0.0011, samples=400),
            ),
            PairedDifference(
                first="meta-trained prototypes",
                second="frozen, ridge",
                difference=Estimate(value=-0.0112, low=-0.0166, high=-0.0058, samples=400),
            ),
        ),
    )


@cache
def full_report() -> CoilReport:
    """Everything is there: findings, truth, real and simulated, gaps and unusable frames."""
    coil = coil_map()
    rng = np.random.default_rng(11)
    worst = sorted(coil.findings, key=lambda shown: -shown.finding.score)[:9]
    exhibits = [Exhibit(shown=one, pictures=pictures(rng, kind=one.finding.defect_type)) for one in worst]
    exhibits[7] = replace(exhibits[7], pictures=NotMeasured(reason="the image file is no longer in the store"))
    return CoilReport(
        head=Head(
            coil="poly-module-07",
            line="poly-line",
            recipe="default",
            family="poly",
            scored_at=AT,
            inspected_m=43 * FRAME_M,
            not_inspected_m=5 * FRAME_M,
        ),
        model=model(),
        coil_map=coil,
        exhibits=tuple(exhibits),
        truth=truth(),
        meta_training=meta_training(),
        stages=(
            StageTime(stage="ingest", seconds=12.42, detail="46 frames, 3 unusable"),
            StageTime(stage="meta_train", seconds=121.9, detail="400 episodes"),
            StageTime(stage="adapt", seconds=9.07),
            StageTime(stage="score", seconds=38.3, detail="43 frames, 1.12 frames/s"),
            StageTime(stage="publish", seconds=NotMeasured(reason="not part of this run")),
        ),
        machine=(
            Fact(name="Processor", value="2 cores, x86_64"),
            Fact(name="Memory", value="7.8 GiB"),
            Fact(name="Device", value="cpu"),
            Fact(name="torch", value="2.14.1"),
        ),
        footer=Footer(command="inspect-pipeline demo", version="0.1.0", created_at=AT, same_run=True),
    )


def no_findings() -> CoilReport:
    """A clean coil, wholly inspected, without truth."""
    report = full_report()
    frames = tuple(
        MapFrame(id=f"frame-{i:04d}", downweb_m=i * FRAME_M, length_m=FRAME_M, verdict=Verdict.PASS) for i in range(24)
    )
    coil = CoilMap(length_m=24 * FRAME_M, width_mm=WIDTH_MM, frames=frames, gaps=(), findings=())
    return replace(
        report,
        head=replace(report.head, inspected_m=24 * FRAME_M, not_inspected_m=0.0),
        coil_map=coil,
        exhibits=(),
        truth=NotMeasured(reason="no held-out labels lie on this coil"),
        model=replace(model(), types=(), aliases=()),
        meta_training=NotMeasured(reason="the initialization was imported without its evaluation"),
        footer=replace(report.footer, same_run=False),
    )


def only_unusable() -> CoilReport:
    """Three frames, none of which could be judged."""
    report = full_report()
    frames = tuple(
        MapFrame(
            id=f"frame-{i}",
            downweb_m=i * FRAME_M,
            length_m=FRAME_M if i else 0.0,
            verdict=Verdict.UNUSABLE,
            reason="the file is no image (it starts with 'Dear')" if i else "the PNG ends before its first line",
        )
        for i in range(3)
    )
    coil = CoilMap(length_m=3 * FRAME_M, width_mm=WIDTH_MM, frames=frames, gaps=(), findings=())
    return replace(
        report,
        head=replace(
            report.head,
            scored_at=NotMeasured(reason="no frame could be judged"),
            inspected_m=0.0,
            not_inspected_m=3 * FRAME_M,
        ),
        model=NotMeasured(reason="nothing was scored"),
        coil_map=coil,
        exhibits=(),
        truth=NotMeasured(reason="nothing was scored"),
        meta_training=NotMeasured(reason="nothing was scored"),
        stages=NotMeasured(reason="no stage was recorded"),
        machine=NotMeasured(reason="no run was recorded"),
    )


@cache
def many_findings(count: int = 2000, *, frames: int = 2400) -> CoilReport:
    """A coil of more than a kilometre."""
    report = full_report()
    coil = coil_map(frames=frames, count=count)
    head = replace(report.head, inspected_m=(frames - 5) * FRAME_M)
    return replace(report, head=head, coil_map=coil, exhibits=report.exhibits[:3])


def foreign_names() -> CoilReport:
    """Names with markup, quotes, other scripts and a direction override."""
    report = full_report()
    hostile = ("<script>alert(1)</script>", 'Kratzer "tief" & <b>lang</b>', "划痕", "раковина", "عيب", "ß" * 80)
    coil = coil_map(types=hostile)
    worst = sorted(coil.findings, key=lambda shown: -shown.finding.score)[:3]
    blank = NotMeasured(reason="<img src=x onerror=alert(2)>")
    return replace(
        report,
        head=replace(report.head, coil="Bund №7 <i>Ö</i> \u202etxet", line="línea & Söhne", family="'><svg onload=x>"),
        coil_map=coil,
        exhibits=tuple(Exhibit(shown=one, pictures=blank) for one in worst),
    )
