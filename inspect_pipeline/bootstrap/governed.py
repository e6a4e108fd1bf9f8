"""Stores under control: what is in force and by whose leave, the labels of the gate, the audit trail."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap.auditing import auditing, end_left_over, export
from inspect_pipeline.bootstrap.gate_labels import LateTrials, add_labels
from inspect_pipeline.bootstrap.monitoring import WatchedStores
from inspect_pipeline.bootstrap.runtimes import LateParities
from inspect_pipeline.services.models import Models

if TYPE_CHECKING:
    from inspect_pipeline.services.auditing import Auditing, AuditTrail
    from inspect_pipeline.services.ingest import IngestSummary


@dataclass(kw_only=True)
class Governed(WatchedStores):
    """The use cases of those who answer for what is in force."""

    @cached_property
    def models(self) -> Models:
        """Listing, gate, promotion and rollback; changes that killed processes left half done are ended first."""
        end_left_over(self)
        return Models(
            catalog=self.catalog,
            registry=self.registry,
            rules=self.settings.gates,
            clock=self.clock,
            trials=LateTrials(self),
            parities=LateParities(self),
        )

    @cached_property
    def audit_trail(self) -> "AuditTrail":
        """The audit trail, read; ``auditing`` proves it and opens the model registry for that, which is slow."""
        from inspect_pipeline.services.auditing import AuditTrail

        return AuditTrail(catalog=self.catalog)

    @cached_property
    def auditing(self) -> "Auditing":
        """The audit trail, read and proved."""
        return auditing(self)

    def add_labels(self, folder: Path, *, role: str, line: str, recipe: str, operator: str) -> "IngestSummary":
        """Take in a labelled folder whose labels the gate looks at (role gate or golden); they never teach."""
        return add_labels(self, folder, role=role, line=line, recipe=recipe, operator=operator)

    def export_audit(self, out: Path) -> int:
        """Write the audit trail as CSV and return how many entries it has."""
        return export(self, out)
