"""What the line's taxonomy says of a detector's names: retired types are not named, approved ones are approved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, DefectType, LifeCycle
from inspect_pipeline.learning.detector import Typing


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """How far each type of a line has come since its detector was taught."""

    life_cycles: Mapping[str, LifeCycle] = field(default_factory=dict)

    @classmethod
    def of(cls, types: Iterable[DefectType]) -> "Taxonomy":
        """Return the taxonomy of a line's types."""
        return cls(life_cycles={known.name: known.life_cycle for known in types})

    @property
    def retired(self) -> frozenset[str]:
        """The types that are neither taught nor named any more."""
        return frozenset(name for name, reached in self.life_cycles.items() if reached is LifeCycle.RETIRED)

    def applied(self, typing: Typing) -> Typing:
        """Return the name as the taxonomy has it: the region stays found, its score too."""
        if typing.defect_type in self.retired:
            return replace(typing, defect_type=UNKNOWN_TYPE, life_cycle=LifeCycle.CANDIDATE, runner_up=None)
        runner_up = None if typing.runner_up in self.retired else typing.runner_up
        reached = self.life_cycles.get(typing.defect_type, typing.life_cycle)
        return replace(typing, life_cycle=reached, runner_up=runner_up)
