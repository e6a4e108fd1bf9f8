"""Studies of methods on real images, through a real workspace: figures, pages, tracked runs, a search that trains."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.method_studies import capped, labelled_images
from inspect_pipeline.cli.documents import document_of
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.services.training_settings import TrainingSettings
from inspect_pipeline.settings import load_settings

pytestmark = pytest.mark.needs_data
LOOP = OuterLoop(
    steps=4, tasks_per_step=2, validate_every=2, folds=2, validation_episodes=8, decision_episodes=8, learning_rate=0.01
)
QUICK = TrainingSettings(way=2, shot=2, query=3, images_per_class=8, outer_loop=LOOP)


@pytest.fixture
def house(tmp_path: Path) -> House:
    settings = load_settings(tmp_path / "workspace", folder=None, environment={})
    return open_house(replace(settings, training=QUICK))


def few(data_root: Path, tmp_path: Path, *names: str) -> list[Path]:
    """Return folders with copies of the first images of every class."""
    folders = []
    for name in names:
        for images in sorted((data_root / name / "images").iterdir()):
            target = tmp_path / name / "images" / images.name
            target.mkdir(parents=True)
            for image in sorted(images.iterdir())[:16]:
                shutil.copyfile(image, target / image.name)
        folders.append(tmp_path / name)
    return folders


def test_an_evaluation_leaves_a_page_charts_and_a_tracked_run(house: House, data_root: Path, tmp_path: Path) -> None:
    data = few(data_root, tmp_path, "ac_piston")
    found = house.studies.evaluate(
        data, way=3, shot=2, query=4, episodes=60, method="ridge", curve_shots=(1, 2, 4), open_world=True
    )
    assert found.accuracy > 0.6
    document = document_of(found)
    left = house.studies.publish(
        document, data=data, command="evaluate", page=tmp_path / "page.html", plots=tmp_path / "charts", track=True
    )
    assert "ac_piston" in (tmp_path / "page.html").read_text()
    assert {Path(file).suffix for file in left.plots} == {".svg", ".png"}
    (answer,) = (house.settings.workspace / "mlflow").rglob("answer.json")
    assert json.loads(answer.read_text())["accuracy"] == found.accuracy


def test_a_search_goes_on_and_its_settings_train(house: House, data_root: Path, tmp_path: Path) -> None:
    data = few(data_root, tmp_path, "ac_piston", "mvtec_bottle", "leather")
    space = ("learning_rate=0.001,0.1", "decay=0.001,0.01")
    first = house.studies.search(data, method="protonet", trials=2, sampler="grid", space=space, track=False)
    again = house.studies.search(data, method="protonet", trials=9, sampler="grid", space=space, track=False)
    assert (len(first.summary.trials), len(again.summary.trials), again.summary.new) == (2, 4, 2)
    assert Path(again.config).read_text().startswith("# Found by the search protonet")
    settings = load_settings(house.settings.workspace, folder=None, environment={}, files=(Path(again.config),))
    assert settings.training.outer_loop.learning_rate == again.summary.values["learning_rate"]
    assert replace(settings.training, outer_loop=LOOP) == QUICK
    with pytest.raises(BadDataError, match="option 'steps=3' is none of method protonet"):
        house.train(data, options=["steps=3"])


def test_a_material_given_twice_is_refused_and_classes_are_capped(data_root: Path, tmp_path: Path) -> None:
    (folder,) = few(data_root, tmp_path, "ac_piston")
    with pytest.raises(BadDataError, match=r"family 'ac_piston' is in .* and in .*; give each material once"):
        labelled_images([folder, tmp_path])
    images = labelled_images([folder])
    kept = capped(images, 5, np.random.default_rng(0))
    assert (len(images), len(kept)) == (48, 15)
    assert [image.source for image in kept] != [image.source for image in images[:15]]
