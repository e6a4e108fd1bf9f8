"""Registered detectors as MLflow serves them: an image in, a verdict with its findings out."""
