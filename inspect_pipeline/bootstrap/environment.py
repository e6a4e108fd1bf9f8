"""What a run ran on: versions, threads and the kind of machine; never the name of a machine or of a person."""

import os
import platform

import numpy as np
import timm
import torch


def run_environment() -> dict[str, str | int]:
    """Return versions of Python and the numeric libraries, torch's threads, the processor's kind and the device."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 0,
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU",
    }
