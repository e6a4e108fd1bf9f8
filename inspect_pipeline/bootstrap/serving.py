"""Detectors outside this program: a folder that MLflow serves, or one graph for another runtime with its thresholds."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.services.in_force import CHAMPION, version_in_force
from inspect_pipeline.store.bundles import MANIFEST_FILE, WEIGHTS_FILE
from inspect_pipeline.store.durable_files import write_durably
from inspect_pipeline.store.served_models import serving_files

if TYPE_CHECKING:
    from inspect_pipeline.learning.graph_export import FrameForm

GRAPH_SUFFIXES: Mapping[str, str] = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}
"""The forms of a graph, and what its file is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Writes registered detectors for others to run. Without a version or alias it is the one on record as in force."""

    stores: Stores

    def write_served(self, model: str, folder: Path, *, version: str | None = None, alias: str | None = None) -> str:
        """Write a detector, checked against its hashes, as MLflow serves it, and return its version.

        Versions registered before there was a served form are written in it too. Raises RefusedError for a champion
        alias moved past the records.
        """
        resolved, bundle = _loaded(self.stores, model, version=version, alias=alias)
        files = {**serving_files(bundle), MANIFEST_FILE: bundle.manifest_bytes(), WEIGHTS_FILE: bundle.tensors}
        for name, content in files.items():
            write_durably(folder / name, content, derived=True)
        return resolved

    def export_graph(
        self,
        model: str,
        *,
        form: str,
        out: Path,
        size: tuple[int, int, int] | None = None,
        bits: int = 8,
        version: str | None = None,
        alias: str | None = None,
    ) -> dict[str, Any]:
        """Write a detector as one graph with a JSON of its thresholds beside it; return paths, version, frame's shape.

        ``size`` (height, width, channels) and ``bits`` say which frames the graph takes, by default those of the
        line's newest capture. Raises BadDataError for a ``form`` that there is not, NotFoundError without a frame.
        """
        from inspect_pipeline.learning.detector import Detector
        from inspect_pipeline.learning.graph_export import exported_program, onnx_bytes, torch_export_bytes

        if form not in GRAPH_SUFFIXES:
            raise BadDataError(f"there is no form {form!r} of a graph; give {', '.join(GRAPH_SUFFIXES)}")
        if out.suffix != GRAPH_SUFFIXES[form]:  # what lies beside it is named after it
            raise BadDataError(f"{out}: a graph in the form {form} is a file {GRAPH_SUFFIXES[form]}; name it so")
        resolved, bundle = _loaded(self.stores, model, version=version, alias=alias)
        frames = _newest_form(self.stores, model, resolved) if size is None else _form(size, bits)
        program = exported_program(Detector.from_bundle(bundle), frames)
        graph = torch_export_bytes(program) if form == "torch-export" else onnx_bytes(program)
        contents = _openvino_files(graph, out) if form == "openvino" else {out: graph}
        contents[out.with_suffix(".json")] = _sidecar(f"{model}@{resolved}", bundle, frames, contents[out])
        for path, content in contents.items():
            write_durably(path.absolute(), content)
        return {"paths": [str(path) for path in contents], "version": resolved, "frame": list(frames.shape)}


def _form(size: tuple[int, int, int], bits: int) -> "FrameForm":
    from inspect_pipeline.learning.graph_export import FrameForm

    return FrameForm(height_px=size[0], width_px=size[1], channels=size[2], bits=bits)


def _loaded(stores: Stores, model: str, *, version: str | None, alias: str | None) -> tuple[str, Bundle]:
    if version is None and alias in (None, CHAMPION):
        version = version_in_force(stores.catalog, stores.registry, model)
    resolved, bundle = stores.registry.load(model, version=version, alias=None if version else alias or CHAMPION)
    if bundle.kind is not ModelKind.DETECTOR:
        raise BadDataError(f"{model} is a {bundle.kind.value}, which judges no frame; name a detector")
    return resolved, bundle


def _newest_form(stores: Stores, model: str, version: str) -> "FrameForm":
    """Return the form of the newest usable frame of the detector's line."""
    from inspect_pipeline.imaging.decode import decode

    line = next((each.tags.get("line") for each in stores.registry.versions(model) if each.version == version), None)
    with stores.catalog.transaction() as unit:
        coils = [] if line is None else sorted(unit.coils(line=line), key=lambda coil: coil.created_at, reverse=True)
        found = (frame for coil in coils for frame in reversed(unit.frames(coil.id)) if frame.usable and frame.image)
        newest = next((frame for frame in found if frame.pruned_at is None), None)
    if newest is None or newest.image is None:
        raise NotFoundError(f"{model}: its line has no frame to take the size from; give --size HEIGHTxWIDTH")
    pixels = decode(stores.images.get(newest.image), name=newest.source)
    channels = 3 if pixels.ndim == 3 else 1
    return _form((int(pixels.shape[0]), int(pixels.shape[1]), channels), 8 * pixels.dtype.itemsize)


def _openvino_files(graph: bytes, out: Path) -> dict[Path, bytes]:
    from inspect_pipeline.runtimes.openvino_runtime import openvino_files

    description, weights = openvino_files(graph)
    return {out: description, out.with_suffix(".bin"): weights}


def _sidecar(reference: str, bundle: Bundle, frames: "FrameForm", graph: bytes) -> bytes:
    """Return what the graph does not hold: limits, names, life cycles, what it is and what it was made from."""
    from inspect_pipeline.runtimes.score_graphs import FRAME, GRAPH_FORMAT

    manifest = bundle.manifest
    channels = [{"name": UNKNOWN_TYPE, "life_cycle": None, **_limits(manifest["anomaly"])}]
    channels += [
        {"name": head["name"], "life_cycle": head["life_cycle"], **_limits(head["channel"])}
        for head in manifest["heads"]
    ]
    document = {
        "format": GRAPH_FORMAT,
        "detector": reference,
        "bundle_sha256": bundle.sha256,
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "input": {"name": FRAME, "shape": list(frames.shape), "bits": frames.bits},
        "stride_px": 16,
        "channels": channels,
        "promise": manifest["promise"],
        "alarm": "a cell alarms in a channel where its raw score reaches the limit; (raw - floor) / (limit - floor) is "
        "the score that is reported",
    }
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def _limits(channel: Mapping[str, Any]) -> dict[str, float]:
    return {"floor": channel["floor"], "limit": channel["limit"]}
