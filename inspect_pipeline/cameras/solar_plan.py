"""Which cells lie on the demo's line, in which order, and what is painted on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.solar_cells import SolarCell
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.painting import KINDS, paint

CELL_PX = 300
CELLS_PER_FRAME = 12  # two rows of six, as a module of 6 x 10 cells passes a line camera
REAL_TYPE = "defective"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell:
    """One place on the line: the cell, and its defect if any: real (on the cell) or simulated (painted by the seed)."""

    cell: SolarCell
    origin: Origin = Origin.REAL
    defect_type: str | None = None
    strength: float = 0.0
    paint_seed: int = 0


def plan_cells(
    cells: Sequence[SolarCell],
    *,
    real_defective: int,
    functional: int,
    painted: Mapping[str, int],
    generator: np.random.Generator,
    real_type: str = REAL_TYPE,
) -> list[PlannedCell]:
    """Return the cells in the order in which they pass the camera, drawn without repeats.

    They keep the order of ``cells``, so that the cells of a module pass together as they would on a real line.

    Defective cells have probability 1.0, functional ones and those to be painted (kind: how many) 0.0; doubtful ones
    are never taken. A last frame that is not full is completed with further functional cells, so the plan may hold up
    to 11 more of them than asked for. Contrast is drawn evenly from faint to clear.

    Raises BadDataError for a negative number, an unknown kind, or too few cells (with the numbers).
    """
    unknown = sorted(set(painted) - set(KINDS))
    if unknown or min(real_defective, functional, *painted.values()) < 0:
        raise BadDataError(f"cannot plan {dict(painted)}: unknown kinds {unknown} or a number below 0")
    kinds = [kind for kind, count in painted.items() for _ in range(count)]
    asked = real_defective + functional + len(kinds)
    filling = -asked % CELLS_PER_FRAME
    defective = _drawn(cells, 1.0, real_defective, generator, what="defective")
    plain = _drawn(cells, 0.0, functional + filling + len(kinds), generator, what="functional")
    plan = [PlannedCell(cell=cell, defect_type=real_type) for cell in defective]
    plan += [PlannedCell(cell=cell) for cell in plain[len(kinds) :]]
    plan += [_painted(cell, kind, generator) for cell, kind in zip(plain, kinds, strict=False)]
    place = {cell.name: number for number, cell in enumerate(cells)}
    return sorted(plan, key=lambda planned: place[planned.cell.name])


def render(planned: PlannedCell) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Return the cell's pixels, u8 (300, 300), painted where planned, and the mask of what was painted.

    Raises BadImageError when the cell's image has another size or depth.
    """
    pixels = planned.cell.load()
    if pixels.dtype != np.uint8 or pixels.shape != (CELL_PX, CELL_PX):
        raise BadImageError(
            f"{planned.cell.name}: {pixels.dtype} of shape {pixels.shape}; cells are 8 bit, 300 x 300, grey"
        )
    plain = pixels.astype(np.uint8, copy=False)
    if planned.origin is Origin.REAL or planned.defect_type is None:
        return plain, None
    return paint(
        planned.defect_type,
        plain,
        generator=np.random.default_rng(planned.paint_seed),
        strength=planned.strength,
    )


def _drawn(
    cells: Sequence[SolarCell], probability: float, count: int, generator: np.random.Generator, *, what: str
) -> list[SolarCell]:
    suited = [cell for cell in cells if cell.probability == probability]
    if count > len(suited):
        raise BadDataError(f"the plan needs {count} {what} cells, {len(suited)} are there; ask for fewer")
    return [suited[index] for index in generator.choice(len(suited), size=count, replace=False)]


def _painted(cell: SolarCell, kind: str, generator: np.random.Generator) -> PlannedCell:
    return PlannedCell(
        cell=cell,
        origin=Origin.SIMULATED,
        defect_type=kind,
        strength=float(generator.uniform()),
        paint_seed=int(generator.integers(2**32)),
    )
