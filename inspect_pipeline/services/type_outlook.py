"""Every type of a line with what is known of it, what its samples allow to say, and what its next step lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, in_force
from inspect_pipeline.domain.outlook import Outlook, outlook
from inspect_pipeline.domain.statistics import samples_for_share
from inspect_pipeline.domain.taxonomy import PROVISIONAL_SAMPLES, LifeCycle
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION
from inspect_pipeline.services.ports import Catalog, ModelRegistry
from inspect_pipeline.services.type_book import TypeBook, TypeFacts
from inspect_pipeline.services.workbench_teaching import PICKABLE, outlook_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that a type's next step lacks: a key of ``WHAT`` and how much of it."""

    what: str
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeView:
    """One type: its facts, the outlook of the detector taught last that knows it, and what its next step lacks.

    ``to_pick`` are labels that measure so far and may be picked to teach it. ``step`` is the stage that comes next.
    """

    facts: TypeFacts
    outlook: Outlook | None
    to_pick: int
    step: LifeCycle | None
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeViews:
    """The types of lines as the workbench shows them."""

    catalog: Catalog
    registry: ModelRegistry
    types: TypeBook
    rules: GateRules

    def of(self, line: str, recipe: str) -> list[TypeView]:
        """Return every type of the line by name; labelled ones that were never taught come as candidates."""
        left_out = self._left_out(line, recipe)
        with self.catalog.transaction() as unit:
            labels = in_force(unit.labels(line=line))
        facts = {one.name: one for one in self.types.listing(line, recipe)}
        for name in sorted({label.defect_type or "" for label in labels} - set(facts) - {""}):
            facts[name] = _untaught(name, labels)
        return [self._view(one, left_out.get(name), labels) for name, one in sorted(facts.items())]

    def pickable(self, line: str, defect_type: str | None = None) -> list[Label]:
        """Return the labels in force that may be picked, newest first: of a type, or those that say 'not a defect'."""
        with self.catalog.transaction() as unit:
            labels = in_force(unit.labels(line=line))
        return [
            label
            for label in reversed(labels)
            if label.role in PICKABLE
            and (label.kind is LabelKind.NOT_A_DEFECT if defect_type is None else label.defect_type == defect_type)
        ]

    def _left_out(self, line: str, recipe: str) -> Mapping[str, Mapping[str, Any]]:
        """Return leave-one-out of the detector in force, and over it of the challenger, by type."""
        model = detector_name(line, recipe)
        found: dict[str, Mapping[str, Any]] = {}
        for alias in (CHAMPION, CHALLENGER):
            version = self.registry.aliased(model, alias)
            if version is not None:
                manifest = self.registry.load(model, version=version)[1].manifest
                found |= manifest.get("teaching", {}).get("leave_one_out", {})
        return found

    def _view(self, facts: TypeFacts, left_out: Mapping[str, Any] | None, labels: Sequence[Label]) -> TypeView:
        step, missing = _next(facts, self._gate_labels(facts, labels))
        return TypeView(
            facts=facts,
            outlook=None if left_out is None else outlook(left_out["found"], left_out["of"]),
            to_pick=sum(one.defect_type == facts.name and one.role is LabelRole.HELD_OUT for one in labels),
            step=step,
            missing=missing,
        )

    def _gate_labels(self, facts: TypeFacts, labels: Sequence[Label]) -> int:
        """Return how many labels for the gate an approved type lacks, all of them found, so that detectors pass."""
        have = sum(one.defect_type == facts.name and one.role in (LabelRole.GATE, LabelRole.GOLDEN) for one in labels)
        return max(0, samples_for_share(0, self.rules.held_out.max_escape) - have)


def _next(facts: TypeFacts, gate_labels: int) -> tuple[LifeCycle | None, tuple[Missing, ...]]:
    """Return the stage that comes next and what is missing for it; the last entry is who takes the step."""
    if facts.life_cycle is LifeCycle.RETIRED:
        return LifeCycle.CANDIDATE, (Missing(what="restore"),)
    if facts.life_cycle is LifeCycle.CANDIDATE:
        lacking = max(0, PROVISIONAL_SAMPLES - facts.supports)
        return LifeCycle.PROVISIONAL, (Missing(what="samples", count=lacking) if lacking else Missing(what="teach"),)
    if facts.life_cycle is LifeCycle.APPROVED:
        return None, ((Missing(what="gate_labels", count=gate_labels),) if gate_labels else ())
    lacks = [] if facts.in_champion else [Missing(what="in_force")]
    lacks += [Missing(what="gate_labels", count=gate_labels)] if gate_labels else []
    return LifeCycle.APPROVED, (*lacks, Missing(what="approve"))


def _untaught(name: str, labels: Sequence[Label]) -> TypeFacts:
    """Return a type that labels name and that no teaching has put on the line's list yet."""
    own = [label for label in labels if label.defect_type == name]
    return TypeFacts(
        name=name,
        life_cycle=LifeCycle.CANDIDATE,
        supports=sum(label.role is LabelRole.SUPPORT for label in own),
        held_out=sum(label.role is LabelRole.HELD_OUT for label in own),
        in_champion=False,
        last=None,
    )


def view_to(view: TypeView) -> dict[str, Any]:
    """Return a type as plain JSON."""
    facts, seen = view.facts, view.outlook
    last = facts.last
    return {
        "name": facts.name,
        "life_cycle": facts.life_cycle.value,
        "supports": facts.supports,
        "held_out": facts.held_out,
        "to_pick": view.to_pick,
        "in_force": facts.in_champion,
        "outlook": None if seen is None else outlook_to(seen.seen.count, seen.seen.trials),
        "next": {
            "step": None if view.step is None else view.step.value,
            "missing": [{"what": one.what, "count": one.count} for one in view.missing],
        },
        "last": None
        if last is None
        else {"by": last.operator, "reason": last.reason, "at": last.at.isoformat(), "after": last.after.value},
    }
