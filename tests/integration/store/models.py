"""Small real bundles for the store's tests."""

import numpy as np
from safetensors.numpy import save

from inspect_pipeline.domain.bundle import Bundle, ModelKind


def a_bundle(*, weight: float = 1.0, note: str = "") -> Bundle:
    tensors = save({"w": np.full((3, 4), weight, dtype=np.float32)})
    return Bundle(kind=ModelKind.DETECTOR, manifest={"classes": ["Kratzer", "Öl"], "note": note}, tensors=tensors)
