"""Few-shot defect inspection for line-scan cameras."""

__version__ = "0.1.0"
