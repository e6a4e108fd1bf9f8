"""What the watch of the lines looks for, and whom it tells."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from inspect_pipeline.domain.drift import WatchRules
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Who is told of new alarms: each of ``urls`` gets a signed POST.

    One that does not answer is tried ``attempts`` times in all, ``first_wait_s`` apart and twice as long each time; an
    answer is waited for ``timeout_s``.
    """

    urls: tuple[str, ...] = ()
    attempts: int = 4
    first_wait_s: float = 1.0
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise BadDataError(f"webhook {url!r} is no http or https URL")
        if self.attempts < 1 or self.first_wait_s < 0.0 or not self.timeout_s > 0.0:
            raise BadDataError(
                f"webhooks: {self.attempts} attempts, first_wait_s {self.first_wait_s}, timeout_s {self.timeout_s} "
                "cannot be; give 1 or more, 0 or more, and above 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """The settings of the watch; ``least_free_gib`` is how much of the disk must stay free."""

    watch: WatchRules = field(default_factory=WatchRules)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    least_free_gib: float = 2.0
