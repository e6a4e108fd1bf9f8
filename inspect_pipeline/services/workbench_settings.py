"""How the workbench behaves: what waits in its queue, how teaching answers, how people sign in."""

from dataclasses import dataclass, field

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.security_settings import SecuritySettings, SiteSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What waits for a person: every unknown finding, and a known one whose name leads by less than ``doubt_margin``.

    Findings whose descriptions have a cosine of at least ``likeness`` form a group.
    """

    doubt_margin: float = 0.2
    likeness: float = 0.9

    def __post_init__(self) -> None:
        if not self.doubt_margin >= 0.0 or not 0.0 < self.likeness < 1.0:
            raise BadDataError(
                f"workbench: doubt_margin {self.doubt_margin} and likeness {self.likeness} cannot be; "
                "give 0 or more, and a cosine between 0 and 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchSettings:
    """The settings of the workbench."""

    queue: QueueSettings = field(default_factory=QueueSettings)
    site: SiteSettings = field(default_factory=SiteSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
