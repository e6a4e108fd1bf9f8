"""Models carried to and from plants without network, as one file each."""

from pathlib import Path

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION
from inspect_pipeline.services.teaching import INPUT_TAG
from inspect_pipeline.store.bundles import export_bundle, import_bundle


def export_model(stores: Stores, model: str, *, out: Path, version: str | None, alias: str) -> Path:
    """Write one version with its lineage to ``out`` and return the path."""
    resolved, bundle = stores.registry.load(model, version=version, alias=None if version else alias)
    known = next((found for found in stores.registry.versions(model) if found.version == resolved), None)
    if known is None:
        raise NotFoundError(f"{model} version {resolved} is no longer in the registry")
    export_bundle(out, version=known, bundle=bundle)
    return out


def import_model(stores: Stores, file: Path) -> tuple[str, str]:
    """Register the version in an exported file as challenger and return (model, version)."""
    origin, bundle = import_bundle(file)
    tags = {
        "imported_version": origin.version,
        **({INPUT_TAG: origin.tags[INPUT_TAG]} if INPUT_TAG in origin.tags else {}),
    }
    version = stores.registry.register(origin.model, bundle, tags=tags)
    if stores.registry.aliased(origin.model, CHAMPION) != version:  # what is in force does not challenge itself
        stores.registry.set_alias(origin.model, CHALLENGER, version)
    return origin.model, version
