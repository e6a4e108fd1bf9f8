"""Methods whose adaptation is a few steps of gradient descent."""

from collections.abc import Mapping

from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.inner_loop_settings import InnerLoop
from inspect_pipeline.learning.methods.adapter_maml import AdapterMAML
from inspect_pipeline.learning.methods.anil import ANIL
from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.fomaml import FOMAML
from inspect_pipeline.learning.methods.gradient_method import GradientMethod
from inspect_pipeline.learning.methods.maml import MAML
from inspect_pipeline.learning.methods.maml_plus_plus import MAMLPlusPlus
from inspect_pipeline.learning.methods.meta_sgd import MetaSGD
from inspect_pipeline.learning.methods.proto_maml import ProtoMAML
from inspect_pipeline.learning.methods.reptile import Reptile


def _defaults(kind: type[GradientMethod], own: Mapping[str, Option] | None = None) -> dict[str, Option]:
    """Return the settings that are left to choose, as they are where nobody chooses, and the method's own."""
    left = {name: value for name, value in InnerLoop().options().items() if name not in kind.settled}
    return {**left, **(own or {})}


GRADIENT: Mapping[str, MethodEntry] = {
    "maml": MethodEntry(
        paper="Finn, Abbeel, Levine 2017: Model-agnostic meta-learning",
        build=MAML.untrained,
        defaults=_defaults(MAML),
    ),
    "fomaml": MethodEntry(
        paper="Finn, Abbeel, Levine 2017: Model-agnostic meta-learning, first order",
        build=lambda embedding, options: FOMAML.untrained(embedding, options, name="fomaml"),
        defaults=_defaults(FOMAML),
    ),
    "anil": MethodEntry(
        paper="Raghu, Raghu, Bengio, Vinyals 2020: Rapid learning or feature reuse?",
        build=lambda embedding, options: ANIL.untrained(embedding, options, name="anil"),
        defaults=_defaults(ANIL),
    ),
    "reptile": MethodEntry(
        paper="Nichol, Achiam, Schulman 2018: On first-order meta-learning algorithms",
        build=Reptile.untrained,
        defaults=_defaults(Reptile),
    ),
    "maml_plus_plus": MethodEntry(
        paper="Antoniou, Edwards, Storkey 2019: How to train your MAML",
        build=MAMLPlusPlus.untrained,
        defaults=_defaults(MAMLPlusPlus, {"multi_step_until": 0.3, "first_order_until": 0.3}),
    ),
    "meta_sgd": MethodEntry(
        paper="Li, Zhou, Chen, Li 2017: Meta-SGD: learning to learn quickly for few-shot learning",
        build=MetaSGD.untrained,
        defaults=_defaults(MetaSGD),
    ),
    "proto_maml": MethodEntry(
        paper="Triantafillou et al. 2020: Meta-Dataset",
        build=ProtoMAML.untrained,
        defaults=_defaults(ProtoMAML),
    ),
    "adapter_maml": MethodEntry(
        paper="Hu et al. 2021: LoRA, as the inner loop of Finn, Abbeel, Levine 2017",
        build=AdapterMAML.untrained,
        defaults=_defaults(AdapterMAML, {"rank": 4, "seed": 0}),
    ),
}
