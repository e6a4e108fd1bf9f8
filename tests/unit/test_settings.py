"""Settings: what is unknown or wrong is refused by name, with the file and line or the variable."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.settings import Recipe, Settings, load_settings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
WORKSPACE = Path("workspace")
SECTIONS = {name: kind for name, kind in typing.get_type_hints(Settings).items() if name != "workspace"}


def loaded(folder: Path | None = None, *, files: tuple[Path, ...] = (), **environment: str) -> Settings:
    return load_settings(WORKSPACE, folder=folder, environment=environment, files=files)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path | None = None, *, files: tuple[Path, ...] = (), **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, files=files, **environment)
    return str(caught.value)


def test_without_files_and_variables_everything_has_its_default() -> None:
    assert loaded() == Settings(workspace=WORKSPACE)


def test_a_file_sets_the_keys_it_names_and_leaves_the_others(tmp_path: Path) -> None:
    written(tmp_path, "gates.yaml", "min_samples: 4\n")

    settings = loaded(tmp_path)

    assert settings.gates.min_samples == 4
    assert settings.gates.min_episodes == Settings(workspace=WORKSPACE).gates.min_episodes


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    written(tmp_path, "gates.yaml", "# nothing yet\n")

    assert loaded(tmp_path) == loaded()


def test_nested_values_are_read_into_their_types(tmp_path: Path) -> None:
    written(tmp_path, "recipes.yaml", "recipes:\n  strip:\n    promise:\n      overkill: 0.02\n")

    assert loaded(tmp_path).recipe("strip").promise.overkill == 0.02


def test_a_recipe_that_is_not_written_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no recipe 'strip'.*known are default, solar-cells"):
        loaded().recipe("strip")


def test_an_unknown_key_is_refused_with_file_line_and_the_known_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "gates.yaml", "# limits\n\nmin_sample: 4\n")

    message = refusal(tmp_path)

    assert message.startswith(f"{path}:3: unknown key 'min_sample'")
    assert "min_samples" in message


def test_an_unknown_section_is_refused_with_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "gate.yaml", "min_samples: 4\n")

    message = refusal(tmp_path)

    assert message.startswith(f"{path}: there is no section 'gate'")
    assert "gates" in message


@pytest.mark.parametrize(
    ("name", "text", "line", "key"),
    [
        ("gates.yaml", "min_episodes: 3\nmin_samples: many\n", 2, "min_samples"),
        ("gates.yaml", "min_samples: [3]\n", 1, "min_samples"),
        ("backbone.yaml", "name: 3\n", 1, "name"),
        ("recipes.yaml", "recipes:\n  a:\n    promise:\n      overkill: low\n", 4, "overkill"),
        ("schedules.yaml", "flows:\n  nightly:\n    flow: score\n    cron: 5\n", 4, "cron"),
        ("schedules.yaml", "flows: [score]\n", 1, "flows"),
    ],
)
def test_a_wrong_type_is_refused_with_file_line_and_key(
    tmp_path: Path, name: str, text: str, line: int, key: str
) -> None:
    path = written(tmp_path, name, text)

    message = refusal(tmp_path)

    assert message.startswith(f"{path}:{line}: ")
    assert key in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\na: 2\n", 2), ("flows:\n  x: {flow: f, cron: c}\n  x: {flow: g, cron: c}\n", 3)]
)
def test_a_key_given_twice_is_refused_with_its_second_line(tmp_path: Path, text: str, line: int) -> None:
    path = written(tmp_path, "schedules.yaml", text)

    message = refusal(tmp_path)

    assert message.startswith(f"{path}:{line}: key ")
    assert message.endswith("is given twice")


@pytest.mark.parametrize("text", ["min_samples: [3\n", "min_samples: 3\n\tx: 1\n", "a: 1\n---\nb: 2\n"])
def test_bad_yaml_is_refused_in_one_line_with_file_and_line(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "gates.yaml", text)

    message = refusal(tmp_path)

    assert message.startswith(f"{path}: is no valid yaml: ")
    assert "line 2" in message
    assert "\n" not in message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    assert refusal(tmp_path).startswith(f"{path}: is no valid yaml: ")


@pytest.mark.parametrize("text", ["- min_samples\n", "just words\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "gates.yaml", text)

    assert refusal(tmp_path).startswith(f"{path}: holds ")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").startswith(f"{tmp_path / 'none'}: no such configuration folder")


def test_a_file_with_the_other_yaml_suffix_is_refused_by_name_and_not_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, "gates.yml", "min_samples: 4\n")

    assert refusal(tmp_path) == f"{path}: is not read; rename it to gates.yaml"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("detector.yaml", "# more\nfolds: 1\n", 2),
        ("training.yaml", "way: 5\nimages_per_class: 3\n", 2),
        ("training.yaml", "way: 5\nouter_loop:\n  steps: 0\n", 3),
        ("demo.yaml", "teach_normals: 10\nmin_normals: 20\n", 1),
        ("recipes.yaml", "recipes:\n  a:\n    promise:\n      unit:\n        height_px: 300\n", 5),
    ],
)
def test_a_contradiction_is_refused_with_the_file_and_line_of_what_contradicts(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    path = written(tmp_path, name, text)

    assert refusal(tmp_path).startswith(f"{path}:{line}: ")


def test_further_files_are_read_after_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    written(folder, "gates.yaml", "min_samples: 4\nmin_episodes: 200\n")

    settings = loaded(folder, files=(written(tmp_path, "gates.yaml", "min_samples: 9\n"),))

    assert (settings.gates.min_samples, settings.gates.min_episodes) == (9, 200)


def test_a_variable_overrides_a_file(tmp_path: Path) -> None:
    written(tmp_path, "gates.yaml", "min_samples: 4\nmin_episodes: 200\n")

    settings = loaded(tmp_path, INSPECT_GATES__MIN_SAMPLES="7")

    assert (settings.gates.min_samples, settings.gates.min_episodes) == (7, 200)


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("INSPECT_GATES__MIN_SAMPLES", "many", "min_samples"),
        ("INSPECT_GATES__MIN_SAMPLE", "4", "min_sample"),
        ("INSPECT_GATE__MIN_SAMPLES", "4", "no such setting"),
        ("INSPECT_GATES", "4", "no such setting"),
        ("INSPECT_WORKSPACES", "here", "no such setting"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str, word: str) -> None:
    message = refusal(**{variable: value})

    assert f"environment variable {variable}" in message
    assert word in message


def test_variables_of_the_command_line_and_of_others_are_left_alone() -> None:
    assert loaded(INSPECT_WORKSPACE="w", INSPECT_CONFIGS="c", PATH="/bin", GATES__X="1") == loaded()


def test_a_server_of_mlflow_that_is_configured_is_used_unless_ours_says_otherwise() -> None:
    assert loaded().mlflow_uri == "sqlite:///workspace/mlflow.sqlite"
    assert loaded(MLFLOW_TRACKING_URI="http://m").mlflow_uri == "http://m"
    both = {"MLFLOW_TRACKING_URI": "http://m", "INSPECT_STORES__MLFLOW_URI": "http://ours"}
    assert loaded(**both).mlflow_uri == "http://ours"


def test_urls_that_may_hold_passwords_are_not_shown() -> None:
    settings = loaded(INSPECT_STORES__CATALOG_URL="postgresql+psycopg://me:secret@host/db")

    assert settings.catalog_url == "postgresql+psycopg://me:secret@host/db"
    assert "secret" not in repr(settings)


# Every section, whatever it grows to ---------------------------------------------------------------------------------


def _inner(kind: Any) -> Iterator[tuple[bool, Any]]:
    """Yield (behind a name of its own, dataclass) of the dataclasses that a field's type leads to."""
    origin = typing.get_origin(kind)
    if is_dataclass(kind):
        yield False, kind
    elif origin in (typing.Union, types.UnionType):
        for option in typing.get_args(kind):
            yield from _inner(option)
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        yield from ((True, inner) for _, inner in _inner(typing.get_args(kind)[1]))


def _places(kind: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every place in a section where keys are written."""
    yield path
    hints = typing.get_type_hints(kind)
    for one in fields(kind):
        for named, inner in _inner(hints[one.name]):
            yield from _places(inner, (*path, one.name, "any") if named else (*path, one.name))


PLACES = [(section, place) for section, kind in SECTIONS.items() for place in _places(kind, ())]


@pytest.mark.parametrize(("section", "place"), PLACES, ids=lambda value: ".".join(value) if value else "top")
def test_an_unknown_key_is_refused_at_every_depth_of_every_section(
    tmp_path: Path, section: str, place: tuple[str, ...]
) -> None:
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(place)]
    text = "\n".join([*lines, f"{'  ' * len(place)}misspelt: 1"]) + "\n"
    path = written(tmp_path, f"{section}.yaml", text)

    message = refusal(tmp_path)

    assert message.startswith(f"{path}:{len(place) + 1}: ")
    assert "misspelt" in message


def test_the_files_of_the_repository_hold_every_section_and_the_defaults() -> None:
    settings, defaults = loaded(CONFIGS), loaded()

    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(SECTIONS)
    for section in set(SECTIONS) - {"schedules"}:
        assert getattr(settings, section) == getattr(defaults, section), section


def _unnamed(kind: Any, values: Any, path: str) -> Iterator[str]:
    """Yield the keys of the dataclass, and of those directly inside it, that the values do not name."""
    hints = typing.get_type_hints(kind)
    for one in fields(kind):
        if one.name not in values:
            yield f"{path}.{one.name}"
        elif is_dataclass(hints[one.name]):
            yield from _unnamed(hints[one.name], values[one.name], f"{path}.{one.name}")


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_the_files_of_the_repository_name_every_key_of_their_section(section: str) -> None:
    values = yaml.safe_load((CONFIGS / f"{section}.yaml").read_text(encoding="utf-8"))

    assert list(_unnamed(SECTIONS[section], values, section)) == []


def test_the_default_recipe_of_the_repository_names_every_key() -> None:
    values = yaml.safe_load((CONFIGS / "recipes.yaml").read_text(encoding="utf-8"))

    assert list(_unnamed(Recipe, values["recipes"]["default"], "default")) == []


@pytest.mark.parametrize("section", sorted(set(SECTIONS) - {"schedules"}))
def test_every_key_in_the_files_of_the_repository_has_a_comment_above_it(section: str) -> None:
    lines = (CONFIGS / f"{section}.yaml").read_text(encoding="utf-8").splitlines()

    bare = [line for before, line in zip(["", *lines], lines, strict=False) if _is_key(line) and "#" not in before]

    assert bare == []


def _is_key(line: str) -> bool:
    return ":" in line and not line.lstrip().startswith("#")


def test_the_schedules_of_the_repository_name_flows_that_there_are() -> None:
    flows = {schedule.flow for schedule in loaded(CONFIGS).schedules.flows.values()}

    assert flows <= {"ingest", "adapt", "score", "meta_train", "monitor"}
    assert "adapt" in flows
