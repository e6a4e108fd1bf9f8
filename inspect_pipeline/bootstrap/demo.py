"""The demo's coils: solar cells of the installed package, or the user's own labelled families."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.cameras.solar_cells import read_solar_cells
from inspect_pipeline.cameras.solar_demo import NEW_TYPE, PAINTED, SolarCoil, SolarDemoSettings, solar_coils
from inspect_pipeline.domain.grading import grade, outcomes
from inspect_pipeline.domain.labels import Label, LabelRole, Origin, RegionSource, in_force
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.statistics import Rate
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.imaging.flatfield import from_references
from inspect_pipeline.services.folder_split import FolderSplit, split_folder
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.services.labelled_source import LabelledSource, label_of

OPERATOR = "ground truth"
SOLAR_RECIPE = "solar-cells"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCoil:
    """One coil of the demo: ``role`` says what its labels are for."""

    id: str
    line: str
    family: str
    role: LabelRole


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What the demo will do, in plain data: its coils, and what their labels are for."""

    source: str
    data: str | None
    seed: int
    line: str
    recipe: str
    new_type: str
    coils: tuple[PlannedCoil, ...]
    simulated: tuple[str, ...] = ()

    @property
    def held_out(self) -> tuple[str, ...]:
        """The coils that are scored."""
        return tuple(coil.id for coil in self.coils if coil.role is LabelRole.HELD_OUT)


@dataclass(kw_only=True)
class Demo:
    """Lays out, ingests and grades the demo's coils."""

    stores: Stores
    solar: SolarDemoSettings = field(default_factory=SolarDemoSettings)
    _solar: dict[int, dict[str, SolarCoil]] = field(default_factory=dict)
    _splits: dict[tuple[str, int], FolderSplit] = field(default_factory=dict)

    def plan(self, data: Path | None = None, *, seed: int = 0) -> DemoPlan:
        """Return the plan for the solar cells, or for the families of a data folder.

        Raises NotFoundError without the demo's images, BadDataError for a folder that cannot serve.
        """
        if data is None:
            return self._solar_plan(seed)
        return self._folder_plan(data, seed)

    def ingest(self, plan: DemoPlan, coil_id: str) -> IngestSummary:
        """Take in one planned coil, its ground truth as labels; a second time adds nothing."""
        planned = next((coil for coil in plan.coils if coil.id == coil_id), None)
        if planned is None:
            raise NotFoundError(f"coil {coil_id!r} is not in the demo's plan")
        if plan.data is None:
            return self._ingest_solar(plan, planned)
        summary = self._ingest_folder(plan, planned)
        self._refuse_shared(plan)
        return summary

    def _refuse_shared(self, plan: DemoPlan) -> None:
        """Raise BadDataError when an image of the held-out coils teaches or trains anywhere in this workspace."""
        with self.stores.catalog.transaction() as unit:
            labels = in_force(unit.labels())
            learned = {label.region.frame for label in labels if label.role is not LabelRole.HELD_OUT}
            seen = {frame.image for frame_id in learned if (frame := unit.frame(frame_id)) is not None}
            held_out = [frame for coil in plan.held_out for frame in unit.frames(coil)]
        shared = [frame.source for frame in held_out if frame.image is not None and frame.image in seen]
        if shared:
            raise BadDataError(
                f"{len(shared)} held-out images were taught or trained on in this workspace before (first "
                f"{shared[0]!r}); run the demo in a new workspace"
            )

    def metrics(self, plan: DemoPlan) -> dict[str, Any]:
        """Return escapes and overkill of the held-out coils by the detector that judged them last."""
        graded = []
        for coil in plan.held_out:
            with self.stores.catalog.transaction() as unit:
                detector = next(iter(unit.detectors_of(coil)), None)
                results = [] if detector is None else unit.results(coil, detector=detector)
                labels = in_force(unit.labels(coil=coil), role=LabelRole.HELD_OUT)
            graded += outcomes(labels, results)
        total = grade(graded)
        return {
            "unit": "cell" if plan.data is None else "frame",
            "escapes": {origin.value: _shown(total.escapes[origin]) for origin in Origin},
            "overkill": _shown(total.overkill),
            "promised_overkill": self.stores.settings.recipe(plan.recipe).promise.overkill,
            "per_type": [
                {
                    "type": t.defect_type,
                    "origin": t.origin.value,
                    "escapes": _shown(t.escapes),
                    "named": _shown(t.named),
                }
                for t in total.per_type
            ],
            "not_judged": total.not_judged,
        }

    def _solar_plan(self, seed: int) -> DemoPlan:
        coils = tuple(
            PlannedCoil(
                id=_coil_id(coil.name, seed), line=_coil_id(coil.family, seed), family=coil.family, role=coil.role
            )
            for coil in self._solar_coils(seed).values()
        )
        return DemoPlan(
            source="electroluminescence images of solar cells (elpv-dataset)",
            data=None,
            seed=seed,
            line=_coil_id("poly", seed),
            recipe=SOLAR_RECIPE,
            new_type=NEW_TYPE,
            coils=coils,
            simulated=PAINTED,
        )

    def _solar_coils(self, seed: int) -> dict[str, SolarCoil]:
        if seed not in self._solar:
            coils = solar_coils(read_solar_cells(), self.solar, seed=seed)
            self._solar[seed] = {_coil_id(coil.name, seed): coil for coil in coils}
        return self._solar[seed]

    def _ingest_solar(self, plan: DemoPlan, planned: PlannedCoil) -> IngestSummary:
        source = self._solar_coils(plan.seed)[planned.id].source
        flat = from_references(
            source.dark_reference, source.bright_reference, target=float(source.settings.reference_level)
        )

        def labels(frame: CapturedFrame) -> list[Label]:
            return [
                label_of(
                    frame.id,
                    (cell.roi, cell.defect_type, cell.mask, _drawn(cell.origin, cell.defect_type), cell.origin),
                    role=planned.role,
                    operator=OPERATOR,
                    images=self.stores.images,
                    now=self.stores.clock,
                )
                for cell in source.truth.get(frame.source, ())
            ]

        target = self.stores.coil_named(planned.id, line=planned.line, recipe=plan.recipe, family=planned.family)
        return self.stores.ingesting(plan.recipe, flat_field=flat, label_frame=labels).run(source, target)

    def _folder_plan(self, data: Path, seed: int) -> DemoPlan:
        split = self._split(data, seed)
        families = sorted({image.family for image in split.history})
        coils = [
            PlannedCoil(id=_coil_id(f"{family}-history", seed), line=family, family=family, role=LabelRole.HISTORY)
            for family in families
        ]
        line, family = _coil_id(split.family, seed), split.family
        for name, role in (("teach", LabelRole.SUPPORT), ("held-out", LabelRole.HELD_OUT)):
            coils.append(PlannedCoil(id=_coil_id(f"{family}-{name}", seed), line=line, family=family, role=role))
        return DemoPlan(
            source=f"labelled images of {data.resolve().name}",
            data=str(data),
            seed=seed,
            line=line,
            recipe="default",
            new_type=split.new_type,
            coils=tuple(coils),
        )

    def _split(self, data: Path, seed: int) -> FolderSplit:
        key = (str(data), seed)
        if key not in self._splits:
            images = read_data_folder(data)
            self._splits[key] = split_folder(
                images, self.stores.settings.demo, generator=np.random.default_rng([seed, 2])
            )
        return self._splits[key]

    def _ingest_folder(self, plan: DemoPlan, planned: PlannedCoil) -> IngestSummary:
        split = self._split(Path(plan.data or ""), plan.seed)
        source = LabelledSource(
            images=_images_of(split, planned),
            store=self.stores.images,
            role=planned.role,
            operator=OPERATOR,
            clock=self.stores.clock,
        )
        target = self.stores.coil_named(planned.id, line=planned.line, recipe=plan.recipe, family=planned.family)
        return self.stores.ingesting(plan.recipe, label_frame=source.labels, finished=True).run(source, target)


def _images_of(split: FolderSplit, planned: PlannedCoil) -> list[LabelledImage]:
    by_role: Mapping[LabelRole, tuple[LabelledImage, ...]] = {
        LabelRole.HISTORY: split.history,
        LabelRole.SUPPORT: split.teach,
        LabelRole.HELD_OUT: split.held_out,
    }
    return [image for image in by_role[planned.role] if image.family == planned.family]


def _coil_id(name: str, seed: int) -> str:
    """Return the name of a coil or line under a seed; another seed takes other images, so it is another one."""
    return name if seed == 0 else f"{name}-seed-{seed}"


def _drawn(origin: Origin, defect_type: str | None) -> RegionSource:
    """Return whether the region is exact: a real defective cell is labelled as a whole, so where in it is a guess."""
    return RegionSource.GUESSED if origin is Origin.REAL and defect_type is not None else RegionSource.DRAWN


def _shown(measured: Rate) -> dict[str, Any]:
    return {
        "count": measured.count,
        "of": measured.trials,
        "rate": measured.value,
        "interval": [measured.low, measured.high],
    }
