"""Static 8-bit quantization of an exported graph, its ranges taken from the line's own good frames.

The first convolutions and the joining at the end stay in float32: they see what no range fits (raw pixels, sums of all
stages). How many was chosen among nine variants on 8 frames of kolektor_sdd, so what ``benchmarks/runtime_parity.py``
says of that material flatters int8; mvtec_bottle had no part in it.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError, ConfigError
from inspect_pipeline.runtimes.graphs import INPUT

_EXACT_CONVOLUTIONS = 6  # lite0: the stem, the first stage, the first block of the second
_JOINING = frozenset({"Concat", "AveragePool", "Transpose"})


def quantized(graph: bytes, tiles: Iterable[NDArray[np.float32]]) -> bytes:
    """Return the graph in int8 (QDQ, a scale a channel) but for its ends, calibrated on prepared tiles (1, 3, h, w).

    Raises BadDataError without any tile, ConfigError where ONNX Runtime is not installed.
    """
    try:
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise ConfigError("int8 needs ONNX Runtime and onnx; pip install 'inspect-pipeline[runtimes]'") from error

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        """Hands out the tiles one by one."""

        def __init__(self, source: Iterator[NDArray[np.float32]]) -> None:
            self.source = source

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """Return the next tile by the name of the input, None at the end."""
            tile = next(self.source, None)
            return None if tile is None else {INPUT: tile}

    shown = list(tiles)
    if not shown:
        raise BadDataError("int8 takes its ranges from good frames and there is none; label some first")
    reader = Reader(iter(shown))
    with tempfile.TemporaryDirectory() as scratch:
        whole, ready, made = (Path(scratch) / name for name in ("f32.onnx", "ready.onnx", "int8.onnx"))
        whole.write_bytes(graph)
        quant_pre_process(str(whole), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(made),
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_exact([(node.op_type, node.name) for node in onnx.load(str(ready)).graph.node]),
        )
        return made.read_bytes()


def _exact(nodes: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of the nodes (operator, name) that stay in float32."""
    convolutions = [place for place, (operator, _) in enumerate(nodes) if operator == "Conv"]
    begin = convolutions[_EXACT_CONVOLUTIONS] if len(convolutions) > _EXACT_CONVOLUTIONS else 0
    return [name for place, (operator, name) in enumerate(nodes) if name and (place < begin or operator in _JOINING)]
