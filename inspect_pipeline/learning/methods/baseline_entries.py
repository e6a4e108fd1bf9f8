"""The honest baselines that every method must beat: frozen features under a plain head."""

from collections.abc import Mapping

from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.methods.ridge import Ridge

BASELINES: Mapping[str, MethodEntry] = {
    "nearest_prototype": MethodEntry(
        paper="frozen features, nearest class mean",
        build=lambda embedding, _: ProtoNet.untrained(embedding, name="nearest_prototype"),
        learned="nothing",
    ),
    "ridge": MethodEntry(
        paper="frozen features, ridge regression on one-hot targets",
        build=lambda embedding, _: Ridge.untrained(embedding, name="ridge"),
        learned="nothing",
    ),
}
