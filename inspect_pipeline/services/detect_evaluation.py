"""Evaluation of detection on labelled folders: repeated draws teach the product's detector, the rest of it tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.records import LabelledImage, Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import index_samples
from inspect_pipeline.learning.evaluation import data_fingerprint
from inspect_pipeline.services.detect_draws import DrawSpec, draw
from inspect_pipeline.services.detect_figures import Series, compared, figures_of, pooled, ranking, series
from inspect_pipeline.services.detect_images import DescribedImage, describe_images
from inspect_pipeline.services.detect_regions import FALSE_REGIONS
from inspect_pipeline.services.detect_trial import DETECTOR, Subject, measure
from inspect_pipeline.services.examples import NORMAL

METHOD = (
    "mean over draws with Student's 95% interval; materials and types weigh the same within a draw. It tells how far "
    "other samples of these materials move the figure, not what another material gives: draws share test images"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSummary:
    """Detection over repeated draws: how images are ranked, what the own threshold gave, and the baselines beside it.

    ``image_auroc`` to ``escape_at`` and ``detector`` pool the detectors of one type over types and materials;
    ``together`` are detectors of all types of a material. ``seen`` names materials that the initialization was trained
    on.
    """

    task: str
    model: str | None
    image_auroc: float
    interval: tuple[float, float]
    average_precision: float
    escape_at: Mapping[str, float | None]
    detector: Mapping[str, Any]
    per_type: Mapping[str, Mapping[str, Any]]
    per_family: Mapping[str, Mapping[str, Any]]
    together: Mapping[str, Mapping[str, Any]]
    baselines: Mapping[str, Mapping[str, Any]]
    shot: int
    normals: int
    draws: int
    seed: int
    promised_overkill: float
    false_regions: float
    intervals: str
    fingerprint: str
    images: int
    refused: tuple[str, ...]
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    """The figures of one choice of types, and the fewest test images of any draw."""

    series: Series
    test_normals: int
    test_defects: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Measured:
    """What was measured of a material: each type alone, all of those together, and what was refused."""

    alone: Mapping[str, _Tried]
    together: _Tried | None
    refused: tuple[str, ...]


def evaluate_detection(
    images: Sequence[LabelledImage],
    subject: Subject,
    spec: DrawSpec,
    *,
    model: str | None,
    trained_on: Sequence[str],
    progress: Progress,
) -> DetectSummary:
    """Return how the detector taught from ``spec`` does on every type of every material, one material at a time.

    Raises BadDataError, with the numbers, when no type of any material can be taught and tested.
    """
    by_family: dict[str, list[LabelledImage]] = {}
    for image in images:
        by_family.setdefault(image.family, []).append(image)
    measured: dict[str, _Measured] = {}
    rows: list[tuple[str, str, str, str]] = []
    for family, members in by_family.items():
        described = describe_images(members, subject.backbone, settings=subject.settings, progress=progress)
        rows += [(one.digest, family, "+".join(one.labelled.types) or NORMAL, one.labelled.group) for one in described]
        measured[family] = _measure(family, described, subject, spec, progress)
    refused = tuple(reason for found in measured.values() for reason in found.refused)
    measured = {family: found for family, found in measured.items() if found.alone}
    if not measured:
        raise BadDataError(f"nothing can be detected here: {'; '.join(refused)}; add images or ask for fewer")
    digests, families, types, groups = (list(column) for column in zip(*rows, strict=True))
    return _summary(
        measured,
        spec,
        model=model,
        promised=subject.promise.overkill,
        fingerprint=data_fingerprint(digests, index_samples(families=families, types=types, groups=groups)),
        count=len(images),
        refused=refused,
        seen=tuple(sorted(set(measured) & set(trained_on))),
    )


def _measure(
    family: str, images: Sequence[DescribedImage], subject: Subject, spec: DrawSpec, progress: Progress
) -> _Measured:
    """Return the trials of every type alone, then of all that could be taught alone together."""
    types = sorted({name for image in images for name in image.labelled.types})
    refused: list[str] = [] if types else [f"{family} shows no defect type"]
    alone: dict[str, _Tried] = {}
    for name in types:
        tried = _tried(family, (name,), images, subject=subject, spec=spec, progress=progress)
        if isinstance(tried, str):
            refused.append(tried)
        else:
            alone[name] = tried
    every: _Tried | str | None = None
    if len(alone) > 1:
        every = _tried(family, tuple(alone), images, subject=subject, spec=spec, progress=progress)
    if isinstance(every, str):
        refused.append(every)
        every = None
    return _Measured(alone=alone, together=every, refused=tuple(refused))


def _tried(
    family: str,
    types: tuple[str, ...],
    images: Sequence[DescribedImage],
    *,
    subject: Subject,
    spec: DrawSpec,
    progress: Progress,
) -> _Tried | str:
    """Return the draws of one choice of types measured, or why they cannot be drawn."""
    labelled = [image.labelled for image in images]
    try:
        draws = [draw(labelled, types, spec, material=family, number=number) for number in range(spec.draws)]
    except BadDataError as error:
        return str(error)
    trials = []
    for number, drawn in enumerate(draws):
        trials.append(measure(images, drawn, subject, seed=spec.seed))
        progress(f"draws of {family}/{'+'.join(types)}", number + 1, spec.draws)
    return _Tried(
        series=series(trials),
        test_normals=min(len(drawn.test_normals) for drawn in draws),
        test_defects=min(len(drawn.defects) for drawn in draws),
    )


def _summary(
    measured: Mapping[str, _Measured],
    spec: DrawSpec,
    *,
    model: str | None,
    promised: float,
    fingerprint: str,
    count: int,
    refused: tuple[str, ...],
    seen: tuple[str, ...],
) -> DetectSummary:
    families = {family: pooled([tried.series for tried in one.alone.values()]) for family, one in measured.items()}
    whole = pooled(list(families.values()))
    headline = ranking(whole, DETECTOR)
    return DetectSummary(
        task="detect",
        model=model,
        image_auroc=headline["image_auroc"],
        interval=(headline["interval"][0], headline["interval"][1]),
        average_precision=headline["average_precision"],
        escape_at=headline["escape_at"],
        detector=figures_of(whole),
        per_type={
            f"{family}/{name}": _row(tried) for family, one in measured.items() for name, tried in one.alone.items()
        },
        per_family={
            family: {**ranking(of, DETECTOR), "figures": figures_of(of), "baselines": compared(of)}
            for family, of in families.items()
        },
        together={family: _row(one.together) for family, one in measured.items() if one.together is not None},
        baselines=compared(whole),
        shot=spec.shot,
        normals=spec.normals,
        draws=spec.draws,
        seed=spec.seed,
        promised_overkill=promised,
        false_regions=FALSE_REGIONS,
        intervals=METHOD,
        fingerprint=fingerprint,
        images=count,
        refused=refused,
        seen=seen,
    )


def _row(tried: _Tried) -> dict[str, Any]:
    return {
        **ranking(tried.series, DETECTOR),
        "test_normals": tried.test_normals,
        "test_defects": tried.test_defects,
        "figures": figures_of(tried.series),
        "baselines": compared(tried.series),
    }
