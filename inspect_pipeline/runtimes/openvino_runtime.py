"""OpenVINO on the CPU, in the precision asked for: its own default may be bf16, which changes verdicts in silence."""

from dataclasses import dataclass
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
    """Return the runner of an ONNX graph, ``precision`` f32 or bf16. Raises ConfigError where it cannot be had."""
    try:
        import openvino
    except ImportError as error:
        raise ConfigError("runtime openvino is not installed; pip install 'inspect-pipeline[runtimes]'") from error
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    try:
        compiled = core.compile_model(core.read_model(model=graph), "CPU", options)
    except RuntimeError as error:
        raise ConfigError(f"OpenVINO cannot read the graph ({error}); export it again") from error
    return OpenVinoRunner(name, compiled)
