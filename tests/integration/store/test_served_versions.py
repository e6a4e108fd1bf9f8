"""A version in the registry is a model that MLflow finds by its alias; versions of before have two files and load."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest

from inspect_pipeline.store.registry import MlflowRegistry
from inspect_pipeline.store.served_models import serving_files
from tests.integration.store.mlflow_databases import give_back
from tests.integration.store.models import a_bundle

pytestmark = [pytest.mark.required_in_ci, pytest.mark.filterwarnings("ignore:.*type hint:UserWarning")]
MODEL = "detector.line.default"


@pytest.fixture
def registry(mlflow_sqlite_uri: str, tmp_path: Path) -> Iterator[MlflowRegistry]:
    real = MlflowRegistry(mlflow_sqlite_uri, tmp_path / "artifacts")
    yield real
    give_back(real._mlflow)


def folder_of(registry: MlflowRegistry, version: str) -> Path:
    """Where MLflow itself says that the version's files are."""
    return Path(urlparse(registry._client.get_model_version_download_uri(MODEL, version)).path)


def test_the_folder_that_mlflow_names_for_a_version_is_a_model_with_signature_and_example(
    registry: MlflowRegistry,
) -> None:
    from mlflow.models import Model

    version = registry.register(MODEL, a_bundle(), tags={})
    registry.set_alias(MODEL, "champion", version)
    found = registry._client.get_model_version_by_alias(MODEL, "champion")
    folder = folder_of(registry, str(found.version))
    model = Model.load(str(folder))
    assert {file.name for file in folder.iterdir()} == {
        *serving_files(a_bundle()),
        "bundle.json",
        "weights.safetensors",
    }
    assert model.flavors["python_function"]["loader_module"] == "mlflow.pyfunc.loaders.code_model"
    assert [column.name for column in model.signature.inputs.inputs] == ["image", "mm_per_px"]
    assert [column.name for column in model.signature.outputs.inputs] == ["verdict", "findings", "reason"]
    assert list(model.load_input_example(str(folder)).columns) == ["image", "mm_per_px"]


def test_a_version_of_before_with_its_two_files_is_read_as_ever(registry: MlflowRegistry) -> None:
    version = registry.register(MODEL, a_bundle(), tags={})
    folder = folder_of(registry, version)
    for name in serving_files(a_bundle()):
        (folder / name).unlink()
    assert registry.load(MODEL, version=version)[1].tensors == a_bundle().tensors
