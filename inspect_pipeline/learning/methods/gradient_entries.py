"""Methods whose adaptation is a few steps of gradient descent."""

from collections.abc import Mapping

from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.inner_loop_settings import InnerLoop
from inspect_pipeline.learning.methods.anil import ANIL
from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.learning.methods.fomaml import FOMAML
from inspect_pipeline.learning.methods.gradient_method import GradientMethod
from inspect_pipeline.learning.methods.maml import MAML


def _defaults(kind: type[GradientMethod]) -> dict[str, Option]:
    """Return the settings that are left to choose, as they are where nobody chooses."""
    return {name: value for name, value in InnerLoop().options().items() if name not in kind.settled}


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
}
