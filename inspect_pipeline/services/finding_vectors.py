"""What a detector saw of each finding that it compared with the samples, kept so that teaching need not look again."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.services.ports import FeatureStore

VECTORS = "finding-vectors-1"
"""How the entries are made. Whoever changes what they hold counts this up."""


def keep_vectors(features: FeatureStore, result: FrameResult, vectors: Mapping[int, NDArray[np.float32]]) -> None:
    """Keep the raw region vectors of a verdict's findings by their ordinal, as float16, one entry for the frame.

    Nothing is written where no finding was compared. Raises DiskFullError and StorageError as the store does.
    """
    if vectors:
        halves = {str(ordinal): vector.astype(np.float16) for ordinal, vector in sorted(vectors.items())}
        features.put(_key(result.frame, result.detector), save(halves))


def kept_vectors(features: FeatureStore, frame: str, detector: str) -> Mapping[int, NDArray[np.float32]]:
    """Return {ordinal: raw region vector (d)} of what this detector version found on the frame.

    The store is bounded: what was pushed out or is damaged is not among them, and one looks at the frame again.
    """
    content = features.get(_key(frame, detector))
    if content is None:
        return {}
    try:
        return {int(ordinal): vector.astype(np.float32) for ordinal, vector in load(content).items()}
    except (SafetensorError, ValueError):  # an entry of another program under this key
        return {}


def _key(frame: str, detector: str) -> str:
    return hashlib.sha256(f"{VECTORS}\x1f{frame}\x1f{detector}".encode()).hexdigest()
