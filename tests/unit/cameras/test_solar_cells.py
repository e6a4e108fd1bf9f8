from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.cameras.solar_cells import installed_solar_cells, read_solar_cells
from inspect_pipeline.errors import BadDataError, BadImageError, NotFoundError
from tests.unit.imaging.image_files import encoded


def put(root: Path, rows: str) -> None:
    (root / "images").mkdir()
    (root / "images" / "cell0001.png").write_bytes(encoded(np.full((300, 300), 90, np.uint8)))
    (root / "labels.csv").write_text(rows)


def test_cells_are_listed_with_wafer_and_probability_and_read_when_asked(tmp_path: Path) -> None:
    put(tmp_path, "images/cell0001.png  0.3333333333333333  poly\n")
    (cell,) = read_solar_cells(tmp_path)
    assert (cell.name, cell.wafer, cell.probability) == ("cell0001", "poly", 1 / 3)
    assert cell.load().shape == (300, 300)
    (tmp_path / "images" / "cell0001.png").unlink()
    with pytest.raises(BadImageError, match=r"cell0001\.png: cannot be read"):
        cell.load()


@pytest.mark.parametrize(
    ("rows", "error", "part"),
    [
        ("images/cell0001.png 1.0 mono\nimages/cell0001.png often mono\n", BadDataError, r"labels\.csv:2"),
        ("images/cell0001.png 1.0 glass\n", BadDataError, r"labels\.csv:1: wafer 'glass'"),
        ("images/cell0009.png 1.0 mono\n", NotFoundError, r"labels\.csv:1: images/cell0009\.png is not there"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, rows: str, error: type[Exception], part: str) -> None:
    put(tmp_path, rows)
    with pytest.raises(error, match=part):
        read_solar_cells(tmp_path)


def test_without_the_package_the_error_says_how_to_install_it() -> None:
    with pytest.raises(NotFoundError, match=r"pip install 'inspect-pipeline\[demo\]'"):
        installed_solar_cells("no_such_package_of_cells")


def test_the_installed_package_holds_2624_real_cells() -> None:
    pytest.importorskip("elpv_dataset", reason="elpv-dataset (extra: demo) is not installed")
    cells = read_solar_cells()
    counts = {
        (wafer, probability): sum(one.wafer == wafer and one.probability == probability for one in cells)
        for wafer in ("mono", "poly")
        for probability in (0.0, 1.0)
    }
    assert len(cells) == len({one.name for one in cells}) == 2624
    assert counts == {("mono", 0.0): 588, ("mono", 1.0): 313, ("poly", 0.0): 920, ("poly", 1.0): 402}
    assert cells[0].load().dtype == np.uint8
