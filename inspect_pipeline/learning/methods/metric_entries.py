"""Methods that compare a query with the supports in a learned space."""

from collections.abc import Mapping

from inspect_pipeline.learning.methods.distribution_calibration import CALIBRATION_OPTIONS, DistributionCalibration
from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.matching_networks import MATCHING_OPTIONS, MatchingNetworks
from inspect_pipeline.learning.methods.metric_ridge import MetricRidge
from inspect_pipeline.learning.methods.protonet import PROTONET_OPTIONS, ProtoNet
from inspect_pipeline.learning.methods.relation_network import RELATION_OPTIONS, RelationNetwork
from inspect_pipeline.learning.methods.ridge import Ridge
from inspect_pipeline.learning.methods.semi_supervised_protonet import SEMI_SUPERVISED_OPTIONS, SemiSupervisedProtoNet
from inspect_pipeline.learning.methods.siamese import SIAMESE_OPTIONS, Siamese
from inspect_pipeline.learning.methods.tim import TIM_OPTIONS, Tim
from inspect_pipeline.learning.methods.transductive_protonet import TRANSDUCTIVE_OPTIONS, TransductiveProtoNet
from inspect_pipeline.learning.methods.vae_hallucination import VAE_OPTIONS, VaeHallucination

METRIC: Mapping[str, MethodEntry] = {
    "protonet": MethodEntry(
        paper="Snell, Swersky, Zemel 2017: Prototypical networks",
        build=ProtoNet.untrained,
        defaults=PROTONET_OPTIONS,
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
    "matching_networks": MethodEntry(
        paper="Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra 2016: Matching networks for one shot learning",
        build=MatchingNetworks.untrained,
        defaults=MATCHING_OPTIONS,
    ),
    "relation_network": MethodEntry(
        paper="Sung, Yang, Zhang, Xiang, Torr, Hospedales 2018: Learning to compare",
        build=RelationNetwork.untrained,
        defaults=RELATION_OPTIONS,
    ),
    "siamese": MethodEntry(
        paper="Koch, Zemel, Salakhutdinov 2015: Siamese neural networks for one-shot image recognition",
        build=Siamese.untrained,
        defaults=SIAMESE_OPTIONS,
    ),
    "distribution_calibration": MethodEntry(
        paper="Yang, Liu, Xu 2021: Free lunch for few-shot learning: distribution calibration",
        build=DistributionCalibration.untrained,
        learned="batches",
        defaults=CALIBRATION_OPTIONS,
    ),
    "vae_hallucination": MethodEntry(
        paper="Wang, Girshick, Hebert, Hariharan 2018: Low-shot learning from imaginary data, by a small VAE",
        build=VaeHallucination.untrained,
        defaults=VAE_OPTIONS,
    ),
    "semi_supervised_protonet": MethodEntry(
        paper="Ren, Triantafillou, Ravi et al. 2018: Meta-learning for semi-supervised few-shot classification",
        build=SemiSupervisedProtoNet.untrained,
        defaults=SEMI_SUPERVISED_OPTIONS,
    ),
    "transductive_protonet": MethodEntry(
        paper="soft k-means on the queries (Ren et al. 2018); transductive",
        build=TransductiveProtoNet.untrained,
        defaults=TRANSDUCTIVE_OPTIONS,
    ),
    "tim": MethodEntry(
        paper="Boudiaf, Masud, Rony et al. 2020: Transductive information maximization; transductive",
        build=Tim.untrained,
        learned="nothing",
        defaults=TIM_OPTIONS,
    ),
}
