"""Detection over the number of samples and of good images, on paired draws: what one more sample is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.detect_draws import Drawn, DrawSpec, draw_nested
from inspect_pipeline.services.detect_figures import Series, estimate, figures_of, pooled, ranking, series
from inspect_pipeline.services.detect_images import DescribedImage
from inspect_pipeline.services.detect_trial import DETECTOR, Subject, Trial, measure

SHOTS, NORMALS = "shots", "normals"
_GAINED = ("image_auroc", "average_precision")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveSpec:
    """The points of the curves: samples a type (at the draws' normals), good images (at the draws' samples)."""

    shots: tuple[int, ...] = ()
    normals: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, points in ((SHOTS, self.shots), (NORMALS, self.normals)):
            if list(points) != sorted(set(points)):
                raise BadDataError(f"the {name} of a curve are {points}; give each once, the smallest first")

    @property
    def axes(self) -> tuple[str, ...]:
        """The curves asked for."""
        return tuple(axis for axis, points in ((SHOTS, self.shots), (NORMALS, self.normals)) if points)

    def points(self, axis: str, spec: DrawSpec) -> list[DrawSpec]:
        """Return the spec of each point. Raises BadDataError for a point that no draw can be made of."""
        if axis == SHOTS:
            return [replace(spec, shot=shot) for shot in self.shots]
        return [replace(spec, normals=normals) for normals in self.normals]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """One point of a curve: how much was taught, and the figures of its draws."""

    shot: int
    normals: int
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The points that the data carry, smallest first, all tested on the same images; why the others are refused."""

    points: tuple[Point, ...]
    refused: tuple[str, ...]
    test_normals: int
    test_defects: int


def measure_curve(
    images: Sequence[DescribedImage],
    subject: Subject,
    *,
    material: str,
    name: str,
    specs: Sequence[DrawSpec],
    progress: Progress,
) -> Curve:
    """Return the curve of one type taught alone over ``specs``, smallest first.

    The draws are paired: supports and normals of a point are among those of every larger one, and all points are
    tested on the images that the largest leaves (``draw_nested``). So a curve's point may be tested on fewer images
    than the same numbers asked for alone. Where the largest cannot be drawn it is refused, and the next one decides.
    """
    labelled = [image.labelled for image in images]
    refused: list[str] = []
    for carried in range(len(specs), 0, -1):
        try:
            draws = [
                draw_nested(labelled, (name,), specs[:carried], material=material, number=number)
                for number in range(specs[0].draws)
            ]
        except BadDataError as error:
            refused.append(str(error))
            continue
        trials: list[list[Trial]] = []
        for number, points in enumerate(draws):
            trials.append(
                [measure(images, drawn, subject, seed=specs[0].seed, slow=False, naming=False) for drawn in points]
            )
            progress(f"curve of {material}/{name}", number + 1, len(draws))
        return _curve(draws, trials, specs[:carried], refused)
    return Curve(points=(), refused=tuple(refused), test_normals=0, test_defects=0)


def _curve(
    draws: Sequence[Sequence[Drawn]],
    trials: Sequence[Sequence[Trial]],
    specs: Sequence[DrawSpec],
    refused: Sequence[str],
) -> Curve:
    return Curve(
        points=tuple(
            Point(shot=spec.shot, normals=spec.normals, series=series(of))
            for spec, of in zip(specs, zip(*trials, strict=True), strict=True)
        ),
        refused=tuple(refused),
        test_normals=min(len(points[0].test_normals) for points in draws),
        test_defects=min(len(points[0].defects) for points in draws),
    )


def curve_rows(curves: Mapping[str, Mapping[str, Curve]]) -> dict[str, Any]:
    """Return the answer's curves from those by axis and by ``material/type``: of each, and pooled.

    Only types that carry the most points of an axis are pooled, so that every point is about the same types.
    """
    return {axis: _axis(of) for axis, of in curves.items()}


def _axis(of: Mapping[str, Curve]) -> dict[str, Any]:
    most = max((len(curve.points) for curve in of.values()), default=0)
    full = {name: curve for name, curve in of.items() if len(curve.points) == most}
    columns = zip(*(curve.points for curve in full.values()), strict=True)
    together = [
        Point(shot=same[0].shot, normals=same[0].normals, series=pooled([point.series for point in same]))
        for same in columns
    ]
    per_type = {
        name: {
            "points": _points(curve.points),
            "test_normals": curve.test_normals,
            "test_defects": curve.test_defects,
        }
        for name, curve in of.items()
    }
    return {"points": _points(together), "types": list(full), "per_type": per_type}


def _points(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return each point's figures, and what it gains over the point before it on the same draws."""
    rows = []
    for place, point in enumerate(points):
        before = points[place - 1].series if place else None
        rows.append(
            {
                "shot": point.shot,
                "normals": point.normals,
                "figures": figures_of(point.series),
                "baselines": {
                    scorer: ranking(point.series, scorer) for scorer in point.series if scorer not in (DETECTOR, "own")
                },
                "gained": None
                if before is None
                else {n: estimate(point.series[DETECTOR][n] - before[DETECTOR][n], share=False) for n in _GAINED},
            }
        )
    return rows
