"""The configured runtime put behind a detector's backbone; its graph is made once and kept, and its parity counted."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.parity import Parity
from inspect_pipeline.runtimes.opening import TORCH

if TYPE_CHECKING:
    from inspect_pipeline.learning.backbones import Backbone
    from inspect_pipeline.learning.detector import Detector
    from inspect_pipeline.services.parity import Parities

_FORM, _INT8_FORM = "onnx-descriptor-1", "int8-descriptor-1"
"""How a descriptor becomes a graph, and that graph one of 8 bits; whoever changes either counts it up."""


def equip(stores: Stores, detector: "Detector", bundle: Bundle) -> "Detector":
    """Return the bundle's detector with the configured runtime describing its tiles; with torch it is as it was.

    Raises NotFoundError for int8 where the good frames that it was taught on are not here.
    """
    settings = stores.settings.backbone
    if settings.runtime == TORCH:
        return detector
    import torch

    from inspect_pipeline.runtimes.opening import open_runner

    quantized = settings.precision == "int8"
    graph = quantized_graph(stores, detector, bundle) if quantized else exported(stores, detector.backbone)
    detector.backbone.runner = open_runner(
        graph, settings.runtime, precision=settings.precision, threads=torch.get_num_threads()
    )
    return detector


def exported(stores: Stores, backbone: "Backbone") -> bytes:
    """Return the ONNX graph of the backbone's descriptor, from the workspace where it was exported before."""
    from inspect_pipeline.learning.exporting import exported_descriptor

    key = _key(_FORM, _trunk(backbone))
    kept = stores.features.get(key)
    if kept is not None:
        return kept
    stores.progress("export", 0, 1)
    graph = exported_descriptor(backbone)
    stores.features.put(key, graph)
    stores.progress("export", 1, 1)
    return graph


def quantized_graph(stores: Stores, detector: "Detector", bundle: Bundle) -> bytes:
    """Return the graph in int8, its ranges from the good frames that taught this version; kept under both."""
    from inspect_pipeline.runtimes.quantizing import quantized
    from inspect_pipeline.services.calibrating import calibration_tiles, good_images

    images = good_images(stores.catalog, bundle)
    two_scales = str(detector.settings.two_scales)
    key = _key(_INT8_FORM, _FORM, _trunk(detector.backbone), two_scales, *images)
    kept = stores.features.get(key)
    if kept is not None:
        return kept
    graph = exported(stores, detector.backbone)
    stores.progress("int8 ranges", 0, 1)
    made = quantized(graph, calibration_tiles(stores.images, images, detector))
    stores.features.put(key, made)
    stores.progress("int8 ranges", 1, 1)
    return made


def _trunk(backbone: "Backbone") -> str:
    from inspect_pipeline.learning.fingerprints import trunk_fingerprint

    return trunk_fingerprint(backbone.name, backbone.trunk_state())


def _key(*parts: str) -> str:
    import torch

    return hashlib.sha256(json.dumps([torch.__version__, *parts]).encode()).hexdigest()


@dataclass(kw_only=False)
class LateParities:
    """The configured runtime beside torch; nothing is imported where torch itself judges."""

    stores: Stores
    made: "list[Parities]" = field(default_factory=list)

    def run(self, line: str, recipe: str, bundle: Bundle) -> Parity | None:
        """Return what the runtime changes of the bundle's verdicts on frames of the line, None where torch judges."""
        stores = self.stores
        if stores.settings.backbone.runtime == TORCH:
            return None
        from inspect_pipeline.services.parity import Parities

        if not self.made:
            self.made.append(
                Parities(
                    catalog=stores.catalog,
                    images=stores.images,
                    progress=stores.progress,
                    equip=partial(equip, stores),
                    rules=stores.settings.gates.parity,
                )
            )
        return self.made[0].run(line, recipe, bundle)
