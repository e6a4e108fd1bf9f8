"""Re-teaching wired: the lines that follow an initialization are taught by the teaching of their recipe."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.bundle import initialization_named
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.detector_settings import CLOSED_FORM
from inspect_pipeline.services.reteaching import Follower, Reteaching, ReteachSummary, Taught

if TYPE_CHECKING:
    from inspect_pipeline.services.teaching import Teaching


def reteach(
    stores: Stores, teaching_of: "Callable[[str, str | None], Teaching]", model: str, *, operator: str
) -> ReteachSummary:
    """Teach again the lines that follow ``initialization.NAME``; ``teaching_of`` a recipe and an adaptation.

    Raises BadDataError for a model of another kind.
    """
    name = initialization_named(model)
    if name is None:
        raise BadDataError(
            f"{model!r} is no initialization, so no line follows it; give one such as initialization.default"
        )

    def teach(follower: Follower, origin: str) -> Taught:
        # What a detector was adapted by is asked for again; the settings alone would take it back.
        adaptation = None if follower.adaptation == CLOSED_FORM else follower.adaptation
        teaching = teaching_of(follower.recipe, adaptation)
        return teaching.adapt(follower.line, follower.recipe, initialization=origin, seed=follower.seed)

    use_case = Reteaching(
        catalog=stores.catalog,
        registry=stores.registry,
        teach=teach,
        clock=stores.clock,
        progress=stores.progress,
    )
    return use_case.run(name, operator=operator)
