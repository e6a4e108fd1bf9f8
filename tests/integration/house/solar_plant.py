"""The demo's loop in small: real solar cells, a few frames a coil, the real house on a workspace of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from inspect_pipeline.bootstrap.demo import DemoPlan
from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.cameras.solar_cells import read_solar_cells
from inspect_pipeline.cameras.solar_demo import SolarCoil, SolarDemoSettings, solar_coils
from inspect_pipeline.cameras.solar_line import SolarLineSettings
from inspect_pipeline.domain.bundle import detector_name, initialization_name
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise, UnitGrid
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.services.scoring import ScoreSummary
from inspect_pipeline.services.teaching import TeachSummary
from inspect_pipeline.services.training import TrainSummary
from inspect_pipeline.services.training_settings import TrainingSettings
from inspect_pipeline.settings import Recipe, RecipeSettings, Settings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LINE, RECIPE, HELD_OUT = "poly", "solar-cells", "poly-held-out"
INITIALIZATION, DETECTOR = initialization_name("default"), detector_name(LINE, RECIPE)
TINY_LOOP = OuterLoop(
    steps=2, tasks_per_step=2, folds=2, validate_every=1, validation_episodes=4, decision_episodes=100
)
# These tests are about the house: how much can be learned from so little is not for its gate to say, and so generous a
# promise is sure to leave findings.
LENIENT = GateRules(min_leave_one_out=0.0)
GENEROUS = RecipeSettings(
    recipes={
        "default": Recipe(),
        RECIPE: Recipe(promise=Promise(overkill=0.4, unit=UnitGrid(height_px=300, width_px=300))),
    }
)


@cache
def small_coils() -> dict[str, SolarCoil]:
    """History of 2 frames a line, 2 frames to teach on, 4 to judge of which one is lost and one torn."""
    whole = SolarLineSettings(lost_frames=0, torn_frames=0)
    taught = SolarDemoSettings(
        shots=4,
        teach_functional=20,
        history_functional=8,
        history_defective=4,
        history_painted_each=2,
        held_out_painted_each=2,
        held_out_functional=28,
        held_out_defective=8,
        line=whole,
    )
    judged = SolarDemoSettings(
        shots=4,
        teach_functional=20,
        history_functional=20,
        history_defective=4,
        history_painted_each=2,
        held_out_painted_each=2,
        held_out_functional=28,
        held_out_defective=8,
    )
    cells = read_solar_cells()
    coils = {coil.name: coil for coil in solar_coils(cells, taught, seed=0)}
    held_out = [coil for coil in solar_coils(cells, judged, seed=0) if coil.role is LabelRole.HELD_OUT]
    return coils | {coil.name: coil for coil in held_out}


def settings(workspace: Path, *, gates: GateRules = LENIENT) -> Settings:
    training = TrainingSettings(way=2, shot=1, query=1, outer_loop=TINY_LOOP)
    return Settings(
        workspace=workspace, training=training, detector=DetectorSettings(folds=2), gates=gates, recipes=GENEROUS
    )


@contextmanager
def opened(workspace: Path, *, gates: GateRules = LENIENT) -> Iterator[House]:
    """The house of a workspace whose demo lays out the small coils."""
    with open_house(settings(workspace, gates=gates), clock=lambda: NOON) as house:
        house.demo._solar[0] = dict(small_coils())
        yield house


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What one run of the loop gave."""

    workspace: Path
    plan: DemoPlan
    ingested: dict[str, IngestSummary]
    trained: TrainSummary
    taught: TeachSummary
    scored: ScoreSummary
    report: Path


def promote(house: House, model: str, version: str) -> None:
    house.models.promote(model, operator="test", reason="test", version=version)


def run_loop(workspace: Path) -> Loop:
    """Ingest, train, promote, adapt, promote, score, report."""
    with opened(workspace) as house:
        plan = house.demo.plan()
        ingested = {coil.id: house.demo.ingest(plan, coil.id) for coil in plan.coils}
        trained = house.train()
        promote(house, trained.model, trained.version)
        taught = house.adapt(line=LINE, recipe=RECIPE)
        promote(house, taught.model, taught.version)
        scored = house.score(HELD_OUT)
        report = house.report(HELD_OUT, same_run=True)
    return Loop(
        workspace=workspace,
        plan=plan,
        ingested=ingested,
        trained=trained,
        taught=taught,
        scored=scored,
        report=report,
    )
