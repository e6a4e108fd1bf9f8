"""What a network is, without its numbers: frozen, plain, and read back strictly from its form."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Protocol, get_args

from torch import Tensor, nn

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.networks.conv4 import Conv4, Pooling
from inspect_pipeline.learning.networks.form_options import FormOptions
from inspect_pipeline.learning.networks.normalising import checked_mode
from inspect_pipeline.learning.networks.resnet12 import ResNet12
from inspect_pipeline.learning.networks.taps import parse_taps
from inspect_pipeline.learning.networks.timm_stages import (
    TimmStages,
    activation_at,
    check_chain,
    create,
    probe_image,
)

KIND = "network"


class NetworkSpec(Protocol):
    """A network that can be built: ``form`` and back, and the module with a sample that it takes."""

    @property
    def learned_from(self) -> str:
        """The first link that is learned; the ones before it stay as they are. Empty for all."""
        ...

    def form(self) -> dict[str, Option]:
        """Return what makes it again: plain JSON."""
        ...

    def build(self) -> tuple[nn.Module, Tensor]:
        """Return the module, its numbers of no meaning, and a batch of one sample.

        Raises BadDataError for options that make none, WeightsError for a timm model that cannot be cut so.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv4Spec:
    """Conv4 on images of ``side_px``; ``norm`` and ``steps`` as in ``normalising``, ``pooling`` as in ``conv4``."""

    architecture: ClassVar[str] = "conv4"
    norm: str = "task"
    steps: int = 1
    side_px: int = 84
    channels: int = 64
    pooling: str = "flatten"
    learned_from: str = ""

    def __post_init__(self) -> None:
        if self.side_px < 16 or self.channels < 1:
            raise BadDataError(f"Conv4 of {self.channels} channels at {self.side_px} px cannot be built; 16 px or more")
        _check(self.norm, self.steps)

    def form(self) -> dict[str, Option]:
        """Return what makes it again."""
        return {"kind": KIND, "name": self.architecture, **asdict(self)}

    def build(self) -> tuple[nn.Module, Tensor]:
        """Return the module and a sample."""
        pooling = next((each for each in get_args(Pooling) if each == self.pooling), None)
        if pooling is None:
            raise BadDataError(f"Conv4 cannot pool by {self.pooling!r}; choose one of {', '.join(get_args(Pooling))}")
        network = Conv4(mode=checked_mode(self.norm), steps=self.steps, channels=self.channels, pooling=pooling)
        return network, probe_image(self.side_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResNet12Spec:
    """ResNet-12; ``widths`` are the channels of its blocks with dashes, ``drop`` the share that training drops."""

    architecture: ClassVar[str] = "resnet12"
    norm: str = "task"
    steps: int = 1
    side_px: int = 84
    widths: str = "64-160-320-640"
    drop: float = 0.0
    learned_from: str = ""

    def __post_init__(self) -> None:
        if self.side_px < 16 or not 0.0 <= self.drop < 1.0:
            raise BadDataError(f"ResNet-12 at {self.side_px} px dropping {self.drop} cannot be built; 16 px, below 1")
        _check(self.norm, self.steps)

    def form(self) -> dict[str, Option]:
        """Return what makes it again."""
        return {"kind": KIND, "name": self.architecture, **asdict(self)}

    def build(self) -> tuple[nn.Module, Tensor]:
        """Return the module and a sample."""
        words = self.widths.split("-")
        if len(words) != 4 or not all(word.isdecimal() and int(word) for word in words):
            raise BadDataError(f"ResNet-12 has four widths, {self.widths!r} are not; write 64-160-320-640")
        widths = [int(word) for word in words]
        network = ResNet12(widths, mode=checked_mode(self.norm), steps=self.steps, drop=self.drop)
        return network, probe_image(self.side_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmSpec:
    """The timm model ``name`` after the stage ``cut`` (empty: the whole), described by ``taps`` (see ``parse_taps``).

    Samples are activations of ``cut`` (c, h, w), tokens of it (n, c), or images of ``side_px`` in timm's normalisation.
    """

    name: str
    taps: str
    cut: str = ""
    norm: str = "frozen"
    steps: int = 1
    side_px: int = 224
    learned_from: str = ""

    def __post_init__(self) -> None:
        _check(self.norm, self.steps)

    def form(self) -> dict[str, Option]:
        """Return what makes it again."""
        return {"kind": KIND, **asdict(self)}

    def build(self) -> tuple[nn.Module, Tensor]:
        """Return the module and a sample."""
        return self.of(create(self.name))

    def of(self, model: nn.Module) -> tuple[nn.Module, Tensor]:
        """Return what is left of this timm model, which is used up, and a sample. Raises WeightsError."""
        image = probe_image(self.side_px)
        check_chain(model, image)
        sample = activation_at(model, self.cut or None, image).detach()
        network = TimmStages(
            model, cut=self.cut or None, taps=parse_taps(self.taps), mode=checked_mode(self.norm), steps=self.steps
        )
        return network, sample


def read_spec(form: Mapping[str, Option]) -> NetworkSpec:
    """Return the network of a form. Raises BadDataError for options that it has not, or of another type."""
    name = form.get("name")
    if form.get("kind") != KIND or not isinstance(name, str):
        raise BadDataError(f"{dict(form)} is no form of a network; give kind: {KIND} and a name")
    options = FormOptions({key: form[key] for key in form if key not in {"kind", "name"}}, what=f"network {name}")
    spec = _READ[name](options) if name in _READ else _read_timm(name, options)
    options.done()
    return spec


def _read_conv4(options: FormOptions) -> NetworkSpec:
    return Conv4Spec(
        norm=options.text("norm", "task"),
        steps=options.count("steps", 1),
        side_px=options.count("side_px", 84),
        channels=options.count("channels", 64),
        pooling=options.text("pooling", "flatten"),
        learned_from=options.text("learned_from", ""),
    )


def _read_resnet12(options: FormOptions) -> NetworkSpec:
    return ResNet12Spec(
        norm=options.text("norm", "task"),
        steps=options.count("steps", 1),
        side_px=options.count("side_px", 84),
        widths=options.text("widths", "64-160-320-640"),
        drop=options.number("drop", 0.0),
        learned_from=options.text("learned_from", ""),
    )


def _read_timm(name: str, options: FormOptions) -> NetworkSpec:
    return TimmSpec(
        name=name,
        taps=options.text("taps"),
        cut=options.text("cut", ""),
        norm=options.text("norm", "frozen"),
        steps=options.count("steps", 1),
        side_px=options.count("side_px", 224),
        learned_from=options.text("learned_from", ""),
    )


_READ: Mapping[str, Callable[[FormOptions], NetworkSpec]] = {"conv4": _read_conv4, "resnet12": _read_resnet12}


def _check(norm: str, steps: int) -> None:
    if checked_mode(norm) != "step" and steps != 1:
        raise BadDataError(f"normalisation {norm} knows no steps and is given {steps}; choose step, or 1")
    if steps < 1:
        raise BadDataError(f"a network of {steps} steps cannot be built; give 1 or more")
