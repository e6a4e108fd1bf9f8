"""A detector behind MLflow's pyfunc: the verdicts of scoring, by MLflow's own loader and its own scoring server."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import BadDataError, ConfigError
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.store.bundles import MANIFEST_FILE, WEIGHTS_FILE
from inspect_pipeline.store.served_models import serving_files

from .plant import COIL, DETECTOR, MM_ACROSS, Plant, picture

# MLflow warns of its own type hints when it is imported.
pytestmark = [pytest.mark.required_in_ci, pytest.mark.filterwarnings("ignore:.*type hint:UserWarning")]
MARKS = [None, "bar", "spot", "bar"]


@pytest.fixture(scope="module")
def bundle(first_lesson: Plant) -> Bundle:
    return first_lesson.registry.load(DETECTOR, version="1")[1]


@pytest.fixture(scope="module")
def folder(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a version, as the registry writes it."""
    made = tmp_path_factory.mktemp("version")
    files = {**serving_files(bundle), MANIFEST_FILE: bundle.manifest_bytes(), WEIGHTS_FILE: bundle.tensors}
    for name, content in files.items():
        (made / name).write_bytes(content)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(folder))


def images() -> list[bytes]:
    return [encode_png(picture(900 + number, mark)) for number, mark in enumerate(MARKS)]


def scored(plant: Plant) -> list[FrameResult]:
    plant.add_coil(COIL)
    for number, mark in enumerate(MARKS):
        plant.add_frame(number, picture(900 + number, mark))
    plant.scoring().run(COIL)
    with plant.catalog.transaction() as unit:
        return unit.results(COIL, detector=f"{DETECTOR}@1")


def test_the_application_of_models_serve_answers_from_the_folder_it_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspect_pipeline.serving.server import FOLDER_VARIABLE, scoring_app

    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with TestClient(scoring_app()) as client:
        assert client.get("/ping").status_code == 200
    monkeypatch.setenv(FOLDER_VARIABLE, "nowhere")
    with pytest.raises(ConfigError, match="is no folder of a model"):
        scoring_app()


def posted(served: Any, table: dict[str, Any]) -> list[dict[str, Any]]:
    from mlflow.pyfunc import scoring_server

    with TestClient(scoring_server.init(served)) as client:
        answer = client.post("/invocations", json={"dataframe_split": table})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["predictions"])


def test_mlflows_scoring_server_gives_the_verdicts_and_findings_of_scoring(served: Any, plant: Plant) -> None:
    encoded = [[base64.b64encode(image).decode(), MM_ACROSS] for image in images()]
    answers = posted(served, {"columns": ["image", "mm_per_px"], "data": encoded})
    wanted = scored(plant)
    assert [each["verdict"] for each in answers] == [each.verdict.value for each in wanted]
    assert {"PASS", "DEFECT"} <= {each["verdict"] for each in answers}
    for mine, theirs in zip(answers, wanted, strict=True):
        rows = sorted(theirs.findings, key=lambda finding: -finding.score)
        assert [(f["type"], f["box"], f["score"], f["life_cycle"], f["width_mm"]) for f in mine["findings"]] == [
            (f.defect_type, [f.roi.top, f.roi.left, f.roi.bottom, f.roi.right], f.score, f.life_cycle.value, f.width_mm)
            for f in rows
        ]
    assert {f["life_cycle"] for each in answers for f in each["findings"]} >= {LifeCycle.PROVISIONAL.value}


def test_a_batch_says_what_single_images_do_and_sizes_are_left_out_where_no_scale_is_known(served: Any) -> None:
    import pandas as pd

    together = served.predict(pd.DataFrame({"image": images()}))
    alone = [served.predict(pd.DataFrame({"image": [image]})).iloc[0].to_dict() for image in images()]
    assert together.to_dict("records") == alone
    assert together["findings"][1]
    assert all(row["width_mm"] is None for row in together["findings"][1])


def test_what_is_no_image_is_unusable_with_its_reason_and_the_others_are_judged(served: Any) -> None:
    import pandas as pd

    answers = served.predict(pd.DataFrame({"image": [b"no image", images()[1]]}))
    assert list(answers["verdict"]) == ["UNUSABLE", "DEFECT"]
    assert "image" in answers["reason"][0]


def test_the_example_is_one_that_the_model_takes_and_signature_and_answer_agree(served: Any, folder: Path) -> None:
    from mlflow.models import Model
    from mlflow.types import DataType

    description = Model.load(str(folder))
    example = description.load_input_example(str(folder))
    assert [column.name for column in description.signature.outputs.inputs] == list(served.predict(example).columns)
    assert description.signature.inputs.input_types() == [DataType.binary, DataType.double]
    table = json.loads((folder / "serving_input_example.json").read_text())["dataframe_split"]
    assert posted(served, table)[0]["verdict"] in {"PASS", "UNKNOWN", "DEFECT"}


def test_the_folder_is_what_mlflow_writes_for_a_model_from_code_and_nothing_in_it_is_a_pickle(
    folder: Path, tmp_path: Path
) -> None:
    import mlflow.pyfunc
    import yaml

    own = folder / "served_model.py"
    mlflow.pyfunc.save_model(
        str(tmp_path / "theirs"),
        python_model=str(own),
        artifacts={"manifest": str(folder / MANIFEST_FILE), "weights": str(folder / WEIGHTS_FILE)},
        pip_requirements=["inspect-pipeline"],
    )
    theirs, ours = (yaml.safe_load((each / "MLmodel").read_text()) for each in (tmp_path / "theirs", folder))
    flavors = [each["flavors"]["python_function"] for each in (ours, theirs)]
    assert flavors[0]["loader_module"] == flavors[1]["loader_module"]
    assert set(flavors[1]) - set(flavors[0]) == {"cloudpickle_version"}  # nothing is pickled, so nothing depends on it
    assert set(flavors[0]) <= set(flavors[1])
    for file in (each for each in folder.iterdir() if each.is_file()):  # not what Python compiled of it meanwhile
        assert file.suffix in {".json", ".safetensors", ".py", ".txt", ".yaml", ""}, file.name
        assert not file.read_bytes().startswith((b"\x80", b"PK")), file.name


def test_a_detector_altered_in_its_folder_is_not_served(folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    import mlflow.pyfunc

    other = replace(bundle, tensors=bundle.tensors[:-4] + b"\0\0\0\1")
    for file in (each for each in folder.iterdir() if each.is_file()):  # not what Python compiled of it meanwhile
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / WEIGHTS_FILE).write_bytes(other.tensors)
    with pytest.raises(BadDataError, match="refused"):
        mlflow.pyfunc.load_model(str(tmp_path))
