"""A whole detector as one graph: the raw scores of torch at its size, in every form and runtime."""

import numpy as np
import pytest
import torch

from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.graph_export import (
    FrameForm,
    FrameScores,
    exported_program,
    onnx_bytes,
)
from inspect_pipeline.runtimes.score_graphs import open_score_graph

from .plant import DETECTOR, Plant


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


FORM = FrameForm(height_px=97, width_px=161)


@pytest.fixture(scope="module")
def program(detector: Detector) -> torch.export.ExportedProgram:
    return exported_program(detector, FORM)


@pytest.fixture(scope="module")
def graph(program: torch.export.ExportedProgram) -> bytes:
    return onnx_bytes(program)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_gives_the_raw_scores_of_torch_from_the_exported_graph(
    detector: Detector, graph: bytes, runtime: str
) -> None:
    pixels = frame(FORM)
    found = open_score_graph(graph, runtime, threads=1).raw_scores(pixels)
    wanted = raw(detector, pixels)
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())
