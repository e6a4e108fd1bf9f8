"""Attribute agreement studies on a workspace; torch is imported when a detector first takes part."""

from dataclasses import dataclass
from functools import cached_property, partial

from inspect_pipeline.bootstrap.runtimes import equip
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.services.studies import ModelAppraiser, Studies


@dataclass(kw_only=True)
class StudyRoom:
    """The studies of a workspace."""

    stores: Stores

    @cached_property
    def studies(self) -> Studies:
        """Making, judging, closing and reading studies."""
        stores = self.stores
        return Studies(
            catalog=stores.catalog,
            images=stores.images,
            registry=stores.registry,
            clock=stores.clock,
            model=self.model,
        )

    def model(self) -> ModelAppraiser:
        """Return what judges items by a detector."""
        from inspect_pipeline.services.study_models import DetectorAppraiser

        stores = self.stores
        return DetectorAppraiser(
            catalog=stores.catalog,
            images=stores.images,
            registry=stores.registry,
            clock=stores.clock,
            progress=stores.progress,
            equip=partial(equip, stores),
        )
