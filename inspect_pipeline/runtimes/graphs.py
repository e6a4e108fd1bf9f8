"""What every runtime knows of an exported graph: the names of its ends and the form of what comes out."""

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import InspectError

INPUT = "tile"
STRIDE_PX = 16


def checked_output(found: NDArray[np.float32], tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a runtime gave for the tiles when it is a map of descriptors. Raises InspectError otherwise."""
    wanted = (tiles.shape[0], tiles.shape[2] // STRIDE_PX, tiles.shape[3] // STRIDE_PX)
    if found.ndim != 4 or found.shape[:3] != wanted or found.dtype != np.float32:
        raise InspectError(
            f"the runtime gave {found.dtype} of shape {found.shape} for tiles of {tiles.shape}; export the graph again"
        )
    return found
