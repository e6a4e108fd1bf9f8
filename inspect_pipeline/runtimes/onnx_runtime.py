"""ONNX Runtime on the CPU; its threads do not spin, since two busy cores then fall to a tenth of their speed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.runtimes.graphs import INPUT, checked_output


@dataclass(frozen=True, slots=True, eq=False)
class OnnxRunner:
    """A session of ONNX Runtime."""

    name: str
    session: Any

    def describe(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return descriptors (n, h / 16, w / 16, d) of prepared tiles (n, 3, h, w)."""
        return checked_output(self.session.run(None, {INPUT: tiles})[0], tiles)


def open_onnx(graph: bytes, *, threads: int, name: str) -> OnnxRunner:
    """Return the runner of a graph. Raises ConfigError where ONNX Runtime is not installed or cannot read it."""
    return OnnxRunner(name, onnx_session(graph, threads=threads))


def onnx_session(graph: bytes, *, threads: int) -> Any:
    """Return a session for a graph on the CPU. Raises ConfigError as ``open_onnx`` does."""
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise ConfigError("runtime onnxruntime is not installed; pip install 'inspect-pipeline[runtimes]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.NotImplemented) as error:
        raise ConfigError(f"ONNX Runtime cannot read the graph ({error}); export it again") from error
