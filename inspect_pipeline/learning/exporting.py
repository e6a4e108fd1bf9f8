"""The dense descriptor of a frozen backbone as an ONNX graph, for other runtimes; thresholds are not part of it.

The graph is that of ``stitching.describe_tile``: prepared tiles in, descriptors out. It is traced at one size; nothing
in a convolutional backbone depends on it, so batch and sides (in steps of 32 px) are free afterwards: tests compare it
with torch at other sizes.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from inspect_pipeline.errors import WeightsError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.stitching import dense_taps, joined

INPUT, OUTPUT = "tile", "patches"
"""Names in the graph: ``tile`` float32 (n, 3, h, w), prepared; ``patches`` float32 (n, h / 16, w / 16, d)."""

_TRACED_PX = (64, 96)


class TileDescriptor(nn.Module):
    """The backbone with the joining of its taps; unlike ``Backbone.taps`` it ends no pass by an exception."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """Return descriptors (n, h / 16, w / 16, d) of prepared tiles (n, 3, h, w)."""
        found: dict[str, Tensor] = {}
        names = dense_taps(self.backbone)

        def keeping(name: str) -> Any:
            def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
                found[name] = output

            return keep

        handles = [self.backbone.trunk.get_submodule(name).register_forward_hook(keeping(name)) for name in names]
        try:
            self.backbone.trunk(x)
        finally:
            for handle in handles:
                handle.remove()
        return joined([found[name] for name in names], x.shape[2:], name=self.backbone.name)


def exported_descriptor(backbone: Backbone) -> bytes:
    """Return the ONNX bytes of the backbone's descriptor, float32. Raises WeightsError for one that cannot be exported.

    Needs the packages onnx and onnxscript.
    """
    sample = torch.zeros(1, 3, *_TRACED_PX, device=backbone.mean.device)
    try:
        graph = torch.export.export(TileDescriptor(backbone).eval(), (sample,), strict=False)
        program = torch.onnx.export(
            graph, dynamo=True, optimize=False, input_names=[INPUT], output_names=[OUTPUT], verbose=False
        )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"backbone {backbone.name} cannot be exported to ONNX ({first}); run it by torch") from error
    model = cast(Any, program).model_proto
    del model.graph.value_info[:]  # shapes of the traced size
    for value, fixed in ((model.graph.input[0], 1), (model.graph.output[0], 3)):
        for place, size in enumerate(value.type.tensor_type.shape.dim):
            if place != fixed:
                size.dim_param = f"{value.name}_{place}"
    return bytes(model.SerializeToString())
