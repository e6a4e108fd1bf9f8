"""Any timm model from a stage on: what lies before is frozen, runs once and is cached; the rest is learned."""

from collections.abc import Sequence
from typing import Any

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.networks.normalising import ExplicitNorm, ForwardPass, NormMode, name_norms, running
from inspect_pipeline.learning.networks.taps import Tap, hook_taps, joined

TOKENS = "tokens"
"""The first link of a vision transformer: patches, class token and positions."""


class TimmStages(nn.Module):
    """The links of a timm model after ``cut`` (None: all of them), up to the deepest tap; it gives the joined taps.

    ``links`` are the module paths in the order in which they run. Parameters keep timm's names under ``trunk``.
    """

    def __init__(
        self, model: nn.Module, *, cut: str | None, taps: Sequence[Tap], mode: NormMode, steps: int = 1
    ) -> None:
        super().__init__()
        chain = links_of(model)
        start = 0 if cut is None else _place(chain, cut) + 1
        end = 1 + max(_place(chain, tap.path) for tap in taps)
        if end <= start:
            raise WeightsError(f"nothing is left between the cut {cut!r} and the taps; cut before the deepest tap")
        self.kept, self.steps = chain[start:end], steps
        self.links = tuple(f"trunk.{link}" for link in self.kept)
        _drop(model, [*chain[:start], *chain[end:]])
        _explicit(model, mode=mode, steps=steps)
        self.trunk, self.taps = model, tuple(taps)
        hook_taps(model, self.taps)
        name_norms(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the joined taps (n, d) of images or of activations of the cut."""
        for link in self.kept:
            x = run_link(self.trunk, link, x)
        return joined(self.taps)


def links_of(model: nn.Module) -> tuple[str, ...]:
    """Return the module paths that, run one after the other, are the model up to its last stage.

    Raises WeightsError for a model whose stages timm does not name.
    """
    if isinstance(model, VisionTransformer):
        return (TOKENS, *(f"blocks.{block}" for block in range(len(model.blocks))), "norm")
    info: Any = getattr(model, "feature_info", None)
    stages = [str(info[at]["module"]) for at in range(len(info))] if info else []
    if not stages:
        raise WeightsError(f"timm does not say where the stages of {type(model).__name__} are; choose another model")
    chain: list[str] = []
    for name, child in model.named_children():
        inner = any(stage.startswith(f"{name}.") for stage in stages)
        chain += [f"{name}.{key}" for key, _ in child.named_children()] if inner else [name]
        if stages[-1] in chain:
            return tuple(chain[: chain.index(stages[-1]) + 1])
    raise WeightsError(f"{type(model).__name__} is no chain of stages ({stages[-1]} is not one); choose another model")


def run_link(model: nn.Module, link: str, x: Tensor) -> Tensor:
    """Return the output of one link."""
    if link == TOKENS and isinstance(model, VisionTransformer):
        tokens: Tensor = model.norm_pre(model._pos_embed(model.patch_embed(x)))
        return tokens
    output: Tensor = model.get_submodule(link)(x)
    return output


def check_chain(model: nn.Module, probe: Tensor) -> None:
    """Raise WeightsError when running the links one by one is not what the model itself computes for ``probe``.

    Raises BadDataError for a transformer whose positions are those of another side.
    """
    chain = links_of(model)
    side = model.patch_embed.img_size[0] if isinstance(model, VisionTransformer) else probe.shape[-1]
    if side != probe.shape[-1]:
        raise BadDataError(f"this transformer takes images of {side} px, not of {probe.shape[-1]}; say side_px: {side}")
    seen: list[Tensor] = []
    handle = model.get_submodule(chain[-1]).register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
    try:
        with torch.no_grad():
            model(probe)
            x = probe
            for link in chain:
                x = run_link(model, link, x)
    finally:
        handle.remove()
    if len(seen) != 2 or not torch.allclose(seen[0], x, rtol=1e-4, atol=1e-4):
        raise WeightsError(f"the stages of {type(model).__name__} do not run one after the other; choose another model")
    if x.ndim == 4 and x.shape[1] != _channels(model):
        raise WeightsError(f"{type(model).__name__} lays its channels last; choose another model")


def probe_image(side_px: int) -> Tensor:
    """Return an image (1, 3, side, side) with something in every place, the same every time."""
    return torch.linspace(-2.0, 2.0, 3 * side_px * side_px).sin().mul(37.0).sin().reshape(1, 3, side_px, side_px)


def dims_of(network: nn.Module, sample: Tensor) -> int:
    """Return the length of the descriptor that the network makes of a batch of one sample."""
    with torch.no_grad(), running(ForwardPass(step=torch.zeros((), dtype=torch.long))):
        return int(network(sample).shape[-1])


def activation_at(model: nn.Module, cut: str | None, x: Tensor) -> Tensor:
    """Return the output of the link ``cut`` for images (n, 3, h, w), or the images themselves for None."""
    if cut is None:
        return x
    chain = links_of(model)
    for link in chain[: _place(chain, cut) + 1]:
        x = run_link(model, link, x)
    return x


def create(name: str) -> nn.Module:
    """Return the timm model in evaluation mode, its numbers of no meaning, its attention written out.

    Raises WeightsError for a name that timm has not.
    """
    if not timm.is_model(name):
        raise WeightsError(f"timm {timm.__version__} has no model {name!r}; look it up with timm.list_models()")
    with torch.random.fork_rng(devices=[]):  # its random start is overwritten; the caller's generator must not move
        model: nn.Module = timm.create_model(name, pretrained=False)
    return written_attention(model.eval())


def written_attention(model: nn.Module) -> nn.Module:
    """Return the model with its attention written out: the fused one has no second derivative.

    timm's switch is global; this one is of this model alone.
    """
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]  # a plain attribute of timm's
    return model


def _channels(model: nn.Module) -> int:
    info: Any = model.feature_info
    return int(info[len(info) - 1]["num_chs"])


def _place(chain: Sequence[str], path: str) -> int:
    """Return the place of the link that is ``path`` or holds it."""
    for at, link in enumerate(chain):
        if path == link or path.startswith(f"{link}."):
            return at
    raise WeightsError(f"there is no stage {path!r} in the model; its stages are {', '.join(chain)}")


def _drop(model: nn.Module, links: Sequence[str]) -> None:
    """Take out every link that is not run, and everything that is no link: no parameter of theirs is learned."""
    kept = {link.split(".")[0] for link in links_of(model)}
    if isinstance(model, VisionTransformer):
        return _drop_of_transformer(model, links)
    for name in [name for name, _ in model.named_children() if name not in kept]:
        setattr(model, name, nn.Identity())
    for link in links:
        model.set_submodule(link, nn.Identity())
    return None


def _drop_of_transformer(model: VisionTransformer, links: Sequence[str]) -> None:
    model.reset_classifier(0)
    model.fc_norm = nn.Identity()
    for link in links:
        if link != TOKENS:
            model.set_submodule(link, nn.Identity())
            continue
        model.patch_embed, model.norm_pre = nn.Identity(), nn.Identity()
        model.cls_token = model.reg_token = model.pos_embed = None


def _explicit(model: nn.Module, *, mode: NormMode, steps: int) -> None:
    """Put an explicit layer into the place of every BatchNorm, with its numbers and its activation."""
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            model.set_submodule(path, explicit_of(module, mode=mode, steps=steps))


def explicit_of(norm: nn.modules.batchnorm._BatchNorm, *, mode: NormMode, steps: int) -> nn.Module:
    """Return the explicit layer of a BatchNorm, with the activation that timm keeps inside it."""
    layer = ActivatedNorm(norm.num_features, mode=mode, steps=steps, eps=norm.eps)
    layer.act = getattr(norm, "act", None) or nn.Identity()
    if not norm.affine or not isinstance(getattr(norm, "drop", nn.Identity()), nn.Identity):
        raise WeightsError("a BatchNorm that drops, or has no weights, cannot be made explicit; choose another model")
    with torch.no_grad():
        layer.weight.copy_(norm.weight)
        layer.bias.copy_(norm.bias)
        if mode == "frozen" and norm.running_mean is not None and norm.running_var is not None:
            layer.running_mean.copy_(norm.running_mean)
            layer.running_var.copy_(norm.running_var)
    return layer


class ActivatedNorm(ExplicitNorm):
    """Explicit BatchNorm and the activation behind it, as timm joins them."""

    def __init__(self, channels: int, *, mode: NormMode, steps: int, eps: float) -> None:
        super().__init__(channels, mode=mode, steps=steps, eps=eps)
        self.act: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised, activated values."""
        activated: Tensor = self.act(super().forward(x))
        return activated
