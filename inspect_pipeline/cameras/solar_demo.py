"""The demo's coils of solar cells: two mono lines of history, and a poly line to teach on and to be judged on.

Cells are listed module by module, so blocks of consecutive cells are the leakage groups: a module lies whole in one
coil.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inspect_pipeline.cameras.solar_cells import SolarCell
from inspect_pipeline.cameras.solar_line import SolarLine, SolarLineSettings
from inspect_pipeline.cameras.solar_plan import REAL_TYPE, plan_cells
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.errors import BadDataError

CELLS_PER_MODULE = 60
PAINTED = ("crack", "scratch", "finger_interruption", "dark_spot", "stain", "edge_chip")


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarDemoSettings:
    """How many cells go where; ``painted_each`` counts cells of every painted kind. None: all that are left."""

    shots: int = 5
    teach_functional: int = 139
    history_functional: int = 84
    history_defective: int = 84
    history_painted_each: int = 18
    held_out_painted_each: int = 20
    held_out_functional: int | None = None
    held_out_defective: int | None = None
    teach_every_module: int = 3
    line: SolarLineSettings = field(default_factory=SolarLineSettings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolarCoil:
    """One coil of the demo: its source with truth, and what its labels may be used for."""

    name: str
    family: str
    role: LabelRole
    source: SolarLine


def modules(cells: Sequence[SolarCell]) -> list[list[SolarCell]]:
    """Return the cells as blocks of at most 60 consecutive ones of one wafer type, the size of a module."""
    blocks: list[list[SolarCell]] = []
    for cell in cells:
        if not blocks or blocks[-1][0].wafer != cell.wafer or len(blocks[-1]) == CELLS_PER_MODULE:
            blocks.append([])
        blocks[-1].append(cell)
    return blocks


def solar_coils(cells: Sequence[SolarCell], settings: SolarDemoSettings, *, seed: int) -> list[SolarCoil]:
    """Return the coils in the order of the demo; no module, so no cell, is in two of them.

    Raises BadDataError when there are too few cells for the settings.
    """
    mono = [block for block in modules(cells) if block[0].wafer == "mono"]
    poly = [block for block in modules(cells) if block[0].wafer == "poly"]
    every = settings.teach_every_module
    if len(mono) < 2 or len(poly) < 2 or every < 2:
        raise BadDataError(
            f"{len(mono)} mono and {len(poly)} poly modules are too few for the demo; 2 of each are needed"
        )
    history = [
        _history(f"mono-{name}", _joined(mono[start::2]), settings, seed=seed + start)
        for start, name in enumerate(("a", "b"))
    ]
    teach = _joined(poly[::every])
    held_out = _joined([block for number, block in enumerate(poly) if number % every])
    # Both poly coils pass the same camera: the seed of the source is its stripes.
    return [*history, _teach(teach, settings, seed=seed + 2), _held_out(held_out, settings, seed=seed + 2)]


def _joined(blocks: Sequence[Sequence[SolarCell]]) -> list[SolarCell]:
    return [cell for block in blocks for cell in block]


def _history(name: str, cells: Sequence[SolarCell], settings: SolarDemoSettings, *, seed: int) -> SolarCoil:
    placements = plan_cells(
        cells,
        real_defective=settings.history_defective,
        functional=settings.history_functional,
        painted=dict.fromkeys(PAINTED, settings.history_painted_each),
        generator=np.random.default_rng([seed, 0]),
    )
    source = SolarLine(placements, settings.line, seed=seed)
    return SolarCoil(name=f"{name}-history", family=name, role=LabelRole.HISTORY, source=source)


def _teach(cells: Sequence[SolarCell], settings: SolarDemoSettings, *, seed: int) -> SolarCoil:
    placements = plan_cells(
        cells,
        real_defective=settings.shots,
        functional=settings.teach_functional,
        painted={},
        generator=np.random.default_rng([seed, 0]),
    )
    # No frame is lost or torn here: the five samples are what an operator picked, so all five are there.
    whole = SolarLineSettings(camera=settings.line.camera, lost_frames=0, torn_frames=0)
    source = SolarLine(placements, whole, seed=seed)
    return SolarCoil(name="poly-teach", family="poly", role=LabelRole.SUPPORT, source=source)


def _held_out(cells: Sequence[SolarCell], settings: SolarDemoSettings, *, seed: int) -> SolarCoil:
    painted = dict.fromkeys(PAINTED, settings.held_out_painted_each)
    defective, functional = settings.held_out_defective, settings.held_out_functional
    if defective is None:
        defective = sum(cell.probability == 1.0 for cell in cells)
    if functional is None:
        # The plan completes the last frame with further functional cells: leave it up to one frame of them.
        functional = sum(cell.probability == 0.0 for cell in cells) - sum(painted.values())
        functional -= (defective + functional + sum(painted.values())) % 12
    placements = plan_cells(
        cells,
        real_defective=defective,
        functional=functional,
        painted=painted,
        generator=np.random.default_rng([seed, 1]),
    )
    source = SolarLine(placements, settings.line, seed=seed)
    return SolarCoil(name="poly-held-out", family="poly", role=LabelRole.HELD_OUT, source=source)


NEW_TYPE = REAL_TYPE
