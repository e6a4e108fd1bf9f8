"""The defect types of a line: what there is, and the steps that people decide: approve, retire, restore."""

from dataclasses import dataclass

from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.labels import LabelRole, in_force
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle, TypeMove, check_move
from inspect_pipeline.errors import NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.ports import Catalog, ModelRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFacts:
    """One type of a line: its stage, how many labels in force name it, and its last step."""

    name: str
    life_cycle: LifeCycle
    supports: int
    held_out: int
    in_champion: bool
    last: TypeMove | None


_MEASURING = (LabelRole.HELD_OUT, LabelRole.GATE, LabelRole.GOLDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeBook:
    """The types of a line and their life cycle; every step is recorded with who and why."""

    catalog: Catalog
    registry: ModelRegistry
    clock: Clock

    def listing(self, line: str, recipe: str) -> list[TypeFacts]:
        """Return the line's types by name, retired ones included."""
        champion = self._champion_types(line, recipe)
        with self.catalog.transaction() as unit:
            types, labels = unit.types(line), in_force(unit.labels(line=line))
            last = {move.defect_type: move for move in unit.type_moves(line)}
        return [
            TypeFacts(
                name=known.name,
                life_cycle=known.life_cycle,
                supports=sum(one.defect_type == known.name and one.role is LabelRole.SUPPORT for one in labels),
                held_out=sum(one.defect_type == known.name and one.role in _MEASURING for one in labels),
                in_champion=known.name in champion,
                last=last.get(known.name),
            )
            for known in types
        ]

    def approve(self, line: str, recipe: str, defect_type: str, *, operator: str, reason: str) -> TypeMove:
        """Let a provisional type stop the line on its own.

        Raises RefusedError when no promoted detector of the line and recipe knows it or it is not provisional.
        """
        if defect_type not in self._champion_types(line, recipe):
            raise RefusedError(
                f"type {defect_type!r} cannot be approved: no detector in force of line {line!r}, recipe {recipe!r}, "
                "knows it; teach it and promote the detector first"
            )
        return self._move(line, defect_type, LifeCycle.APPROVED, operator=operator, reason=reason)

    def retire(self, line: str, defect_type: str, *, operator: str, reason: str) -> TypeMove:
        """Take a type out: from now on nothing is named so, and the next detector is not taught it; labels stay."""
        return self._move(line, defect_type, LifeCycle.RETIRED, operator=operator, reason=reason)

    def restore(self, line: str, defect_type: str, *, operator: str, reason: str) -> TypeMove:
        """Bring a retired type back as a candidate: the next teaching takes its labels up again."""
        only = LifeCycle.RETIRED
        return self._move(line, defect_type, LifeCycle.CANDIDATE, operator=operator, reason=reason, only_from=only)

    def _move(
        self,
        line: str,
        defect_type: str,
        after: LifeCycle,
        *,
        operator: str,
        reason: str,
        only_from: LifeCycle | None = None,
    ) -> TypeMove:
        with self.catalog.transaction() as unit:
            stages = {known.name: known.life_cycle for known in unit.types(line)}
            if defect_type not in stages:
                raise _unknown(line, defect_type, sorted(stages))
            before = stages[defect_type]
            if only_from is not None and before is not only_from:
                raise NothingToDoError(
                    f"type {defect_type!r} of line {line!r} is {before.value}, not {only_from.value}"
                )
            if before is after:
                raise NothingToDoError(f"type {defect_type!r} of line {line!r} is {after.value} already")
            check_move(defect_type, before, after)
            move = TypeMove(
                line=line,
                defect_type=defect_type,
                before=before,
                after=after,
                operator=operator,
                reason=reason,
                at=self.clock(),
            )
            unit.put_type(line, DefectType(name=defect_type, life_cycle=after))
            unit.add_type_move(move)
        return move

    def _champion_types(self, line: str, recipe: str) -> frozenset[str]:
        model = detector_name(line, recipe)
        version = self.registry.aliased(model, CHAMPION)
        if version is None:
            return frozenset()
        return frozenset(self.registry.load(model, version=version)[1].manifest["class_names"])


def _unknown(line: str, defect_type: str, known: list[str]) -> NotFoundError:
    there = ", ".join(known) or "none"
    return NotFoundError(f"line {line!r} has no type {defect_type!r}; known are {there}")
