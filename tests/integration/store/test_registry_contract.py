"""What every model registry promises; the same tests on the fake and on MLflow with each database."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.ports import ModelRegistry
from inspect_pipeline.store.registry import MlflowRegistry
from tests.fakes.registry import InMemoryRegistry
from tests.integration.store.mlflow_databases import give_back
from tests.integration.store.models import a_bundle

MODEL = "detector.Linie 1 'ä'.default"
_MLFLOW = pytest.mark.required_in_ci


@pytest.fixture(
    params=["fake", pytest.param("sqlite", marks=_MLFLOW), pytest.param("postgres", marks=_MLFLOW)],
)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModelRegistry]:
    if request.param == "fake":
        yield InMemoryRegistry()
        return
    real = MlflowRegistry(request.getfixturevalue(f"mlflow_{request.param}_uri"), tmp_path / "model files ü")
    yield real
    give_back(real._mlflow)


def test_a_bundle_comes_back_as_it_was(registry: ModelRegistry) -> None:
    version = registry.register(MODEL, a_bundle(), tags={"input": "abc"})
    loaded_version, bundle = registry.load(MODEL, version=version)
    assert (loaded_version, bundle.kind) == (version, a_bundle().kind)
    assert bundle.tensors == a_bundle().tensors
    assert bundle.manifest == a_bundle().manifest


def test_the_same_bundle_keeps_its_version_and_another_gets_the_next(registry: ModelRegistry) -> None:
    first = registry.register(MODEL, a_bundle(), tags={})
    assert registry.register(MODEL, a_bundle(), tags={"other": "tag"}) == first
    second = registry.register(MODEL, a_bundle(note="changed"), tags={})
    assert (first, second) == ("1", "2")
    assert registry.register("other", a_bundle(), tags={}) == "1"


def test_versions_come_newest_first_with_tags_aliases_and_run(registry: ModelRegistry) -> None:
    for weight in (1.0, 2.0, 3.0):
        registry.register(MODEL, a_bundle(weight=weight), tags={"weight": str(weight)})
    registry.set_alias(MODEL, "champion", "2")
    registry.set_alias(MODEL, "previous", "2")
    versions = registry.versions(MODEL)
    assert [version.version for version in versions] == ["3", "2", "1"]
    assert [version.aliases for version in versions] == [(), ("champion", "previous"), ()]
    assert versions[2].tags == {"weight": "1.0", "bundle_sha256": a_bundle().sha256, "kind": "detector"}
    assert all(version.run and version.model == MODEL for version in versions)
    assert all(version.created_at.tzinfo is UTC for version in versions)
    assert registry.versions("unknown") == []


def test_an_alias_moves_and_is_removed(registry: ModelRegistry) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    registry.register(MODEL, a_bundle(weight=2.0), tags={})
    assert registry.aliased(MODEL, "champion") is None
    registry.set_alias(MODEL, "champion", "1")
    registry.set_alias(MODEL, "champion", "2")
    assert registry.aliased(MODEL, "champion") == "2"
    assert registry.load(MODEL, alias="champion")[0] == "2"
    registry.set_alias(MODEL, "champion", None)
    registry.set_alias(MODEL, "champion", None)
    assert registry.aliased(MODEL, "champion") is None


def test_names_come_sorted(registry: ModelRegistry) -> None:
    assert registry.models() == []
    for name in ("b", "a", MODEL):
        registry.register(name, a_bundle(), tags={})
    assert registry.models() == ["a", "b", MODEL]


@pytest.mark.parametrize("asked", [{"version": "9"}, {"alias": "challenger"}, {}])
def test_what_is_not_there_is_not_found(registry: ModelRegistry, asked: dict[str, str]) -> None:
    with pytest.raises(NotFoundError, match="unknown"):
        registry.load("unknown", **asked)
    registry.register(MODEL, a_bundle(), tags={})
    with pytest.raises(NotFoundError, match="Linie 1"):
        registry.load(MODEL, **asked)


def test_an_alias_cannot_point_at_an_unknown_version(registry: ModelRegistry) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    with pytest.raises(NotFoundError, match="version 7"):
        registry.set_alias(MODEL, "champion", "7")
    with pytest.raises(NotFoundError):
        registry.set_alias("unknown", "champion", "1")


def test_removing_an_alias_of_an_unknown_model_does_nothing(registry: ModelRegistry) -> None:
    registry.set_alias("unknown", "champion", None)
    assert registry.aliased("unknown", "champion") is None


def test_the_run_that_made_a_model_is_kept(registry: ModelRegistry) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    own = registry.versions(MODEL)[0].run
    assert own is not None
    registry.register("other", a_bundle(weight=2.0), tags={}, run=own)
    assert registry.versions("other")[0].run == own
    assert registry.load("other", version="1")[1].tensors == a_bundle(weight=2.0).tensors
