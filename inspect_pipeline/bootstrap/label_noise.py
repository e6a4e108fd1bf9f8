"""The look at doubtful labels on a workspace."""

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.services.label_noise import LabelNoise


def label_noise(stores: Stores, recipe: str = "default") -> LabelNoise:
    """Return the use case for the lines of a recipe."""
    return LabelNoise(
        catalog=stores.catalog,
        images=stores.images,
        registry=stores.registry,
        features=stores.features,
        settings=stores.settings.detector,
        unit=stores.settings.recipe(recipe).promise.unit,
        clock=stores.clock,
        progress=stores.progress,
    )
