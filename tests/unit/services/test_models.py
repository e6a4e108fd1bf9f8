"""Promotion on in-memory stores: the gate decides, aliases move, every move is on record, one step leads back."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from inspect_pipeline.domain.beside_normality import BesideNormality
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.gate import Evidence, GateRules, TypeEvidence, evidence_to
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.errors import BadDataError, NotFoundError, NothingToDoError, RefusedError, StorageError
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION, PREVIOUS
from inspect_pipeline.services.models import Models, parsed_reference
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.registry import InMemoryRegistry

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
AS_MANY = BesideNormality(trials=5, found=4, alone=4, lost=0)
MODEL = "detector.line-1.default"


class StuckRegistry(InMemoryRegistry):
    """A registry that cannot move one alias to one version."""

    stuck: tuple[str, str] | None = None

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        if (alias, version) == self.stuck:
            raise StorageError("the registry did not answer")
        super().set_alias(model, alias, version)


@dataclass
class Plant:
    """One line's detectors; every new one differs from the last and becomes the challenger."""

    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    registry: StuckRegistry = field(default_factory=StuckRegistry)
    rules: GateRules = field(default_factory=GateRules)

    @property
    def models(self) -> Models:
        return Models(catalog=self.catalog, registry=self.registry, rules=self.rules, clock=lambda: NOON)

    def challenge(self, *, found: int = 5, alarms: int = 1, beside: BesideNormality | None = AS_MANY) -> str:
        number = len(self.registry.versions(MODEL))
        evidence = Evidence(
            promised_overkill=0.05,
            overkill=rate(alarms, 60),
            types=(TypeEvidence(defect_type="scratch", found=rate(found, 5)),),
            beside_normality=beside,
        )
        manifest = {"number": number, "evidence": evidence_to(evidence)}
        bundle = Bundle(kind=ModelKind.DETECTOR, manifest=manifest, tensors=b"")
        version = self.registry.register(MODEL, bundle, tags={})
        self.registry.set_alias(MODEL, CHALLENGER, version)
        return version

    def promote(self, version: str | None = None) -> None:
        self.models.promote(MODEL, operator="operator-7", reason="better", version=version)

    def rollback(self) -> None:
        self.models.rollback(MODEL, operator="operator-8", reason="alarms")

    def aliases(self) -> tuple[str | None, ...]:
        return tuple(self.registry.aliased(MODEL, alias) for alias in (CHAMPION, PREVIOUS, CHALLENGER))

    def record(self) -> list[tuple[str | None, str, str, str]]:
        with self.catalog.transaction() as unit:
            return [(p.from_version, p.to_version, p.operator, p.reason) for p in unit.promotions(MODEL)]


def plant_with(champions: int) -> Plant:
    plant = Plant()
    for _ in range(champions):
        plant.challenge()
        plant.promote()
    return plant


def test_the_first_challenger_that_passes_becomes_champion() -> None:
    plant = Plant()
    plant.challenge()
    promotion, report = plant.models.promote(MODEL, operator="operator-7", reason="first")
    assert report.passed
    assert (promotion.from_version, promotion.to_version, promotion.at) == (None, "1", NOON)
    assert plant.aliases() == ("1", None, None)
    assert plant.record() == [(None, "1", "operator-7", "first")]


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        (
            BesideNormality(trials=5, found=3, alone=4, lost=2),
            "normality alone: 3 of 5 left-out samples .* without its types 4 .* label 1 more that only its types find",
        ),
        (None, "normality alone: not measured when this detector was taught; teach it again"),
        (BesideNormality(trials=2, found=2, alone=0, lost=0), "normality alone: compared on 2 samples; 1 more are"),
    ],
)
def test_a_first_detector_worse_than_normality_alone_is_refused_for_that_alone_and_a_later_one_is_not(
    beside: BesideNormality | None, why: str
) -> None:
    plant = Plant()
    version = plant.challenge(beside=beside)
    _, report = plant.models.gate(MODEL)
    [reason] = report.reasons
    assert re.match(why, reason)
    with pytest.raises(RefusedError, match="normality alone"):
        plant.promote()
    plant.challenge()
    plant.promote()
    assert plant.models.gate(MODEL, version=version)[1].passed  # the champion is the standard from then on


def test_the_next_champion_makes_the_old_one_previous() -> None:
    plant = plant_with(2)
    assert plant.aliases() == ("2", "1", None)
    assert plant.record()[-1] == ("1", "2", "operator-7", "better")


def test_a_refused_challenger_moves_nothing_and_every_reason_is_given() -> None:
    plant = plant_with(2)
    plant.challenge(found=0, alarms=30)
    with pytest.raises(RefusedError, match="version 3 was refused by its gate") as refused:
        plant.promote()
    assert "30 of 60 known-good units alarm" in str(refused.value)
    assert "only 0 of 5 samples are found" in str(refused.value)
    assert refused.value.exit_code == 3
    assert plant.aliases() == ("2", "1", "3")
    assert len(plant.record()) == 2


def test_a_version_can_be_promoted_by_its_number_and_the_challenger_stays() -> None:
    plant = Plant()
    plant.challenge()
    plant.challenge()
    plant.promote("1")
    assert plant.aliases() == ("1", None, "2")


@pytest.mark.parametrize("version", [None, "1"])
def test_promoting_twice_is_nothing_to_do(version: str | None) -> None:
    plant = plant_with(1)
    with pytest.raises(NothingToDoError, match="version 1 is the champion already"):
        plant.promote(version)
    assert len(plant.record()) == 1


def test_without_any_version_there_is_nothing_to_promote() -> None:
    with pytest.raises(NotFoundError):
        Plant().promote()


def test_rollback_brings_the_previous_champion_back_without_a_gate() -> None:
    plant = plant_with(2)
    plant.rollback()
    assert plant.aliases() == ("1", "2", None)
    assert plant.record()[-1] == ("2", "1", "operator-8", "alarms")


def test_rolling_back_twice_ends_where_it_began() -> None:
    plant = plant_with(2)
    plant.rollback()
    plant.rollback()
    assert plant.aliases() == ("2", "1", None)
    assert len(plant.record()) == 4


def test_with_no_previous_champion_there_is_nothing_to_roll_back_to() -> None:
    plant = plant_with(1)
    with pytest.raises(NotFoundError, match="no previous version"):
        plant.rollback()
    assert plant.aliases() == ("1", None, None)


@pytest.mark.parametrize("stuck", [(CHAMPION, "3"), (PREVIOUS, "2")])
def test_an_alias_that_cannot_be_moved_leaves_all_as_it_was(stuck: tuple[str, str]) -> None:
    plant = plant_with(2)
    plant.challenge()
    plant.registry.stuck = stuck
    with pytest.raises(StorageError, match="did not answer"):
        plant.promote()
    assert plant.aliases() == ("2", "1", "3")
    assert len(plant.record()) == 2
    plant.registry.stuck = None
    plant.promote()
    assert plant.aliases() == ("3", "2", None)


def test_an_initialization_goes_through_its_own_gate() -> None:
    plant = Plant()
    evidence = Evidence(episodes=10, chosen="protonet", difference_low=0.01)
    bundle = Bundle(kind=ModelKind.INITIALIZATION, manifest={"evidence": evidence_to(evidence)}, tensors=b"")
    plant.registry.register("initialization.default", bundle, tags={})
    with pytest.raises(RefusedError, match="measured on 10 episodes; 90 more are needed"):
        plant.models.promote("initialization.default", operator="operator-7", reason="", version="1")


def test_the_gate_of_an_unchallenged_champion_is_its_own() -> None:
    plant = plant_with(1)
    version, report = plant.models.gate(MODEL)
    assert (version, report.passed, report.challenger) == ("1", True, report.champion)


def test_versions_are_listed_newest_first_with_their_aliases() -> None:
    plant = plant_with(2)
    assert [(v.version, v.aliases) for v in plant.models.listing()] == [("2", (CHAMPION,)), ("1", (PREVIOUS,))]


def test_a_version_is_shown_by_number_or_alias() -> None:
    plant = plant_with(2)
    assert plant.models.show(MODEL)[1]["number"] == 1
    assert plant.models.show(MODEL, version="1") == plant.models.show(MODEL, alias=PREVIOUS)
    with pytest.raises(NotFoundError):
        plant.models.show(MODEL, version="9")


def test_a_reference_names_an_alias_or_a_version() -> None:
    by_alias, by_number = parsed_reference("detector.a@b.c@champion"), parsed_reference(f"{MODEL}@12")
    assert (by_alias.name, by_alias.version, by_alias.alias) == ("detector.a@b.c", None, "champion")
    assert (by_number.name, by_number.version, by_number.alias) == (MODEL, "12", None)


@pytest.mark.parametrize("text", ["", "champion", "@champion", f"{MODEL}@"])
def test_a_reference_without_name_or_which_is_refused(text: str) -> None:
    with pytest.raises(BadDataError, match="NAME@ALIAS"):
        parsed_reference(text)


def test_a_rollback_to_what_is_in_force_already_moves_nothing() -> None:
    plant = plant_with(1)
    plant.registry.set_alias(MODEL, PREVIOUS, "1")
    with pytest.raises(NothingToDoError, match="in force already"):
        plant.rollback()
    assert len(plant.record()) == 1


def test_an_alias_moved_past_the_records_is_refused_until_it_is_adopted_or_restored() -> None:
    plant = plant_with(1)
    plant.challenge()
    plant.registry.set_alias(MODEL, CHAMPION, "2")
    with pytest.raises(RefusedError, match=rf"on record version 1 is in force.*'models adopt {MODEL}'"):
        plant.promote()
    promotion, report = plant.models.adopt(MODEL, operator="engineer-1", reason="moved in MLflow by mistake")
    assert report.passed
    assert (promotion.from_version, promotion.to_version, promotion.kind) == ("1", "2", MoveKind.ADOPTED)
    assert plant.aliases() == ("2", "1", None)
    plant.registry.set_alias(MODEL, CHAMPION, "1")
    assert plant.models.restore(MODEL, operator="engineer-1", reason="back") == "2"
    assert plant.aliases()[0] == "2"
    with pytest.raises(NothingToDoError, match="nothing to restore"):
        plant.models.restore(MODEL, operator="engineer-1", reason="back")
    with pytest.raises(NothingToDoError, match="nothing to adopt"):
        plant.models.adopt(MODEL, operator="engineer-1", reason="again")


def test_what_was_moved_past_the_records_is_not_adopted_against_the_gate() -> None:
    plant = plant_with(1)
    plant.registry.set_alias(MODEL, CHAMPION, plant.challenge(found=0))
    with pytest.raises(RefusedError, match=r"refused by its gate, so it cannot be adopted \('models restore"):
        plant.models.adopt(MODEL, operator="engineer-1", reason="moved")


def test_a_gate_is_overridden_by_a_named_person_in_a_named_role_with_a_reason_and_that_is_recorded() -> None:
    plant = plant_with(1)
    plant.challenge(found=0)
    plant.rules = GateRules(overrides={"quality_manager": ("engineer-1",)})

    def promote(operator: str, role: str, reason: str) -> None:
        plant.models.promote(MODEL, operator=operator, reason=reason, override=role)

    with pytest.raises(RefusedError, match="role 'operator' may not override a gate"):
        promote("engineer-1", "operator", "a customer waits for this coil")
    with pytest.raises(RefusedError, match="operator-7 has not the role"):
        promote("operator-7", "quality_manager", "a customer waits for this coil")
    with pytest.raises(RefusedError, match="a reason in writing"):
        promote("engineer-1", "quality_manager", "urgent")
    assert plant.aliases()[0] == "1"
    promote("engineer-1", "quality_manager", "a customer waits for this coil")
    assert plant.aliases()[0] == "2"
    done = plant.models.history(MODEL)[-1]
    assert done.kind is MoveKind.OVERRIDDEN
    assert "as quality_manager: a customer waits" in done.reason
    assert "only 0 of 5 samples are found" in done.reason


def test_an_override_asked_for_where_the_gate_passes_is_a_plain_promotion() -> None:
    plant = plant_with(1)
    plant.challenge()
    plant.models.promote(MODEL, operator="operator-7", reason="better", override="nobody")
    assert plant.models.history(MODEL)[-1].kind is MoveKind.PROMOTED


def test_the_history_of_an_unknown_model_is_refused() -> None:
    with pytest.raises(NotFoundError, match=r"no model 'detector\.nowhere'"):
        Plant().models.history("detector.nowhere")
