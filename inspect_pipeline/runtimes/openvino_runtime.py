"""OpenVINO on the CPU, in the precision asked for: its own default may be bf16, which changes verdicts in silence."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.runtimes.graphs import INPUT, checked_output


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoRunner:
    """A compiled model of OpenVINO."""

    name: str
    compiled: Any

    def describe(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return descriptors (n, h / 16, w / 16, d) of prepared tiles (n, 3, h, w)."""
        request = self.compiled.create_infer_request()  # one a call: requests are not to be shared by threads
        return checked_output(np.array(request.infer({INPUT: tiles})[0]), tiles)


def open_openvino(graph: bytes, *, precision: str, threads: int, name: str) -> OpenVinoRunner:
    """Return the runner of an ONNX graph: ``precision`` f32, bf16, f16, or int8 for a graph that was quantized.

    Raises ConfigError where it cannot be had.
    """
    return OpenVinoRunner(name, openvino_model(graph, precision=precision, threads=threads))


def openvino_model(graph: bytes, *, precision: str, threads: int, weights: bytes = b"") -> Any:
    """Return a graph compiled for the CPU: ONNX bytes, or OpenVINO's own XML with its ``weights``.

    Raises ConfigError as ``open_openvino`` does.
    """
    openvino = _imported()
    core = openvino.Core()
    if precision == "f16" and "FP16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        # OpenVINO would take bf16 instead and not say so.
        raise ConfigError("this processor does not compute in f16; set precision: bf16, int8 or f32")
    hint = "f32" if precision == "int8" else precision  # what is quantized in the graph stays so
    options = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    try:
        read = core.read_model(model=graph, weights=weights) if weights else core.read_model(model=graph)
        return core.compile_model(read, "CPU", options)
    except RuntimeError as error:
        raise ConfigError(f"OpenVINO cannot read the graph ({error}); export it again") from error


def openvino_files(graph: bytes) -> tuple[bytes, bytes]:
    """Return (XML, weights) of an ONNX graph in OpenVINO's own form, float32. Raises ConfigError."""
    openvino = _imported()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "graph.xml"
        try:
            openvino.save_model(openvino.Core().read_model(model=graph), path, compress_to_fp16=False)
        except RuntimeError as error:
            raise ConfigError(f"OpenVINO cannot read the graph ({error}); export it again") from error
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _imported() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise ConfigError("runtime openvino is not installed; pip install 'inspect-pipeline[runtimes]'") from error
    return openvino
