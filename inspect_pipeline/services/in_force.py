"""Which version of a model is in force: the one on record, as long as the champion alias says the same."""

from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.ports import Catalog, ModelRegistry

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
_LOOKS = 5  # a promotion may end between a look at the records and one at the alias


def version_in_force(catalog: Catalog, registry: ModelRegistry, model: str) -> str | None:
    """Return the version on record as in force, None where none ever was.

    While a promotion is under way that is still the version before it. Raises RefusedError when the champion alias was
    moved past the records (in MLflow's own page, say): nobody answers for that version.
    """
    alias = recorded = None
    for _ in range(_LOOKS):
        with catalog.transaction() as unit:
            standing = unit.standing(model)
        alias, recorded = registry.aliased(model, CHAMPION), standing.recorded
        if standing.agrees(alias):
            return recorded
    raise RefusedError(
        f"{model}: its champion alias is {_named(alias)}, but on record {_named(recorded)} is in force, so the alias "
        f"was moved outside this program; 'models adopt {model}' puts it on record through the gate, "
        f"'models restore {model}' moves it back"
    )


def _named(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
