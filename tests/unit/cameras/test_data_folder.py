from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError, BadImageError, NotFoundError
from tests.unit.imaging.image_files import encoded, textured


def put(root: Path, class_name: str, name: str, *, seed: int = 0) -> None:
    place = root / "images" / class_name
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(encoded(textured(seed=seed)))


def test_one_family_with_its_classes_in_order(tmp_path: Path) -> None:
    root = tmp_path / "Stahl warm"
    for class_name, name in (("scratch", "s 10.png"), ("scratch", "s 2.png"), ("good", "g.jpeg")):
        put(root, class_name, name, seed=len(name))
    images = read_data_folder(root)
    assert [(one.family, one.class_name, one.source) for one in images] == [
        ("Stahl warm", "good", "images/good/g.jpeg"),
        ("Stahl warm", "scratch", "images/scratch/s 2.png"),
        ("Stahl warm", "scratch", "images/scratch/s 10.png"),
    ]
    assert np.array_equal(images[2].load(), textured(seed=8))
    assert all(one.load_mask is None and one.boxes == () for one in images)


def test_a_folder_of_families_and_other_things_beside_them(tmp_path: Path) -> None:
    put(tmp_path / "steel", "scratch", "1.png")
    put(tmp_path / "fabric", "hole", "1.png")
    (tmp_path / "papers").mkdir()
    (tmp_path / "README.md").write_text("x")
    assert [one.family for one in read_data_folder(tmp_path)] == ["fabric", "steel"]


def test_masks_are_found_by_stem_and_read_as_bool(tmp_path: Path) -> None:
    put(tmp_path, "scratch", "1.jpg")
    put(tmp_path, "scratch", "2.jpg")
    mask = np.zeros((40, 60), np.uint8)
    mask[3:5, 7] = 1
    (tmp_path / "masks" / "scratch").mkdir(parents=True)
    (tmp_path / "masks" / "scratch" / "1.png").write_bytes(encoded(mask))
    first, second = read_data_folder(tmp_path)
    assert second.load_mask is None
    assert first.load_mask is not None
    assert first.load_mask().dtype == bool
    assert np.array_equal(first.load_mask(), mask > 0)


def test_a_mask_of_another_size_than_its_image_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "scratch", "1.png")
    (tmp_path / "masks" / "scratch").mkdir(parents=True)
    (tmp_path / "masks" / "scratch" / "1.png").write_bytes(encoded(textured(20, 60)))
    (image,) = read_data_folder(tmp_path)
    assert image.load_mask is not None
    with pytest.raises(BadImageError, match="the mask is 60 x 20 px, its image 60 x 40"):
        image.load_mask()


def test_boxes_hold_both_corners_and_may_name_other_types_than_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "multi", "1.png")
    (tmp_path / "boxes.csv").write_text(
        "image,class,xmin,ymin,xmax,ymax\nimages/multi/1.png,scratch,2,3,9,4\nimages/multi/1.png,dirt,5,5,5,5\n"
    )
    (image,) = read_data_folder(tmp_path)
    assert [(box.class_name, box.roi) for box in image.boxes] == [
        ("scratch", Roi(top=3, left=2, bottom=5, right=10)),
        ("dirt", Roi(top=5, left=5, bottom=6, right=6)),
    ]


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("images/a/1.png,scratch,2,3,x,4", r"boxes\.csv:3: corners are \['2', '3', 'x', '4'\]"),
        ("images/a/1.png,scratch,2,3,1,4", r"boxes\.csv:3: box rows 3\.\.5, columns 2\.\.2 is empty"),
        ("images/a/1.png,scratch,-2,3,1,4", r"boxes\.csv:3: .*negative"),
        ("images/a/1.png,,2,3,4,4", r"boxes\.csv:3: class name ''"),
        ("images/a/9.png,scratch,2,3,4,4", r"boxes\.csv:3: image 'images/a/9\.png' is not in"),
        ("../1.png,scratch,2,3,4,4", r"boxes\.csv:3: image '\.\./1\.png' is not in"),
        ("images/a/1.png,scratch,2,3", r"boxes\.csv:3: corners"),
    ],
)
def test_a_bad_row_of_boxes_is_refused_with_file_and_line(tmp_path: Path, row: str, part: str) -> None:
    put(tmp_path, "a", "1.png")
    good = "images/a/1.png,scratch,2,3,4,4"
    (tmp_path / "boxes.csv").write_text(f"image,class,xmin,ymin,xmax,ymax\n{good}\n{row}\n")
    with pytest.raises(BadDataError, match=part):
        read_data_folder(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a", "1.png")
    (tmp_path / "boxes.csv").write_text("image,class,x,y,w,h\n")
    with pytest.raises(BadDataError, match=r"boxes\.csv:1: no column 'xmin'"):
        read_data_folder(tmp_path)


def test_groups_come_from_groups_csv(tmp_path: Path) -> None:
    put(tmp_path / "steel", "a", "1.png")
    put(tmp_path / "steel", "b", "2.png")
    (tmp_path / "steel" / "groups.csv").write_text("image,group\nimages/a/1.png,coil 7\nimages/b/2.png,coil 7\n")
    assert [one.group for one in read_data_folder(tmp_path / "steel")] == ["steel/coil 7", "steel/coil 7"]


def test_groups_come_from_the_manifest_of_all_families_keyed_by_its_own_paths(tmp_path: Path) -> None:
    for family in ("steel", "iron"):
        put(tmp_path / family, "a", "1.png")
    (tmp_path / "manifest.csv").write_text(
        "dataset,path,group\nsteel,steel/images/a/1.png,k1\niron,iron/images/a/1.png,k2\n"
    )
    assert [one.group for one in read_data_folder(tmp_path)] == ["iron/k2", "steel/k1"]
    assert [one.group for one in read_data_folder(tmp_path / "steel")] == ["steel/k1"]


def test_without_groups_neighbours_of_a_long_series_stay_together_in_eights(tmp_path: Path) -> None:
    for number in range(50):
        put(tmp_path, "a", f"{number}.png")
    groups = [one.group for one in read_data_folder(tmp_path)]
    assert len(set(groups[:8])) == 1
    assert groups[7] != groups[8]
    assert len(set(groups)) == 7


def test_a_small_class_still_has_enough_groups_to_part_support_from_query(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path, "a", f"{number}.png")
    put(tmp_path, "b", "0.png")
    images = read_data_folder(tmp_path)
    assert len({one.group for one in images}) == 7


def test_classes_of_other_scripts_are_kept_and_hidden_files_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path, "キズ", "1.png")
    put(tmp_path, "キズ", ".2.png")
    (tmp_path / "images" / "キズ" / "notes.txt").write_text("x")
    assert [(one.class_name, one.source) for one in read_data_folder(tmp_path)] == [("キズ", "images/キズ/1.png")]


def test_a_broken_image_is_refused_when_it_is_loaded_not_when_it_is_listed(tmp_path: Path) -> None:
    put(tmp_path, "a", "1.png")
    (tmp_path / "images" / "a" / "2.png").write_text("text")
    _, broken = read_data_folder(tmp_path)
    with pytest.raises(BadImageError, match=r"2\.png: no PNG"):
        broken.load()


def test_what_is_no_data_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder"):
        read_data_folder(tmp_path / "gone")
    with pytest.raises(BadDataError, match="holds no images folder; lay images out as"):
        read_data_folder(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(BadDataError, match="holds no class"):
        read_data_folder(tmp_path)
    (tmp_path / "images" / "scratch").mkdir()
    with pytest.raises(BadDataError, match="class 'scratch' has no images"):
        read_data_folder(tmp_path)


@pytest.mark.needs_data
@pytest.mark.parametrize(("family", "images", "classes", "groups"), [("bsdata", 160, 2, 30), ("neu_det", 900, 6, 114)])
def test_real_data_sets_are_read_whole(data_root: Path, family: str, images: int, classes: int, groups: int) -> None:
    found = read_data_folder(data_root / family)
    assert (len(found), len({one.class_name for one in found}), len({one.group for one in found})) == (
        images,
        classes,
        groups,
    )
    boxed = next(one for one in found if one.boxes and one.load_mask is not None)
    assert boxed.load_mask is not None
    rows, columns = np.nonzero(boxed.load_mask())
    assert min(box.roi.top for box in boxed.boxes) <= rows.min() + 1
    assert max(box.roi.right for box in boxed.boxes) >= columns.max()
