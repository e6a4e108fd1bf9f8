"""MLflow's scoring server on one folder, for uvicorn; ``inspect-pipeline models serve`` starts it."""

import os
from pathlib import Path
from typing import Any

from mlflow.pyfunc import load_model, scoring_server

from inspect_pipeline.errors import ConfigError

FOLDER_VARIABLE = "SERVED_MODEL_FOLDER"
"""The environment variable that says where the model lies."""


def scoring_app() -> Any:
    """Return MLflow's application (POST /invocations, GET /ping) for the model in the folder of the environment.

    Raises ConfigError where the variable names no folder, BadDataError for a model that was altered.
    """
    folder = os.environ.get(FOLDER_VARIABLE, "")
    if not folder or not Path(folder).is_dir():
        raise ConfigError(f"{FOLDER_VARIABLE} {folder!r} is no folder of a model; use 'inspect-pipeline models serve'")
    return scoring_server.init(load_model(folder))
