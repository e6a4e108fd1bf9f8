"""Low-rank adaptation of the trunk's 1 x 1 convolutions, merged into their weights afterwards (LoRA, Hu et al., 2021).

What the detector is afterwards looks as before: one weight a layer, the same bundle and runtimes. BatchNorm cannot
move: it is folded, or frozen in evaluation mode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, softplus

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import Adapted, Deadline, Start
from inspect_pipeline.learning.backbones import Backbone, from_trunk_state
from inspect_pipeline.learning.crops import VIEWS, Crop, brightened, crop_side, defect_crop, good_crop
from inspect_pipeline.learning.dense_fit import support_part
from inspect_pipeline.learning.dense_head import Direction, fit_direction, whitened_moments
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, Support, cut_patches
from inspect_pipeline.learning.normality import Normality, fit_normality, moments, summed
from inspect_pipeline.learning.stitching import dense_taps, describe_tile
from inspect_pipeline.learning.support_regions import Describer

_SHARPNESS = 3.0  # logits of a sample's mean patch at the start


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """Rank of the change, steps of AdamW at ``rate``, and what a step sees: ``crops`` squares of each class.

    ``hard_share`` of the good patches and of a region's patches count in a step, the highest scores first.
    ``brightness`` is the largest relative change of a crop's grey values.
    """

    rank: int = 4
    steps: int = 60
    rate: float = 2e-3
    crops: int = 3
    largest_crop_px: int = 192
    hard_share: float = 0.25
    brightness: float = 0.1


class LowRankConv(nn.Module):
    """A frozen 1 x 1 convolution plus a trainable product of two thin ones, which starts at nothing."""

    def __init__(self, conv: nn.Conv2d, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.conv = conv
        down = torch.randn(rank, conv.in_channels, 1, 1, generator=generator) / conv.in_channels**0.5
        self.down = nn.Parameter(down.to(conv.weight.device))
        self.up = nn.Parameter(torch.zeros(conv.out_channels, rank, 1, 1, device=conv.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the merged convolution will give."""
        low: Tensor = conv2d(x, self.down)
        whole: Tensor = self.conv(x) + conv2d(low, self.up)
        return whole

    def merged(self) -> nn.Conv2d:
        """Return the convolution with the product added to its weight, in place."""
        with torch.no_grad():
            self.conv.weight += (self.up[:, :, 0, 0] @ self.down[:, :, 0, 0])[:, :, None, None]
        return self.conv


def wrap(backbone: Backbone, rank: int, *, seed: int) -> list[LowRankConv]:
    """Replace the 1 x 1 convolutions of the stride-16 stages by trainable ones, in place, and return those.

    Raises BadDataError for a backbone that has none.
    """
    generator = torch.Generator().manual_seed(seed)
    stages = dense_taps(backbone)[1:] or dense_taps(backbone)
    paths = [
        f"{stage}.{name}"
        for stage in stages
        for name, module in backbone.trunk.get_submodule(stage).named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    ]
    if not paths:
        raise BadDataError(f"backbone {backbone.name} has no 1 x 1 convolution in {list(stages)}; lora needs one")
    wrapped = []
    for path in paths:
        conv = backbone.trunk.get_submodule(path)
        if isinstance(conv, nn.Conv2d) and conv.stride == (1, 1):
            layer = LowRankConv(conv, rank, generator)
            backbone.trunk.set_submodule(path, layer)
            wrapped.append(layer)
    return wrapped


def merge(backbone: Backbone) -> None:
    """Put every wrapped convolution of the trunk back, merged, in place: names and shapes are those of before."""
    for path, module in list(backbone.trunk.named_modules()):
        if isinstance(module, LowRankConv):
            backbone.trunk.set_submodule(path, module.merged())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Target:
    """The closed form to improve on: metric (d), (d, d), directions by type, and half the samples' mean evidence."""

    mean: Tensor
    whitening: Tensor
    directions: Mapping[str, Direction]
    middles: Mapping[str, float]

    def evidence(self, descriptors: Tensor, name: str) -> Tensor:
        direction = self.directions[name]
        scores: Tensor = (descriptors - self.mean) @ self.whitening.T @ direction.weight - direction.bias
        # In units of half the samples' mean evidence: few good patches make scores so large that the loss is flat.
        return _SHARPNESS * (scores / self.middles[name] - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Trains the trunk's low-rank change on crops, with the closed form's metric and directions held still."""

    settings: LoraSettings
    name: str = "lora"

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:
        """Return the start with a changed trunk and its patches cut anew; None when the deadline passed first.

        Raises BadDataError for frames below 32 px, or without a good box that holds a crop.
        """
        backbone = from_trunk_state(start.backbone.name, start.backbone.trunk_state())
        layers = wrap(backbone, self.settings.rank, seed=seed)
        with torch.inference_mode(False), torch.enable_grad():
            finished = self._train(backbone, layers, start, seed=seed, deadline=deadline)
        if not finished:
            return None
        merge(backbone)
        backbone.requires_grad_(False)
        describe = Describer(backbone=backbone, settings=start.settings).drawn
        patches = cut_patches(backbone, start.examples, unit=start.unit, settings=start.settings, describe=describe)
        return Adapted(backbone=backbone, patches=patches)

    def _train(
        self, backbone: Backbone, layers: Sequence[LowRankConv], start: Start, *, seed: int, deadline: Deadline
    ) -> bool:
        """Return whether all steps were made before the deadline."""
        pool = _Pool.of(start.examples, self.settings)
        probe = describe_tile(backbone, backbone.prepare(pool.draw(np.random.default_rng(seed))[0].pixels[None]))
        target = _target(start, dims=int(probe.shape[-1]))
        generator = np.random.default_rng(seed)
        parameters = [p for layer in layers for p in (layer.down, layer.up)]
        optimizer = torch.optim.AdamW(parameters, lr=self.settings.rate)
        for _ in range(self.settings.steps):
            if deadline.passed:
                return False
            crops = pool.draw(generator)
            pixels = torch.cat([backbone.prepare(crop.pixels[None]) for crop in crops])
            described = describe_tile(backbone, pixels)
            loss = _loss(described, crops, target, share=self.settings.hard_share)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return not deadline.passed


def _target(start: Start, *, dims: int) -> _Target:
    """Return the closed form on the first ``dims`` channels of the start's patches, as tensors that autograd may use.

    A crop is described at the frame's own scale; channels of a further scale follow those and are left out here.
    """
    good = summed(moments(unit.patches[..., :dims]) for unit in start.patches.good)
    normality = fit_normality(good, shrinkage=start.settings.shrinkage)
    reference = whitened_moments(good, normality)
    by_type: dict[str, list[Support]] = {}
    for support in start.patches.supports:
        kept = replace(support, patches=support.patches[..., :dims])
        by_type.setdefault(support.defect_type, []).append(kept)
    directions, middles = {}, {}
    for name, supports in by_type.items():
        rows = torch.cat([support_part(support, normality, start.settings) for support in supports])
        direction = fit_direction(reference, rows, ridge=start.settings.ridge)
        directions[name] = Direction(weight=direction.weight.clone(), bias=direction.bias)
        middles[name] = max(0.5 * float((rows @ direction.weight - direction.bias).mean()), 1e-3)
    return _Target(directions=directions, middles=middles, **_metric(normality))


def _metric(normality: Normality) -> dict[str, Tensor]:
    return {"mean": normality.mean.float().clone(), "whitening": normality.whitening.float().clone()}


def _loss(described: Tensor, crops: Sequence[Crop], target: _Target, *, share: float) -> Tensor:
    """Return the class-balanced logistic loss of the hardest good patches and of the regions' best patches."""
    defect, good = [], []
    for patches, crop in zip(described, crops, strict=True):
        if crop.inside is not None and crop.defect_type is not None:
            scores = target.evidence(patches[crop.inside], crop.defect_type)
            defect.append(softplus(-_highest(scores, share)).mean())
        else:
            every = torch.stack([target.evidence(patches, name) for name in target.directions]).amax(dim=0)
            good.append(softplus(_highest(every.flatten(), share)).mean())
    return torch.stack(defect).mean() + torch.stack(good).mean()


def _highest(scores: Tensor, share: float) -> Tensor:
    return scores.topk(max(1, int(len(scores) * share))).values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool:
    """What crops are drawn from: the regions, and the good boxes that are large enough for a crop."""

    regions: Sequence[tuple[FrameRegions, DefectRegion]]
    good: Sequence[tuple[Pixels, Roi]]
    side: int
    settings: LoraSettings

    @classmethod
    def of(cls, examples: Sequence[FrameRegions], settings: LoraSettings) -> "_Pool":
        side = crop_side(examples, settings.largest_crop_px)
        good = [
            (example.pixels, roi)
            for example in examples
            for roi in example.normals
            if min(roi.height, roi.width) >= side
        ]
        if not good:
            raise BadDataError(f"no known-good box holds a crop of {side} px; lora needs one, or keep closed_form")
        regions = [(example, region) for example in examples for region in example.defects]
        if not regions:
            raise BadDataError("no frame holds a sample of a type; lora needs some, or keep closed_form")
        return cls(regions=regions, good=good, side=side, settings=settings)

    def draw(self, generator: np.random.Generator) -> list[Crop]:
        """Return as many crops of regions as of good boxes, each turned, flipped and made brighter by chance."""
        return [self._one(generator, defect=number % 2 == 0) for number in range(2 * self.settings.crops)]

    def _one(self, generator: np.random.Generator, *, defect: bool) -> Crop:
        number = int(generator.integers(VIEWS))
        if defect:
            example, region = self.regions[int(generator.integers(len(self.regions)))]
            crop = defect_crop(example, region, self.side, generator, number=number)
        else:
            pixels, roi = self.good[int(generator.integers(len(self.good)))]
            crop = good_crop(pixels, roi, self.side, generator, number=number)
        factor = 1.0 + self.settings.brightness * float(generator.uniform(-1.0, 1.0))
        return Crop(pixels=brightened(crop.pixels, factor), inside=crop.inside, defect_type=crop.defect_type)
