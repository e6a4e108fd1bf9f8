"""What the audit trail says of a change of the version in force."""

from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.records import Promotion


def promotion_event(promotion: Promotion) -> AuditEvent:
    """Return what the trail says of a change of the version in force."""
    return AuditEvent(
        at=promotion.at,
        actor=promotion.operator,
        action=AuditAction(promotion.kind.value),
        subject=promotion.model,
        before=promotion.from_version,
        after=promotion.to_version,
        reason=promotion.reason,
    )
