"""A fine-tuned classifier of whole images, as most users would start: last stage and linear head; a baseline only.

The layers before the stage are frozen, so that what they give is computed once an image (and once a flip of it) and a
training is a few dozen steps on small maps. lite0: ``blocks.5`` (1.6 million weights) behind ``blocks.4``.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.heads import checked_labels
from inspect_pipeline.learning.lite0_weights import LITE0

_FROZEN, _STAGE = "blocks.4", "blocks.5"
_FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
_SCORED_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """How the baseline is trained: AdamW, so many steps of a batch in which every class weighs the same."""

    side_px: int = 224
    steps: int = 40
    batch: int = 16
    stage_rate: float = 1e-4
    head_rate: float = 1e-3
    decay: float = 0.05

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or self.side_px < 32:
            raise BadDataError("fine-tuning needs a step, a batch of one and images of 32 px at least; give more")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineTunedClassifier:
    """The trained stage and the linear head on its mean."""

    stage: nn.Module
    head: nn.Linear

    def score(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits (q, way) of images given by their ``stage_inputs``, as they are, not flipped."""
        with torch.inference_mode():
            parts = [
                _logits(self.stage, self.head, torch.stack([one[0] for one in inputs[k : k + _SCORED_AT_ONCE]]))
                for k in range(0, len(inputs), _SCORED_AT_ONCE)
            ]
        return torch.cat(parts)


def stage_inputs(backbone: Backbone, pixels: Pixels, *, options: FineTuning) -> Tensor:
    """Return what goes into the trained stage for an image and its three flips, float16 (4, c, h, w).

    ``pixels`` is u8 or u16, (h, w) or (h, w, 3), resized to ``side_px``. Raises WeightsError for a backbone whose
    last stage cannot be trained apart.
    """
    if backbone.name != LITE0:
        raise WeightsError(f"the fine-tuned baseline is made for {LITE0}, not for {backbone.name}; leave it out")
    x = backbone.prepare(pixels[None], side_px=options.side_px)
    with torch.inference_mode():
        batch = torch.cat([x.flip(axes) for axes in _FLIPS]).contiguous(memory_format=torch.channels_last)
        found = backbone.taps(batch, (_FROZEN,))[_FROZEN]
        return found.half().cpu().contiguous()


def fine_tune(
    backbone: Backbone, inputs: Sequence[Tensor], labels: Tensor, *, way: int, options: FineTuning, seed: int
) -> FineTunedClassifier:
    """Return the classifier trained on the images' ``stage_inputs``, ``labels`` (n,) in 0..way-1.

    The stage starts from the backbone's weights, which stay as they are; the head from zero. Every step draws its
    classes evenly, then an image, then one of its flips: the same seed gives the same classifier on one machine.
    Raises BadDataError for labels with a gap, or a training whose loss is no number.
    """
    labels = checked_labels(labels, way)
    rows = torch.stack(list(inputs))
    stage: nn.Module = deepcopy(backbone.trunk.get_submodule(_STAGE)).requires_grad_(True)
    generator = torch.Generator().manual_seed(seed)
    head = _zero_head(stage, rows, way)
    optimizer = torch.optim.AdamW(
        [
            {"params": list(stage.parameters()), "lr": options.stage_rate},
            {"params": list(head.parameters()), "lr": options.head_rate},
        ],
        weight_decay=options.decay,
    )
    members = [torch.nonzero(labels == label).flatten() for label in range(way)]
    for _ in range(options.steps):
        classes = torch.randint(way, (options.batch,), generator=generator)
        chosen = [int(members[c][torch.randint(len(members[c]), (1,), generator=generator)]) for c in classes.tolist()]
        flips = torch.randint(len(_FLIPS), (options.batch,), generator=generator)
        loss = cross_entropy(_logits(stage, head, rows[chosen, flips]), classes)
        if not torch.isfinite(loss):
            raise BadDataError("fine-tuning the baseline diverged: its loss is no number; lower its learning rates")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return FineTunedClassifier(stage=stage.requires_grad_(False), head=head.requires_grad_(False))


def _zero_head(stage: nn.Module, rows: Tensor, way: int) -> nn.Linear:
    with torch.inference_mode():
        channels = int(stage(rows[0, :1].float()).shape[1])
    with torch.random.fork_rng(devices=[]):  # its random start is overwritten; the caller's generator must not move
        head = nn.Linear(channels, way)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def _logits(stage: nn.Module, head: nn.Linear, rows: Tensor) -> Tensor:
    """Return logits of inputs (b, c, h, w): the stage's map, averaged, through the head."""
    pooled = stage(rows.float().contiguous(memory_format=torch.channels_last)).mean(dim=(2, 3))
    logits: Tensor = head(pooled)
    return logits
