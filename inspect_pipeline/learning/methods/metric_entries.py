"""Methods that compare a query with the supports in a learned space."""

from collections.abc import Mapping

from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.metric_ridge import MetricRidge
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.methods.ridge import Ridge

METRIC: Mapping[str, MethodEntry] = {
    "protonet": MethodEntry(
        paper="Snell, Swersky, Zemel 2017: Prototypical networks",
        build=lambda embedding, _: ProtoNet.untrained(embedding),
    ),
    "r2d2": MethodEntry(
        paper="Bertinetto, Henriques, Torr, Vedaldi 2019: Meta-learning with differentiable closed-form solvers",
        build=lambda embedding, _: Ridge.untrained(embedding),
    ),
    "metric_ridge": MethodEntry(
        paper="Bertinetto et al. 2019 in a metric of history (Hatch, Kajarekar, Stolcke 2006)",
        build=lambda embedding, options: MetricRidge.untrained(embedding, has_metric=bool(options["has_metric"])),
        defaults={"has_metric": False},
    ),
}
