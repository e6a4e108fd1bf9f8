"""Evaluation of detection on labelled folders: repeated draws teach the product's detector, the rest of it tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.records import LabelledImage, Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import index_samples
from inspect_pipeline.learning.evaluation import data_fingerprint
from inspect_pipeline.services.detect_curves import Curve, CurveSpec, curve_rows
from inspect_pipeline.services.detect_draws import DrawSpec
from inspect_pipeline.services.detect_figures import Series, compared, figures_of, pooled, ranking
from inspect_pipeline.services.detect_images import describe_images
from inspect_pipeline.services.detect_material import Material, Measured, Tried
from inspect_pipeline.services.detect_promise import promise_kept
from inspect_pipeline.services.detect_regions import FALSE_REGIONS
from inspect_pipeline.services.detect_trial import DETECTOR, Subject
from inspect_pipeline.services.detect_unknown import unknown_rows
from inspect_pipeline.services.examples import NORMAL

_NO_CURVES = CurveSpec()
METHOD = (
    "mean over draws with Student's 95% interval; materials and types weigh the same within a draw. It tells how far "
    "other samples of these materials move the figure, not what another material gives: draws share test images"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSummary:
    """Detection over repeated draws: how images are ranked, what the own threshold gave, and the baselines beside it.

    ``image_auroc`` to ``escape_at`` and ``detector`` pool the detectors of one type over types and materials;
    ``together`` are detectors of all types of a material. ``promise`` holds what was promised against what came,
    ``unknown`` how types fare that are left out of a material's teaching (None with fewer than two types), ``curves``
    the figures over the number of samples and good images (None where none was asked for). ``seen`` names
    materials that the initialization was trained on.
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
    promise: Mapping[str, Any]
    unknown: Mapping[str, Any] | None
    curves: Mapping[str, Any] | None
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


def evaluate_detection(
    images: Sequence[LabelledImage],
    subject: Subject,
    spec: DrawSpec,
    *,
    model: str | None,
    trained_on: Sequence[str],
    progress: Progress,
    curves: CurveSpec = _NO_CURVES,
) -> DetectSummary:
    """Return how the detector taught from ``spec`` does on every type of every material, one material at a time.

    Descriptors are computed once an image, whatever the draws and the points of ``curves``. Raises BadDataError, with
    the numbers, when no type of any material can be taught and tested.
    """
    for axis in curves.axes:
        curves.points(axis, spec)  # what no draw can be made of is refused before an hour of features
    by_family: dict[str, list[LabelledImage]] = {}
    for image in images:
        by_family.setdefault(image.family, []).append(image)
    measured: dict[str, Measured] = {}
    rows: list[tuple[str, str, str, str]] = []
    for family, members in by_family.items():
        described = describe_images(
            members, subject.backbone, settings=subject.settings, progress=progress, fine_tuning=subject.fine_tuning
        )
        rows += [(one.digest, family, "+".join(one.labelled.types) or NORMAL, one.labelled.group) for one in described]
        material = Material(family=family, images=described, subject=subject, spec=spec, progress=progress)
        measured[family] = material.measured(curves)
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
        axes=curves.axes,
    )


def _summary(
    measured: Mapping[str, Measured],
    spec: DrawSpec,
    *,
    model: str | None,
    promised: float,
    fingerprint: str,
    count: int,
    refused: tuple[str, ...],
    seen: tuple[str, ...],
    axes: tuple[str, ...],
) -> DetectSummary:
    parts = {family: [tried.series for tried in one.alone.values()] for family, one in measured.items()}
    families = {family: pooled(of) for family, of in parts.items()}
    whole = pooled(list(families.values()))
    headline = ranking(whole, DETECTOR)
    left_out = {
        _joined(family, name): tried for family, one in measured.items() for name, tried in one.left_out.items()
    }
    return DetectSummary(
        task="detect",
        model=model,
        image_auroc=headline["image_auroc"],
        interval=(headline["interval"][0], headline["interval"][1]),
        average_precision=headline["average_precision"],
        escape_at=headline["escape_at"],
        detector=figures_of(whole),
        per_type={
            _joined(family, name): _row(tried, promised)
            for family, one in measured.items()
            for name, tried in one.alone.items()
        },
        per_family={family: _family_row(families[family], parts[family], promised) for family in measured},
        together={family: _row(one.together, None) for family, one in measured.items() if one.together is not None},
        baselines=compared(whole),
        promise=promise_kept([of for each in parts.values() for of in each], promised=promised),
        unknown=unknown_rows(left_out),
        curves=curve_rows({axis: _curves(measured, axis) for axis in axes}) if axes else None,
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


def _curves(measured: Mapping[str, Measured], axis: str) -> dict[str, Curve]:
    return {
        _joined(family, name): curve for family, one in measured.items() for name, curve in one.curves[axis].items()
    }


def _joined(family: str, name: str) -> str:
    return f"{family}/{name}"


def _family_row(of: Series, parts: Sequence[Series], promised: float) -> dict[str, Any]:
    return {
        **ranking(of, DETECTOR),
        "figures": figures_of(of),
        "baselines": compared(of),
        "promise": promise_kept(parts, promised=promised),
    }


def _row(tried: Tried, promised: float | None) -> dict[str, Any]:
    """Return one choice of types; with what was ``promised`` where that is one type."""
    row = {
        **ranking(tried.series, DETECTOR),
        "test_normals": tried.test_normals,
        "test_defects": tried.test_defects,
        "figures": figures_of(tried.series),
        "baselines": compared(tried.series),
    }
    return row if promised is None else row | {"promise": promise_kept([tried.series], promised=promised)}
