"""The configured runtime put behind a detector's backbone; its graph is exported once and kept."""

import hashlib
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap.stores import Stores

if TYPE_CHECKING:
    from inspect_pipeline.learning.backbones import Backbone
    from inspect_pipeline.learning.detector import Detector

_FORM = "onnx-descriptor-1"
"""How a descriptor becomes a graph; whoever changes that counts it up."""


def equip(stores: Stores, detector: "Detector") -> "Detector":
    """Return the detector with the configured runtime describing its tiles; with torch it is as it was."""
    settings = stores.settings.backbone
    if settings.runtime == "torch":
        return detector
    import torch

    from inspect_pipeline.runtimes.opening import open_runner

    graph = exported(stores, detector.backbone)
    detector.backbone.runner = open_runner(
        graph, settings.runtime, precision=settings.precision, threads=torch.get_num_threads()
    )
    return detector


def exported(stores: Stores, backbone: "Backbone") -> bytes:
    """Return the ONNX graph of the backbone's descriptor, from the workspace where it was exported before."""
    import torch

    from inspect_pipeline.learning.exporting import exported_descriptor
    from inspect_pipeline.learning.fingerprints import trunk_fingerprint

    trunk = trunk_fingerprint(backbone.name, backbone.trunk_state())
    key = hashlib.sha256(f"{_FORM} {torch.__version__} {trunk}".encode()).hexdigest()
    kept = stores.features.get(key)
    if kept is not None:
        return kept
    stores.progress("export", 0, 1)
    graph = exported_descriptor(backbone)
    stores.features.put(key, graph)
    stores.progress("export", 1, 1)
    return graph
