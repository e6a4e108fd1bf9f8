"""Methods whose adaptation is a few steps of gradient descent."""

from collections.abc import Mapping

from inspect_pipeline.learning.methods.entry import MethodEntry

GRADIENT: Mapping[str, MethodEntry] = {}
