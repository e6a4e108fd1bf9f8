"""Runtimes by name and precision."""

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.runtimes.onnx_runtime import OnnxRunner, open_onnx
from inspect_pipeline.runtimes.openvino_runtime import OpenVinoRunner, open_openvino

RUNTIMES = {"onnxruntime": ("f32", "int8"), "openvino": ("f32", "bf16")}
"""The precisions of each."""


def check_runtime(runtime: str, precision: str) -> None:
    """Raise ConfigError for a runtime or precision that there is not."""
    if precision not in RUNTIMES.get(runtime, ()):
        known = "; ".join(f"{name}: {', '.join(each)}" for name, each in RUNTIMES.items())
        raise ConfigError(f"runtime {runtime} in {precision} is not known; there are {known}")


def open_runner(graph: bytes, runtime: str, *, precision: str, threads: int) -> OnnxRunner | OpenVinoRunner:
    """Return the runner of an exported graph; for int8 the graph is one that ``quantized`` made. Raises ConfigError."""
    check_runtime(runtime, precision)
    name = f"{runtime} {precision}"
    if runtime == "onnxruntime":
        return open_onnx(graph, threads=threads, name=name)
    return open_openvino(graph, precision=precision, threads=threads, name=name)
