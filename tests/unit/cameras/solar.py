"""Small made-up solar cells, for tests of the demo's line."""

import numpy as np

from inspect_pipeline.cameras.solar_cells import SolarCell


def cells(functional: int = 40, defective: int = 10, doubtful: int = 5) -> list[SolarCell]:
    """Return cells of 300 x 300 px whose grey level tells them apart."""
    probabilities = [0.0] * functional + [1.0] * defective + [1 / 3] * doubtful
    return [cell(number, probability) for number, probability in enumerate(probabilities)]


def cell(number: int, probability: float) -> SolarCell:
    """Return one cell of even grey ``100 + number``."""
    level = 100 + number
    return SolarCell(
        name=f"cell{number:04d}",
        wafer="mono",
        probability=probability,
        load=lambda: np.full((300, 300), level, np.uint8),
    )
