"""Taking back what was taught, and saying it again: rows are appended, so both are on record."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, in_force
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import NotFoundError, NothingToDoError
from inspect_pipeline.services.ports import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawing:
    """Withdraws and repeats support labels of a line."""

    catalog: Catalog
    clock: Clock

    def withdraw(self, line: str, defect_type: str, *, operator: str) -> list[Label]:
        """Take back every support of the type; return the appended rows. The next teaching is that of before it.

        Raises NotFoundError when no label of the line ever named it, NothingToDoError when all are withdrawn already.
        """
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
            if not any(label.defect_type == defect_type for label in every):
                raise NotFoundError(f"line {line!r} has no labels of type {defect_type!r}; check the name")
            taken = [
                self._next(label, LabelRole.WITHDRAWN, operator)
                for label in in_force(every, role=LabelRole.SUPPORT)
                if label.kind is LabelKind.DEFECT and label.defect_type == defect_type
            ]
            if not taken:
                raise NothingToDoError(f"no support of type {defect_type!r} is in force on line {line!r}")
            unit.add_labels(taken)
        return taken

    def repeat(self, line: str, said: Sequence[Label], *, operator: str) -> list[Label]:
        """Put labels that were said once more back in force where they had been withdrawn; return the appended rows.

        A repeated statement has the id of its first row, so appending it alone would change nothing.
        """
        ids = {label.id for label in said}
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
            by_id = {label.id: label for label in every}
            again = [
                self._next(label, LabelRole.SUPPORT, operator)
                for label in in_force(every, role=LabelRole.WITHDRAWN)
                if _root(label, by_id).id in ids
            ]
            unit.add_labels(again)
        return again

    def _next(self, label: Label, role: LabelRole, operator: str) -> Label:
        return in_another_role(label, role, operator=operator, at=self.clock())


def in_another_role(label: Label, role: LabelRole, *, operator: str, at: datetime) -> Label:
    """Return the row that says the same of the region in another role, superseding the label."""
    name = hashlib.sha256(f"{label.id}\x1f{role.value}".encode()).hexdigest()[:24]
    return replace(label, id=name, role=role, operator=operator, labelled_at=at, supersedes=label.id)


def _root(label: Label, by_id: dict[str, Label]) -> Label:
    """Return the first row that said the same of the region; one that it corrected said something else."""
    while label.supersedes is not None and label.supersedes in by_id:
        before = by_id[label.supersedes]
        if (before.region, before.kind, before.defect_type) != (label.region, label.kind, label.defect_type):
            return label
        label = before
    return label
