"""The workbench's use cases on a workspace, made when first used."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspect_pipeline.services.workbench_settings import WorkbenchSettings

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.records import Clock


@dataclass(kw_only=True)
class Workbench:
    """What pages and the REST interface call; ``house`` has the use cases that the command line has too."""

    house: "House"

    @property
    def settings(self) -> WorkbenchSettings:
        """The settings of the workbench."""
        return self.house.settings.workbench

    @property
    def clock(self) -> "Clock":
        """The clock of the house."""
        return self.house.clock
