"""A whole detector as one graph: a frame in, raw score maps out. Thresholds are no part of it, they stay in the bundle.

The graph does what ``Detector.examine`` does to a frame before the limits are laid on: both scales of the backbone, the
metric of good material, the types' directions, the smoothing. It is made for frames of one size and depth, so that
every padding and unit border is fixed in it; a frame of the same size gives the numbers of torch (tested within 1e-4).
"""

import io
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad

from inspect_pipeline.errors import BadDataError, BadImageError, WeightsError
from inspect_pipeline.learning.dense_features import NARROW_PX, first_centre
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.exporting import TileDescriptor
from inspect_pipeline.learning.stitching import STRIDE_PX, rounded

FRAME, ANOMALY, TYPES = "frame", "anomaly", "types"
"""Names in the graph: ``frame`` u8 or u16, (h, w) or (h, w, 3); ``anomaly`` (h / 16, w / 16), ``types`` (T, ...)."""

_DEPTHS = {8: (torch.uint8, 255.0, 257.0), 16: (torch.uint16, 65535.0, 1.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameForm:
    """The frames that a graph takes: sides in px, 1 channel (grey) or 3 (RGB), 8 or 16 bits a value."""

    height_px: int
    width_px: int
    channels: int = 1
    bits: int = 8

    def __post_init__(self) -> None:
        if min(self.height_px, self.width_px) < STRIDE_PX:
            raise BadImageError(f"a frame of {self.height_px} x {self.width_px} px is too small; {STRIDE_PX} at least")
        if self.channels not in (1, 3) or self.bits not in _DEPTHS:
            raise BadDataError(
                f"frames of {self.channels} channels and {self.bits} bits are not judged; 1 or 3, 8 or 16"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array: (h, w), or (h, w, 3) for colour."""
        sides = (self.height_px, self.width_px)
        return sides if self.channels == 1 else (*sides, self.channels)


class FrameScores(nn.Module):
    """The detector as a module on frames of one form; gives (anomaly,) or (anomaly, types) in raw units."""

    def __init__(self, detector: Detector, form: FrameForm) -> None:
        super().__init__()
        self.detector, self.form = detector, form
        self.descriptor = TileDescriptor(detector.backbone)

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Return the smoothed raw scores of a frame."""
        _, largest, to_16_bit = _DEPTHS[self.form.bits]
        values = frame.to(torch.float32)
        planes = values[None, None] if self.form.channels == 1 else values.permute(2, 0, 1)[None]
        maps = [self._described(planes, largest)]
        if self.detector.settings.two_scales:
            maps.append(self._second_scale(planes * to_16_bit))
        rows, columns = first_centre(self.form.height_px), first_centre(self.form.width_px)
        patches = torch.cat([each[:, :, :rows, :columns] for each in maps], dim=1)[0].permute(1, 2, 0)
        raw = self.detector.raw_maps(patches)
        count = len(self.detector.heads)
        return (raw[0], raw[1 : 1 + count]) if count else (raw[0],)

    def _described(self, planes: Tensor, largest: float) -> Tensor:
        """Return descriptors (1, d, h / 16, w / 16) of values from 0 to ``largest``, its border repeated."""
        height, width = int(planes.shape[2]), int(planes.shape[3])
        missing = (0, rounded(width) - width, 0, rounded(height) - height)
        whole = pad(planes, missing, mode="replicate") if any(missing) else planes
        backbone = self.detector.backbone
        found: Tensor = self.descriptor((whole / largest - backbone.mean) / backbone.std)
        return found.permute(0, 3, 1, 2)

    def _second_scale(self, planes: Tensor) -> Tensor:
        """Return descriptors of the frame at half its size, twice where it is narrow, on the grid of the first."""
        largest = _DEPTHS[16][1]
        if self.form.width_px < NARROW_PX:
            twice = interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False).round()
            return avg_pool2d(self._described(twice, largest), 2)
        odd = (0, self.form.width_px % 2, 0, self.form.height_px % 2)
        even = pad(planes, odd, mode="replicate") if any(odd) else planes
        total = even[..., ::2, ::2] + even[..., 1::2, ::2] + even[..., ::2, 1::2] + even[..., 1::2, 1::2]
        half = self._described(torch.floor((total + 2.0) / 4.0), largest)
        return interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)


def exported_program(detector: Detector, form: FrameForm) -> torch.export.ExportedProgram:
    """Return the detector's graph for frames of that form. Raises WeightsError where torch cannot trace it."""
    sample = torch.zeros(form.shape, dtype=_DEPTHS[form.bits][0])
    try:
        with torch.no_grad():
            return torch.export.export(FrameScores(detector, form).eval(), (sample,), strict=False)
    except RuntimeError as error:
        raise WeightsError(f"the detector cannot be exported ({_first_line(error)}); run it by torch") from error


def torch_export_bytes(program: torch.export.ExportedProgram) -> bytes:
    """Return the graph as a PT2 archive for ``torch.export.load``, without the example input, which is a pickle."""
    buffer = io.BytesIO()
    program.example_inputs = None
    for name, tensor in program.state_dict.items():
        if isinstance(tensor, nn.Parameter) and not tensor.is_contiguous():  # channels_last, which torch warns of
            program.state_dict[name] = nn.Parameter(tensor.detach().contiguous(), requires_grad=False)
    torch.export.save(program, buffer)
    return buffer.getvalue()


def onnx_bytes(program: torch.export.ExportedProgram) -> bytes:
    """Return the graph as ONNX, float32. Raises WeightsError. Needs the packages onnx and onnxscript."""
    names = [ANOMALY, TYPES][: len(program.graph_signature.user_outputs)]
    try:
        made = torch.onnx.export(
            program, dynamo=True, optimize=True, input_names=[FRAME], output_names=names, verbose=False
        )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise WeightsError(
            f"the detector cannot be exported to ONNX ({_first_line(error)}); use torch-export"
        ) from error
    return bytes(cast(Any, made).model_proto.SerializeToString())


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
