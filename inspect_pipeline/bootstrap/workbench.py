"""The workbench's use cases on a workspace, made when first used."""

import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from inspect_pipeline.services.workbench_settings import WorkbenchSettings

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.records import Clock
    from inspect_pipeline.services.jobs import Jobs
    from inspect_pipeline.services.label_pictures import LabelPictures
    from inspect_pipeline.services.type_outlook import TypeViews
    from inspect_pipeline.services.workbench_teaching import WorkbenchTeaching


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

    @cached_property
    def jobs(self) -> "Jobs":
        """The background work of this process; close it at the end."""
        from inspect_pipeline.services.jobs import Jobs

        return Jobs(catalog=self.house.catalog, clock=self.clock, new_id=lambda: secrets.token_hex(12))

    @cached_property
    def teaching(self) -> "WorkbenchTeaching":
        """Teaching from picked labels, in the background."""
        from inspect_pipeline.services.finding_preview import FindingPreview
        from inspect_pipeline.services.finding_vectors import kept_vectors
        from inspect_pipeline.services.workbench_teaching import WorkbenchTeaching

        house = self.house
        preview = FindingPreview(
            catalog=house.catalog, registry=house.registry, features=house.features, kept=kept_vectors
        )
        return WorkbenchTeaching(
            catalog=house.catalog,
            registry=house.registry,
            teaching=house.teaching,
            preview=preview,
            jobs=self.jobs,
            clock=self.clock,
        )

    @cached_property
    def type_views(self) -> "TypeViews":
        """The types of lines: life cycle, outlook, what their next step lacks, and labels that may be picked."""
        from inspect_pipeline.services.type_outlook import TypeViews

        house = self.house
        return TypeViews(catalog=house.catalog, registry=house.registry, types=house.types, rules=house.settings.gates)

    @cached_property
    def label_pictures(self) -> "LabelPictures":
        """Pictures of labelled regions."""
        from inspect_pipeline.services.label_pictures import LabelPictures

        return LabelPictures(catalog=self.house.catalog, images=self.house.images)
