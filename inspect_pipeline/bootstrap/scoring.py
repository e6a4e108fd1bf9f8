"""Judging coils, put together from a workspace."""

from functools import partial
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap.auditing import end_left_over, note_what_is_set
from inspect_pipeline.bootstrap.runtimes import equip
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.services.models import parsed_reference

if TYPE_CHECKING:
    from inspect_pipeline.services.scoring import ScoreSummary, Scoring


def score(stores: Stores, coil: str, *, model: str | None) -> "ScoreSummary":
    """Judge a coil by the champion of its line and recipe, or by ``NAME@ALIAS`` or ``NAME@VERSION``."""
    end_left_over(stores)
    note_what_is_set(stores)
    return scoring(stores).run(coil, reference=None if model is None else parsed_reference(model))


def scoring(stores: Stores) -> "Scoring":
    """Return the scoring use case of a workspace."""
    from inspect_pipeline.services.queueing import Queueing
    from inspect_pipeline.services.scoring import Scoring

    return Scoring(
        catalog=stores.catalog,
        images=stores.images,
        registry=stores.registry,
        clock=stores.clock,
        progress=stores.progress,
        equip=partial(equip, stores),
        features=stores.features,
        queue=Queueing(catalog=stores.catalog, settings=stores.settings.workbench.queue),
    )
