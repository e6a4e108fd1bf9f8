"""A whole detector as one graph: the raw scores of torch at its size, in every form and runtime."""

import json
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inspect_pipeline.bootstrap.runtimes import equip
from inspect_pipeline.bootstrap.serving import Serving
from inspect_pipeline.errors import BadDataError, BadImageError, ConfigError, RefusedError
from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.graph_export import FrameForm, FrameScores
from inspect_pipeline.runtimes.openvino_runtime import openvino_files
from inspect_pipeline.runtimes.score_graphs import limits_of, open_score_graph
from inspect_pipeline.services.parity import score_difference
from inspect_pipeline.settings import BackboneSettings, Settings

from .plant import DETECTOR, INITIALIZATION, Plant, picture, silent


@pytest.fixture(scope="module")
def detector(first_lesson: Plant) -> Detector:
    return Detector.from_bundle(first_lesson.registry.load(DETECTOR, version="1")[1])


def frame(form: FrameForm, seed: int = 5) -> np.ndarray:  # type: ignore[type-arg]
    kind = np.uint8 if form.bits == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**form.bits, form.shape).astype(kind)


def raw(detector: Detector, pixels: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    with torch.inference_mode():
        found: np.ndarray = detector.raw_maps(frame_map(detector.backbone, pixels, detector.settings)).numpy()  # type: ignore[type-arg]
    return found


@pytest.mark.parametrize(
    "form",
    [
        FrameForm(height_px=97, width_px=161),
        FrameForm(height_px=200, width_px=100),
        FrameForm(height_px=64, width_px=131, channels=3),
        FrameForm(height_px=96, width_px=129, bits=16),
    ],
    ids=str,
)
def test_the_module_gives_the_raw_scores_of_the_detector_at_every_form_of_frame(
    detector: Detector, form: FrameForm
) -> None:
    pixels = frame(form)
    with torch.inference_mode():
        found = FrameScores(detector, form)(torch.from_numpy(pixels))
    wanted = raw(detector, pixels)
    np.testing.assert_allclose(found[0].numpy(), wanted[0], atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(found[1].numpy(), wanted[1:], atol=1e-4 * np.abs(wanted).max())


@dataclass
class Here:
    """The stores that exporting needs, on the plant's fakes."""

    plant: Plant
    settings: Settings = field(default_factory=lambda: Settings(workspace=Path("nowhere")))

    def __post_init__(self) -> None:
        self.catalog, self.images, self.registry = self.plant.catalog, self.plant.images, self.plant.registry
        self.features, self.progress = self.plant.features, silent


def serving(plant: Plant) -> Serving:
    return Serving(stores=Here(plant))  # type: ignore[arg-type]


SIZE = (97, 161, 1)


def marked(number: int, mark: str | None) -> np.ndarray:  # type: ignore[type-arg]
    """Four pictures side by side, cut to a size that is no multiple of anything."""
    return np.tile(picture(900 + number, mark), (2, 2))[:97, :161].copy()


@pytest.fixture(scope="module")
def folder(first_lesson: Plant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector as ONNX for frames of that size, with its JSON."""
    made = tmp_path_factory.mktemp("graph")
    written = serving(first_lesson).export_graph(DETECTOR, form="onnx", out=made / "a.onnx", size=SIZE, version="1")
    assert written == {"paths": [str(made / "a.onnx"), str(made / "a.json")], "version": "1", "frame": [97, 161]}
    return made


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_gives_the_raw_scores_of_torch_and_alarms_by_the_limits_beside_the_graph(
    detector: Detector, folder: Path, runtime: str
) -> None:
    content, sidecar = (folder / "a.onnx").read_bytes(), (folder / "a.json").read_bytes()
    graph = open_score_graph(content, runtime, threads=1)
    for number, mark in enumerate([None, "bar"]):
        pixels = marked(number, mark)
        found, wanted = graph.raw_scores(pixels), raw(detector, pixels)
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())
        maps = detector.examine(pixels)
        alarms = ["unknown"] * bool((maps.anomaly >= 1.0).any()) + ["bar"] * bool((maps.types >= 1.0).any())
        assert verdicts(found, sidecar) == alarms
    assert json.loads(sidecar)["detector"] == f"{DETECTOR}@1"
    with pytest.raises(BadDataError, match=r"takes frames uint8 of shape \(97, 161\), this one is uint8 of \(64, 96\)"):
        graph.raw_scores(picture(1)[:64])


def test_openvinos_own_files_hold_the_same_graph(folder: Path) -> None:
    onnx = (folder / "a.onnx").read_bytes()
    description, weights = openvino_files(onnx)
    own = open_score_graph(description, "openvino", threads=1, weights=weights)
    pixels = marked(1, "bar")
    assert np.array_equal(own.raw_scores(pixels), open_score_graph(onnx, "openvino", threads=1).raw_scores(pixels))


def verdicts(raw_scores: np.ndarray, sidecar: bytes) -> list[str]:  # type: ignore[type-arg]
    names, _, limits = limits_of(sidecar)
    alarmed = (raw_scores >= limits[:, None, None]).reshape(len(names), -1).any(axis=1)
    return [name for name, alarms in zip(names, alarmed, strict=True) if alarms]


def test_a_torch_export_takes_the_form_of_the_lines_newest_frame_gives_the_same_and_holds_no_pickle(
    plant: Plant, detector: Detector, tmp_path: Path
) -> None:
    out = tmp_path / "line.pt2"
    assert serving(plant).export_graph(DETECTOR, form="torch-export", out=out)["frame"] == [96, 96]
    with zipfile.ZipFile(out) as archive:
        heads = {name: archive.read(name)[:2] for name in archive.namelist()}
    assert not [name for name, head in heads.items() if head in {b"PK", b"\x80\x02"}]
    with torch.inference_mode():
        found = torch.export.load(out).module()(torch.from_numpy(picture(901, "bar")))
    wanted = raw(detector, picture(901, "bar"))
    np.testing.assert_allclose(found[0].numpy(), wanted[0], atol=1e-4 * np.abs(wanted).max())


def test_a_detector_is_served_as_the_records_say_and_an_initialization_not_at_all(plant: Plant, tmp_path: Path) -> None:
    assert serving(plant).write_served(DETECTOR, tmp_path) == "1"
    assert {"MLmodel", "served_model.py", "bundle.json", "weights.safetensors"} <= {p.name for p in tmp_path.iterdir()}
    with pytest.raises(BadDataError, match="judges no frame"):
        serving(plant).write_served(INITIALIZATION, tmp_path)
    plant.registry.set_alias(DETECTOR, "champion", None)
    with pytest.raises(RefusedError, match="moved outside this program"):
        serving(plant).write_served(DETECTOR, tmp_path)


def test_a_graph_of_another_form_or_of_no_known_size_is_refused(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="there is no form 'tflite'"):
        serving(plant).export_graph(DETECTOR, form="tflite", out=tmp_path / "x")
    with pytest.raises(ConfigError, match="runs no exported detector"):
        open_score_graph(b"", "onnxruntime", threads=1, precision="int8")
    with pytest.raises(BadDataError, match=r"is a file \.onnx"):
        serving(plant).export_graph(DETECTOR, form="onnx", out=tmp_path / "x.json")
    form = FrameForm(height_px=97, width_px=161)
    for wrong in ({"height_px": 8}, {"channels": 2}, {"bits": 12}):
        with pytest.raises((BadDataError, BadImageError)):
            replace(form, **wrong)
    with pytest.raises(BadDataError, match="export it again"):
        limits_of(b'{"format": 1}')


def test_int8_of_a_version_is_made_once_and_kept_under_the_good_frames_that_taught_it(plant: Plant) -> None:
    made = plant.registry.load(DETECTOR, version="1")[1]
    here = Here(plant)
    here.settings = replace(here.settings, backbone=BackboneSettings(runtime="openvino", precision="int8"))
    kept = set(plant.features.contents)
    first = equip(here, Detector.from_bundle(made), made)  # type: ignore[arg-type]
    assert first.backbone.runner is not None
    assert first.backbone.runner.name == "openvino int8"
    assert len(set(plant.features.contents) - kept) == 2  # the graph, and that one in 8 bits
    at = dict(plant.features.contents)
    second = equip(here, Detector.from_bundle(made), made)  # type: ignore[arg-type]
    assert plant.features.contents == at
    pixels = picture(901, "bar")
    assert np.array_equal(first.examine(pixels).anomaly, second.examine(pixels).anomaly)
    exact = Detector.from_bundle(made).examine(pixels)
    assert 0.0 < score_difference(exact.strongest, first.examine(pixels).strongest) < 0.5
