"""The honest baselines that every method must beat: a plain head on frozen features or after supervised training."""

from collections.abc import Mapping

from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.fine_tuned_head import COSINE_HEAD_OPTIONS, LINEAR_HEAD_OPTIONS, FineTunedHead
from inspect_pipeline.learning.methods.logistic_regression import LOGISTIC_OPTIONS, LogisticRegression
from inspect_pipeline.learning.methods.protonet import PROTONET_OPTIONS, ProtoNet
from inspect_pipeline.learning.methods.ridge import Ridge
from inspect_pipeline.learning.methods.shrinkage_lda import LDA_OPTIONS, ShrinkageLda
from inspect_pipeline.learning.methods.supervised import SUPERVISED_OPTIONS, Supervised

BASELINES: Mapping[str, MethodEntry] = {
    "nearest_prototype": MethodEntry(
        paper="frozen features, nearest class mean",
        build=lambda embedding, options: ProtoNet.untrained(embedding, options, name="nearest_prototype"),
        learned="nothing",
        defaults=PROTONET_OPTIONS,
    ),
    "ridge": MethodEntry(
        paper="frozen features, ridge regression on one-hot targets",
        build=lambda embedding, _: Ridge.untrained(embedding, name="ridge"),
        learned="nothing",
    ),
    "logistic_regression": MethodEntry(
        paper="frozen features, multinomial logistic regression with an L2 penalty",
        build=LogisticRegression.untrained,
        learned="nothing",
        defaults=LOGISTIC_OPTIONS,
    ),
    "shrinkage_lda": MethodEntry(
        paper="frozen features, discriminants with a shrunk covariance (OAS: Chen et al. 2010; Ledoit, Wolf 2004)",
        build=ShrinkageLda.untrained,
        learned="nothing",
        defaults=LDA_OPTIONS,
    ),
    "fine_tuned_head": MethodEntry(
        paper="frozen features, a linear head by gradient descent (Chen, Liu, Kira, Wang, Huang 2019: Baseline)",
        build=FineTunedHead.linear,
        learned="nothing",
        defaults=LINEAR_HEAD_OPTIONS,
    ),
    "baseline_plus_plus": MethodEntry(
        paper="Chen, Liu, Kira, Wang, Huang 2019: A closer look at few-shot classification (Baseline++)",
        build=FineTunedHead.cosine,
        learned="batches",
        defaults=COSINE_HEAD_OPTIONS,
    ),
    "supervised": MethodEntry(
        paper="Chen, Liu, Xu, Darrell, Wang 2021: Meta-baseline (its classifier-baseline)",
        build=Supervised.untrained,
        learned="batches",
        defaults=SUPERVISED_OPTIONS,
    ),
}
