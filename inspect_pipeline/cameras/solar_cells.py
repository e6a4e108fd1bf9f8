"""The solar cells of the installed package ``elpv-dataset``: electroluminescence images, 300 x 300 px, grey.

Buerhop-Lopez et al., "A Benchmark for Visual Identification of Defective Solar Cells in Electroluminescence Imagery"
(2018); CC BY-NC-SA 4.0, so it is used where it is installed and never copied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import decode

Wafer = Literal["mono", "poly"]
_PACKAGE = "elpv_dataset"


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarCell:
    """One cell: ``probability`` of being defective (1.0 defective, 0.0 functional, between: doubtful), and its image.

    ``load`` reads u8 pixels (300, 300) anew each time and raises BadImageError.
    """

    name: str
    wafer: Wafer
    probability: float
    load: Callable[[], Pixels]


def installed_solar_cells(package: str = _PACKAGE) -> Path:
    """Return the data folder of the installed package. Raises NotFoundError that says how to install it."""
    found = find_spec(package)
    places = list(found.submodule_search_locations or []) if found is not None else []
    for place in places:
        if (Path(place) / "data" / "labels.csv").is_file():
            return Path(place) / "data"
    raise NotFoundError("the solar cells of the demo are not installed; run: pip install 'inspect-pipeline[demo]'")


def read_solar_cells(root: Path | None = None) -> list[SolarCell]:
    """Return every cell that ``labels.csv`` lists, in its order, without reading an image.

    ``root`` holds labels.csv (image, probability, wafer, parted by blanks); without it the installed package is used.

    Raises NotFoundError where the package or a listed file is missing, BadDataError (file and line) for a bad row.
    """
    folder = installed_solar_cells() if root is None else root
    labels = folder / "labels.csv"
    try:
        rows = labels.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NotFoundError(f"{labels} cannot be read ({error.strerror}); install elpv-dataset again") from error
    return [
        _cell(row.split(), folder, f"{labels.name}:{number}") for number, row in enumerate(rows, start=1) if row.strip()
    ]


def _cell(parts: list[str], folder: Path, where: str) -> SolarCell:
    try:
        name, probability, wafer = parts[0], float(parts[1]), parts[2]
    except (IndexError, ValueError) as error:
        raise BadDataError(f"{where}: {' '.join(parts)!r} is no 'image probability wafer'") from error
    if wafer not in ("mono", "poly") or not 0.0 <= probability <= 1.0:
        raise BadDataError(f"{where}: wafer {wafer!r} with probability {probability}; give mono or poly, and 0 to 1")
    if not (folder / name).is_file():
        raise NotFoundError(f"{where}: {name} is not there; install elpv-dataset again")
    return SolarCell(
        name=Path(name).stem, wafer=cast(Wafer, wafer), probability=probability, load=partial(_load, folder / name)
    )


def _load(path: Path) -> Pixels:
    try:
        return decode(path.read_bytes(), name=path.name)
    except OSError as error:
        raise BadImageError(f"{path.name}: cannot be read ({error.strerror})") from error
