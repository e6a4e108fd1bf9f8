"""The watch of the lines on a workspace."""

import os
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inspect_pipeline.bootstrap.auditing import end_left_over
from inspect_pipeline.bootstrap.doctor import stores_health
from inspect_pipeline.bootstrap.gate_labels import LateTrials
from inspect_pipeline.bootstrap.stores import SAMPLES, Stores
from inspect_pipeline.errors import NotFoundError

if TYPE_CHECKING:
    from inspect_pipeline.services.line_watch import LineWatch
    from inspect_pipeline.services.monitoring import Delivery, Monitoring, MonitorSummary


class WatchedStores(Stores):
    """The adapters of a workspace, and the watch over its lines."""

    def monitor(self, line: str | None = None) -> "MonitorSummary":
        """Watch a line, or all of them, and the stores. Raises NotFoundError for a line that is not there."""
        end_left_over(self)
        return self.monitoring.run(self._watched(line))

    @cached_property
    def line_watch(self) -> "LineWatch":
        """What gathers the coils of a line, for the watch and for pages."""
        from inspect_pipeline.services.line_watch import LineWatch

        return LineWatch(catalog=self.catalog, images=self.images, rules=self.settings.monitor.watch, excluding=SAMPLES)

    @cached_property
    def monitoring(self) -> "Monitoring":
        """The watch, which keeps what it sees and tells of new alarms."""
        from inspect_pipeline.services.monitoring import Monitoring, nobody

        settings = self.settings.monitor
        return Monitoring(
            catalog=self.catalog,
            registry=self.registry,
            watching=self.line_watch,
            trials=LateTrials(self, golden_only=True),
            health=lambda: stores_health(self, least_free_gib=settings.least_free_gib),
            notify=self._tell if settings.webhooks.urls else nobody,
            clock=self.clock,
            progress=self.progress,
            tracker=self.tracker,
        )

    def _tell(self, document: Mapping[str, Any]) -> "list[Delivery]":
        """Send to the webhooks of the settings, signed with the secret of the environment."""
        from inspect_pipeline.publish.webhook import SECRET_VARIABLE, Webhooks
        from inspect_pipeline.services.monitoring import Delivery

        wanted = self.settings.monitor.webhooks
        hooks = Webhooks(
            urls=wanted.urls,
            secret=os.environ.get(SECRET_VARIABLE),
            attempts=wanted.attempts,
            first_wait_s=wanted.first_wait_s,
            timeout_s=wanted.timeout_s,
            clock=self.clock,
            wait=time.sleep,
        )
        return [Delivery(target=one.target, attempts=one.attempts, error=one.error) for one in hooks.send(document)]

    def _watched(self, line: str | None) -> list[tuple[str, str]]:
        every = self.lines()
        found = [pair for pair in every if line in (None, pair[0])]
        if not found and line is not None:
            known = ", ".join(sorted({name for name, _ in every})) or "none"
            raise NotFoundError(f"there is no line {line!r}; known are: {known}")
        return found
