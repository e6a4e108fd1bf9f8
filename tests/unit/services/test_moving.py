"""A change of the version in force that is killed anywhere is ended by whoever comes next: whole, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from inspect_pipeline.domain.audit import AuditAction, anchor_of, chain_faults
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION, PREVIOUS, version_in_force
from inspect_pipeline.services.moving import ANCHOR_TAG, Change, Moving
from tests.fakes.catalog import InMemoryCatalog, InMemoryUnit
from tests.fakes.registry import InMemoryRegistry

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
MODEL = "detector.line-1.default"


class Killed(BaseException):
    """The process is gone; nothing after this runs, so no handler of errors may see it."""


@dataclass
class Fuse:
    """Counts what reaches a store and kills at the given count."""

    left: int = 10**9

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class MortalRegistry(InMemoryRegistry):
    fuse = Fuse()

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        self.fuse.burn()
        super().set_alias(model, alias, version)

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        self.fuse.burn()
        super().set_tag(model, version, key, value)


class MortalCatalog(InMemoryCatalog):
    fuse = Fuse()

    @contextmanager
    def transaction(self) -> Iterator[InMemoryUnit]:
        with super().transaction() as unit:
            yield unit
            self.fuse.burn()  # before the commit


@dataclass
class Plant:
    catalog: MortalCatalog = field(default_factory=MortalCatalog)
    registry: MortalRegistry = field(default_factory=MortalRegistry)

    def __post_init__(self) -> None:
        for number in range(3):
            bundle = Bundle(kind=ModelKind.DETECTOR, manifest={"number": number}, tensors=b"")
            self.registry.register(MODEL, bundle, tags={})
        self.move("1", None)
        self.move("2", "1")
        self.registry.set_alias(MODEL, CHALLENGER, "3")

    @property
    def moving(self) -> Moving:
        return Moving(catalog=self.catalog, registry=self.registry, clock=lambda: NOON)

    def move(self, to: str, seen: str | None) -> None:
        self.moving.move(
            Change(
                model=MODEL,
                kind=MoveKind.PROMOTED,
                from_version=seen,
                to_version=to,
                operator="operator-7",
                reason="better",
            )
        )

    def aliases(self) -> tuple[str | None, ...]:
        return tuple(self.registry.aliased(MODEL, alias) for alias in (CHAMPION, PREVIOUS, CHALLENGER))

    def light(self, count: int) -> None:
        self.catalog.fuse = self.registry.fuse = Fuse(left=count)


def put_out(plant: Plant) -> None:
    plant.light(10**9)


@pytest.mark.parametrize("step", range(12))
def test_a_promotion_killed_at_any_step_is_there_whole_or_not_at_all_after_the_next_start(step: int) -> None:
    plant = Plant()
    plant.light(step)
    try:
        plant.move("3", "2")
    except Killed:
        put_out(plant)
        assert version_in_force(plant.catalog, plant.registry, MODEL) in {"2", "3"}  # scoring goes on meanwhile
    put_out(plant)
    plant.moving.repair()
    in_force = version_in_force(plant.catalog, plant.registry, MODEL)
    assert plant.aliases() == (("3", "2", None) if in_force == "3" else ("2", "1", "3"))
    with plant.catalog.transaction() as unit:
        assert unit.promotions(MODEL)[-1].to_version == in_force
        assert unit.pending_moves() == []
        trail = unit.audit()
    assert list(chain_faults(trail, anchors={})) == []
    assert [entry.event.after for entry in trail if entry.event.action is AuditAction.PROMOTED][-1] == in_force
    plant.move("3", "2") if in_force == "2" else plant.move("2", "3")  # and it goes on from there


def test_every_step_of_a_promotion_is_reached_by_the_kills_above() -> None:
    plant = Plant()
    plant.light(12)
    plant.move("3", "2")
    assert 0 <= plant.registry.fuse.left < 6


def test_a_repair_that_is_killed_is_repaired_by_the_next() -> None:
    plant = Plant()
    plant.light(5)
    with pytest.raises(Killed):
        plant.move("3", "2")
    for step in range(4):
        plant.light(step)
        with pytest.raises(Killed):
            plant.moving.repair()
    put_out(plant)
    assert plant.moving.repair() == [MODEL]
    assert plant.moving.repair() == []
    assert version_in_force(plant.catalog, plant.registry, MODEL) == plant.aliases()[0]


def test_of_two_promotions_at_once_the_second_is_told_and_changes_nothing() -> None:
    plant = Plant()
    with plant.catalog.turn(f"in force {MODEL}") as ours, pytest.raises(RefusedError, match="is under way"):
        assert ours
        plant.move("3", "2")
    assert plant.aliases() == ("2", "1", "3")


def test_a_promotion_decided_on_what_is_no_longer_in_force_is_refused() -> None:
    plant = Plant()
    plant.move("3", "2")
    with pytest.raises(RefusedError, match=r"version 3 of .* came into force meanwhile"):
        plant.move("1", "2")
    assert plant.aliases() == ("3", "2", None)
    plant.moving.repair()
    assert plant.aliases() == ("3", "2", None)


def test_the_registry_keeps_an_anchor_of_the_entry_that_put_a_version_in_force() -> None:
    plant = Plant()
    tags = next(v.tags for v in plant.registry.versions(MODEL) if v.version == "2")
    with plant.catalog.transaction() as unit:
        last = unit.audit()[-1]
    assert anchor_of(tags[ANCHOR_TAG]) == (last.seq, last.digest)
