"""The audit trail read and proved: by whom, when, from what to what and why, and whether all of it is as written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditFault, anchor_of
from inspect_pipeline.errors import BadDataError, RefusedError
from inspect_pipeline.services.in_force import version_in_force
from inspect_pipeline.services.moving import ANCHOR_TAG
from inspect_pipeline.services.ports import Catalog, ModelRegistry

COLUMNS = ("seq", "at", "actor", "action", "subject", "before", "after", "reason", "detail", "previous", "digest")
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """What a verification found: how many entries there are, the digest of the last, and every fault."""

    entries: int
    last: str | None
    anchors: int
    faults: tuple[AuditFault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail:
    """The trail as it is read; the model registry, which is slow to open, is not needed for that."""

    catalog: Catalog

    def listing(
        self, *, after: int = 0, limit: int | None = None, subject: str | None = None, action: AuditAction | None = None
    ) -> Sequence[AuditEntry]:
        """Return the entries behind number ``after``, in their order."""
        with self.catalog.transaction() as unit:
            return unit.audit(after=after, limit=limit, subject=subject, action=action)

    def latest(
        self, *, before: int | None, limit: int, subject: str | None = None, action: AuditAction | None = None
    ) -> Sequence[AuditEntry]:
        """Return at most ``limit`` entries in front of number ``before`` (None: the end of the trail), latest first."""
        with self.catalog.transaction() as unit:
            return unit.latest_audit(before=before, limit=limit, subject=subject, action=action)

    def entries(self, *, subject: str | None = None, action: AuditAction | None = None) -> Iterator[AuditEntry]:
        """Yield the whole trail, or what is chosen of it, a page at a time."""
        after = 0
        while page := self.listing(after=after, limit=_PAGE, subject=subject, action=action):
            yield from page
            after = page[-1].seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditing(AuditTrail):
    """The use cases of an auditor."""

    registry: ModelRegistry

    def verify(self) -> AuditVerdict:
        """Return what is no longer as it was written: the trail, the rows it vouches for, aliases moved past it."""
        anchors, faults = self._anchors()
        with self.catalog.transaction() as unit:
            proof = unit.audit_proof(anchors)
        faults += [*proof.faults, *self._aliases()]
        return AuditVerdict(entries=proof.entries, last=proof.last, anchors=len(anchors), faults=tuple(faults))

    def _anchors(self) -> tuple[dict[int, str], list[AuditFault]]:
        """Return what the registry remembers of the trail, and the tags in it that are no anchors."""
        anchors: dict[int, str] = {}
        faults: list[AuditFault] = []
        for model in self.registry.models():
            for version in self.registry.versions(model):
                if ANCHOR_TAG not in version.tags:
                    continue
                try:
                    seq, digest = anchor_of(version.tags[ANCHOR_TAG])
                except BadDataError as error:
                    faults.append(AuditFault(seq=0, what=f"{model} version {version.version}: {error}"))
                else:
                    anchors[seq] = digest
        return anchors, faults

    def _aliases(self) -> list[AuditFault]:
        faults = []
        for model in self.registry.models():
            try:
                version_in_force(self.catalog, self.registry, model)
            except RefusedError as error:
                faults.append(AuditFault(seq=0, what=str(error)))
        return faults


def row_of(entry: AuditEntry) -> tuple[str, ...]:
    """Return the entry as texts in the order of ``COLUMNS``; the details as ``key=value`` lines."""
    event = entry.event
    return (
        str(entry.seq),
        event.at.isoformat(),
        event.actor,
        event.action.value,
        event.subject,
        event.before or "",
        event.after or "",
        event.reason,
        "\n".join(f"{key}={value}" for key, value in sorted(event.detail.items())),
        entry.previous,
        entry.digest,
    )
