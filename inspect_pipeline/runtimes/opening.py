"""Runtimes by name and precision."""

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.runtimes.onnx_runtime import OnnxRunner, open_onnx
from inspect_pipeline.runtimes.openvino_runtime import OpenVinoRunner, open_openvino

TORCH = "torch"
RUNTIMES = {TORCH: ("f32",), "onnxruntime": ("f32", "int8"), "openvino": ("f32", "bf16", "f16", "int8")}
"""The precisions of each."""


def check_runtime(runtime: str, precision: str) -> None:
    """Raise ConfigError for a runtime or precision that there is not."""
    if precision not in RUNTIMES.get(runtime, ()):
        known = "; ".join(f"{name}: {', '.join(each)}" for name, each in RUNTIMES.items())
        raise ConfigError(f"runtime {runtime} in {precision} is not known; there are {known}")


def open_runner(graph: bytes, runtime: str, *, precision: str, threads: int) -> OnnxRunner | OpenVinoRunner:
    """Return the runner of an exported graph; for int8 the graph is one that ``quantized`` made.

    Raises ConfigError for what there is not, a precision that this processor does not compute in among it.
    """
    check_runtime(runtime, precision)
    if runtime == TORCH:
        raise ConfigError("torch runs the backbone itself, not a graph of it; name onnxruntime or openvino")
    name = f"{runtime} {precision}"
    if runtime == "onnxruntime":
        return open_onnx(graph, threads=threads, name=name)
    return open_openvino(graph, precision=precision, threads=threads, name=name)
