"""The model that MLflow loads from code: a registered detector answers for encoded images, without catalog or registry.

What stands in the folder beside the detector (``store/served_models.py``) only names this class. Nothing on the way is
unpickled: the manifest is JSON, the tensors are safetensors, both are held against their hashes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.pyfunc.model import PythonModel

from inspect_pipeline.domain.bundle import bundle_from_bytes
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.single_image import judged_image

IMAGE, MM_PER_PX = "image", "mm_per_px"
"""Columns of the input: an encoded image file (bytes; base64 in JSON), and how wide a pixel is (mm), where known."""


class ServedDetector(PythonModel):
    """A detector behind MLflow's pyfunc; rows of a request are judged one by one."""

    def __init__(self) -> None:
        self.detector: Detector | None = None

    def load_context(self, context: Any) -> None:
        """Load the detector that the folder holds. Raises BadDataError for one that is damaged or was altered."""
        self.detector = _loaded(context)

    def predict(
        self,
        context: Any,
        model_input: pd.DataFrame,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 - of MLflow's interface
    ) -> pd.DataFrame:
        """Return a row (verdict, findings, reason) an image; what cannot be judged is UNUSABLE with its reason."""
        detector = self.detector or _loaded(context)
        scales = model_input[MM_PER_PX] if MM_PER_PX in model_input else [None] * len(model_input)
        rows = [
            judged_image(detector, content, mm_per_px=None if pd.isna(scale) else float(scale))
            for content, scale in zip(model_input[IMAGE], scales, strict=True)
        ]
        return pd.DataFrame(rows, columns=["verdict", "findings", "reason"])


def _loaded(context: Any) -> Detector:
    manifest, weights = (Path(context.artifacts[name]).read_bytes() for name in ("manifest", "weights"))
    return Detector.from_bundle(bundle_from_bytes(manifest, weights))
