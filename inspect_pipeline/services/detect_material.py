"""The draws of one material measured: each type alone, all together, all but one, and the curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.detect_curves import Curve, CurveSpec, measure_curve
from inspect_pipeline.services.detect_draws import LEAST_TESTED, Drawn, DrawSpec, draw
from inspect_pipeline.services.detect_figures import Series, series
from inspect_pipeline.services.detect_images import DescribedImage
from inspect_pipeline.services.detect_trial import Subject, Trial, measure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tried:
    """The trials of one choice of types, their figures, and the fewest test images of any draw."""

    types: tuple[str, ...]
    trials: tuple[Trial, ...]
    series: Series
    test_normals: int
    test_defects: int
    test_strangers: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What was measured of a material: each type alone, all of those together, each left out, curves, and refusals."""

    alone: Mapping[str, Tried]
    together: Tried | None
    left_out: Mapping[str, Tried]
    curves: Mapping[str, Mapping[str, Curve]]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """One material with its images described, the detector under test and how it is drawn."""

    family: str
    images: Sequence[DescribedImage]
    subject: Subject
    spec: DrawSpec
    progress: Progress

    def measured(self, curves: CurveSpec) -> Measured:
        """Return the trials of every type alone, then of all that could be taught alone: together, and all but one."""
        refused: list[str] = []
        types = sorted({name for image in self.images for name in image.labelled.types})
        if not types:
            refused.append(f"{self.family} shows no defect type")
        alone = self._kept({name: self._draws((name,)) for name in types}, refused, naming=False)
        many = tuple(alone) if len(alone) > 1 else ()
        together = self._kept({self.family: self._draws(many)} if many else {}, refused)
        left_out = self._kept({name: self._without(name, many) for name in many}, refused)
        return Measured(
            alone=alone,
            together=together.get(self.family),
            left_out=left_out,
            curves={axis: self._curve(axis, tuple(alone), curves, refused) for axis in curves.axes},
            refused=tuple(refused),
        )

    def _draws(self, types: tuple[str, ...]) -> "Lesson | str":
        """Return the draws of a choice of types, or why they cannot be drawn."""
        labelled = [image.labelled for image in self.images]
        numbers = range(self.spec.draws)
        try:
            draws = [draw(labelled, types, self.spec, material=self.family, number=number) for number in numbers]
        except BadDataError as error:
            return str(error)
        return Lesson(types=types, draws=tuple(draws))

    def _without(self, left_out: str, types: tuple[str, ...]) -> "Lesson | str":
        """Return the draws of all types but one, in which only images of that one are strangers."""
        found = self._draws(tuple(name for name in types if name != left_out))
        if isinstance(found, str):
            return f"without {left_out!r}: {found}"
        draws = [replace(drawn, strangers=self._only(left_out, drawn)) for drawn in found.draws]
        fewest = min(len(drawn.strangers) for drawn in draws)
        if fewest < LEAST_TESTED:
            return (
                f"{self.family} without {left_out!r}: a draw leaves {fewest} images that show it and no other type, "
                f"{LEAST_TESTED} are needed to tell how it fares untaught"
            )
        return replace(found, draws=tuple(draws))

    def _only(self, name: str, drawn: Drawn) -> tuple[int, ...]:
        return tuple(i for i in drawn.strangers if self.images[i].labelled.types == (name,))

    def _kept(
        self, lessons: "Mapping[str, Lesson | str]", refused: list[str], *, naming: bool = True
    ) -> dict[str, Tried]:
        """Return what was measured of each lesson; the reasons of those that cannot be drawn join the refused."""
        found: dict[str, Tried] = {}
        for name, lesson in lessons.items():
            if isinstance(lesson, str):
                refused.append(lesson)
            else:
                found[name] = self._tried(lesson, naming=naming)
        return found

    def _tried(self, lesson: "Lesson", *, naming: bool) -> Tried:
        trials = []
        for number, drawn in enumerate(lesson.draws):
            trials.append(measure(self.images, drawn, self.subject, seed=self.spec.seed, naming=naming))
            self.progress(f"draws of {self.family}/{'+'.join(lesson.types)}", number + 1, len(lesson.draws))
        return Tried(
            types=lesson.types,
            trials=tuple(trials),
            series=series(trials),
            test_normals=min(len(drawn.test_normals) for drawn in lesson.draws),
            test_defects=min(len(drawn.defects) for drawn in lesson.draws),
            test_strangers=min(len(drawn.strangers) for drawn in lesson.draws),
        )

    def _curve(self, axis: str, types: Sequence[str], curves: CurveSpec, refused: list[str]) -> dict[str, Curve]:
        """Return the curve of each type along an axis; the points that its data cannot carry join the refused."""
        found: dict[str, Curve] = {}
        for name in types:
            curve = measure_curve(
                self.images,
                self.subject,
                material=self.family,
                name=name,
                specs=curves.points(axis, self.spec),
                progress=self.progress,
            )
            refused += [f"curve over {axis}: {reason}" for reason in curve.refused]
            if curve.points:
                found[name] = curve
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """The draws of one choice of types."""

    types: tuple[str, ...]
    draws: tuple[Drawn, ...]
