"""The files that let MLflow serve a registered detector: ``MLmodel``, signature, an example, a few lines of code.

They are written as ``mlflow.pyfunc.save_model`` writes a model from code (tests hold them against it), but without
importing it, which takes seconds. The code names a class of this package: nothing is pickled, nothing is trained in.
"""

import base64
import json
import platform
import struct
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from inspect_pipeline import __version__
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.store.bundles import MANIFEST_FILE, WEIGHTS_FILE

MLMODEL_FILE, CODE_FILE = "MLmodel", "served_model.py"
_REQUIREMENTS, _PYTHON_ENV = "requirements.txt", "python_env.yaml"
_EXAMPLE, _SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
_CODE = '''"""The detector beside this file, as MLflow loads it; the code that judges is in the installed package."""

from mlflow.models import set_model

from inspect_pipeline.serving.pyfunc import ServedDetector

set_model(ServedDetector())
'''
_EXAMPLE_SIDE_PX = 64


def serving_files(bundle: Bundle) -> Mapping[str, bytes]:
    """Return what stands beside the bundle's two files so that MLflow serves it; an initialization is not served."""
    if bundle.kind is not ModelKind.DETECTOR:
        return {}
    table = {"columns": ["image", "mm_per_px"], "data": [[base64.b64encode(_grey_png(_EXAMPLE_SIDE_PX)).decode(), 0.1]]}
    mlflow = version("mlflow")
    texts = {
        MLMODEL_FILE: json.dumps(_description(mlflow), indent=1),  # JSON is YAML, and written in no time
        CODE_FILE: _CODE,
        _REQUIREMENTS: f"mlflow=={mlflow}\ninspect-pipeline=={__version__}\n",
        _PYTHON_ENV: f"python: {platform.python_version()}\ndependencies:\n- -r {_REQUIREMENTS}\n",
        _EXAMPLE: json.dumps(table),
        _SERVING_EXAMPLE: json.dumps({"dataframe_split": table}),
    }
    return {name: text.encode() for name, text in texts.items()}


def _description(mlflow: str) -> dict[str, Any]:
    """Return what MLmodel says."""
    artifacts = {
        name: {"path": file, "uri": file} for name, file in (("manifest", MANIFEST_FILE), ("weights", WEIGHTS_FILE))
    }
    flavor = {
        "artifacts": artifacts,
        "code": None,
        "env": {"virtualenv": _PYTHON_ENV},
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": CODE_FILE,
        "python_version": platform.python_version(),
        "streamable": False,
    }
    example = {
        "artifact_path": _EXAMPLE,
        "pandas_orient": "split",
        "serving_input_path": _SERVING_EXAMPLE,
        "type": "dataframe",
    }
    return {
        "flavors": {"python_function": flavor},
        "is_signature_from_type_hint": False,
        "mlflow_version": mlflow,
        "saved_input_example_info": example,
        "signature": {"inputs": json.dumps(_inputs()), "outputs": json.dumps(_outputs()), "params": None},
        "type_hint_from_example": False,
    }


def _inputs() -> list[dict[str, Any]]:
    return [_column("image", "binary"), _column("mm_per_px", "double", required=False)]


def _outputs() -> list[dict[str, Any]]:
    optional = {"runner_up": "string", "width_mm": "double", "length_mm": "double"}
    finding: dict[str, Any] = {
        "box": {"type": "array", "items": {"type": "long"}, "required": True},
        "type": {"type": "string", "required": True},
        "score": {"type": "double", "required": True},
        "life_cycle": {"type": "string", "required": True},
        "evidence": {"type": "string", "required": True},
        **{name: {"type": kind, "required": False} for name, kind in optional.items()},
    }
    rows = {"type": "array", "items": {"type": "object", "properties": finding}, "name": "findings", "required": True}
    return [_column("verdict", "string"), rows, _column("reason", "string", required=False)]


def _column(name: str, kind: str, *, required: bool = True) -> dict[str, Any]:
    return {"type": kind, "name": name, "required": required}


def _grey_png(side_px: int) -> bytes:
    """Return a square of middle grey as PNG: the smallest image that says what an input looks like."""
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    lines = zlib.compress((b"\x00" + b"\x80" * side_px) * side_px)
    chunks = [(b"IHDR", header), (b"IDAT", lines), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
