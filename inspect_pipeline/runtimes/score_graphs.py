"""An exported detector (``models export``) run by ONNX Runtime or OpenVINO: a frame in, raw score maps out.

Nothing of torch is needed, and nothing here knows a threshold but from the JSON beside the graph.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError, ConfigError, InspectError
from inspect_pipeline.runtimes.onnx_runtime import onnx_session
from inspect_pipeline.runtimes.openvino_runtime import openvino_model

FRAME = "frame"
GRAPH_FORMAT = 1


class ScoreGraph(Protocol):
    """One exported detector behind one runtime."""

    @property
    def name(self) -> str:
        """The runtime and its precision, for the records."""
        ...

    def raw_scores(self, frame: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores (1 + types, h / 16, w / 16) of a frame of the size and depth the graph was made for."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class OnnxScores:
    """A graph in a session of ONNX Runtime."""

    name: str
    session: Any

    def raw_scores(self, frame: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores of a frame; see ``ScoreGraph``. Raises BadDataError for a frame of another form."""
        wanted = self.session.get_inputs()[0]
        _check(frame, tuple(wanted.shape), wanted.type.removeprefix("tensor(").removesuffix(")"))
        return _stacked(self.session.run(None, {FRAME: frame}))


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoScores:
    """A graph compiled by OpenVINO."""

    name: str
    compiled: Any

    def raw_scores(self, frame: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores of a frame; see ``ScoreGraph``. Raises BadDataError for a frame of another form."""
        wanted = self.compiled.inputs[0]
        _check(frame, tuple(wanted.shape), np.dtype(wanted.element_type.to_dtype()).name)
        request = self.compiled.create_infer_request()  # one a call: requests are not to be shared by threads
        found = request.infer({FRAME: frame})
        return _stacked([np.array(found[port]) for port in self.compiled.outputs])


def open_score_graph(
    graph: bytes, runtime: str, *, threads: int, weights: bytes = b"", precision: str = "f32"
) -> ScoreGraph:
    """Return the runner of an exported graph: ONNX, or OpenVINO's XML with its ``weights``. Raises ConfigError."""
    name = f"{runtime} {precision}"
    if runtime == "onnxruntime" and precision == "f32":
        return OnnxScores(name, onnx_session(graph, threads=threads))
    if runtime == "openvino":
        return OpenVinoScores(name, openvino_model(graph, precision=precision, threads=threads, weights=weights))
    raise ConfigError(f"runtime {runtime} in {precision} runs no exported detector; there are onnxruntime and openvino")


def limits_of(sidecar: bytes) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32]]:
    """Return (names, floors, limits) of the channels in the order of the raw scores, from the JSON beside a graph.

    A channel alarms where its raw score reaches the limit. Raises BadDataError for another format.
    """
    try:
        document: Mapping[str, Any] = json.loads(sidecar)
        if document["format"] != GRAPH_FORMAT:
            raise BadDataError(f"the graph has format {document['format']}, this program reads {GRAPH_FORMAT}")
        rows = document["channels"]
        floors, limits = (np.array([row[key] for row in rows], dtype=np.float32) for key in ("floor", "limit"))
        return [str(row["name"]) for row in rows], floors, limits
    except (ValueError, KeyError, TypeError) as error:
        raise BadDataError(f"the JSON beside the graph cannot be read ({error!r}); export it again") from error


def _check(frame: NDArray[Any], shape: tuple[Any, ...], kind: str) -> None:
    if frame.shape != shape or frame.dtype.name != kind:
        raise BadDataError(
            f"the graph takes frames {kind} of shape {shape}, this one is {frame.dtype.name} of {frame.shape}; "
            "export one for this form"
        )


def _stacked(found: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the anomaly and the types as one array."""
    if not 1 <= len(found) <= 2 or found[0].ndim != 2 or found[0].dtype != np.float32:
        raise InspectError(f"the graph gave {[each.shape for each in found]}, no score maps; export it again")
    return np.concatenate([found[0][None], *found[1:]])
