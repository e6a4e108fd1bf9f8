"""Samples of a training or an evaluation in memory: bytes of images, activations or descriptors, normalised when taken.

Reading files for every episode costs a hundred times what the episode does. Images stay uint8, a quarter of float32,
and cross to the device so; subsets share the memory of the whole.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, Indices

Transform = Callable[[Tensor], Tensor]
"""Changes samples (..., *shape) before they are normalised: images are then in [0, 1]."""
_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleCache:
    """n samples: ``stored`` (m, *shape) uint8 or float, and the row of it that holds each sample (None: in order).

    Images are (c, h, w) uint8; what is taken of them is divided by 255, minus ``mean`` (c,), divided by ``std`` (c,);
    grey images (1, h, w) become as many channels as ``mean`` has. ``device`` is where what is taken lies; ``stored``
    may lie elsewhere. With ``channels_last`` images are laid out so.
    """

    stored: Tensor
    device: torch.device
    rows: Tensor | None = None
    mean: Tensor | None = None
    std: Tensor | None = None
    channels_last: bool = False

    def __post_init__(self) -> None:
        images = self.stored.dtype == torch.uint8
        if self.stored.dtype not in _FLOATS and not images:
            raise BadDataError(f"samples of type {self.stored.dtype} cannot be kept; give uint8 images or floats")
        if images and (self.stored.ndim != 4 or self.mean is None or self.std is None):
            raise BadDataError(
                f"images of shape {tuple(self.stored.shape)} with mean {self.mean} and std {self.std} cannot be kept; "
                "give (n, c, h, w) and what the backbone normalises by"
            )

    def __len__(self) -> int:
        return len(self.stored) if self.rows is None else len(self.rows)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample as it is taken."""
        shape = tuple(self.stored.shape[1:])
        return shape if self.mean is None else (max(shape[0], len(self.mean)), *shape[1:])

    @property
    def holds_images(self) -> bool:
        """Whether samples are images in bytes, which can be augmented as images."""
        return self.stored.dtype == torch.uint8

    def subset(self, samples: Sequence[int] | Indices) -> "SampleCache":
        """Return these samples only, in the order given; nothing is copied."""
        chosen = torch.from_numpy(np.asarray(samples, dtype=np.int64)).to(self.stored.device)
        return replace(self, rows=chosen if self.rows is None else self.rows[chosen])

    def take(self, samples: Indices, *, transform: Transform | None = None) -> Tensor:
        """Return the samples (..., *shape) float32 of an array of numbers (...), transformed and normalised."""
        places = torch.from_numpy(np.ascontiguousarray(samples)).to(self.stored.device)
        if self.rows is not None:
            places = self.rows[places]
        taken = self.stored[places].to(self.device)
        if self.holds_images:
            taken = taken.float() / 255.0
        taken = taken.float()
        if transform is not None:
            taken = transform(taken)
        if self.mean is not None and self.std is not None:
            taken = (taken - self.mean.to(self.device)[:, None, None]) / self.std.to(self.device)[:, None, None]
        return _laid_out(taken, places.ndim) if self.channels_last else taken

    def digest(self) -> str:
        """Return a hash of the samples as they are stored, in their order."""
        found = hashlib.blake2b(repr((self.stored.dtype, self.sample_shape, len(self))).encode(), digest_size=16)
        rows = torch.arange(len(self.stored)) if self.rows is None else self.rows.cpu()
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[first : first + _ROWS_AT_ONCE].to(self.stored.device)
            found.update(self.stored[part].cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return found.hexdigest()


Samples = NDArray[np.float32] | SampleCache
"""Descriptors (n, d) or activations (n, c, h, w) as an array, or samples of any form in a cache."""


def image_cache(
    images: NDArray[np.uint8],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    channels_last: bool = False,
) -> SampleCache:
    """Return the cache of images (n, h, w) or (n, h, w, 3) uint8 of one size, kept on ``device``.

    ``mean`` and ``std`` are what the backbone normalises by, of intensities in [0, 1]. Raises BadDataError.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or min(std, default=0.0) <= 0.0:
        raise BadDataError(
            f"images {images.dtype} of shape {images.shape} cannot be kept; give uint8 (n, h, w) or (n, h, w, 3)"
        )
    planes = images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)
    if planes.shape[1] not in (1, len(mean)) or len(mean) != len(std):
        raise BadDataError(f"images of {planes.shape[1]} channels do not fit a mean of {len(mean)}; give one a channel")
    return SampleCache(
        stored=torch.from_numpy(np.ascontiguousarray(planes)).to(device),
        device=device,
        mean=torch.tensor(list(mean), dtype=torch.float32),
        std=torch.tensor(list(std), dtype=torch.float32),
        channels_last=channels_last,
    )


def float_cache(
    samples: NDArray[np.float32], *, device: torch.device, keep_as: torch.dtype = torch.float32
) -> SampleCache:
    """Return the cache of descriptors (n, d) or activations (n, c, h, w); ``keep_as`` may halve their memory.

    Raises BadDataError for values that are not finite, or not in the type they are kept as.
    """
    stored = torch.tensor(samples, dtype=torch.float32).to(keep_as)
    if not torch.isfinite(stored).all():
        raise BadDataError(f"samples of shape {samples.shape} hold values that are not finite in {keep_as}")
    return SampleCache(stored=stored.to(device), device=device)


def as_cache(samples: Samples, index: EpisodeIndex) -> SampleCache:
    """Return the samples as a cache after checking them against the index. Raises BadDataError."""
    if isinstance(samples, SampleCache):
        if len(samples) != len(index):
            raise BadDataError(f"{len(samples)} samples in a cache for {len(index)} in the index; give as many")
        return samples
    if samples.ndim not in (2, 4) or len(samples) != len(index) or not np.isfinite(samples).all():
        raise BadDataError(
            f"descriptors of shape {samples.shape} for {len(index)} samples cannot be used; "
            "give one finite row a sample"
        )
    return float_cache(samples, device=torch.device("cpu"))


def _laid_out(taken: Tensor, leading: int) -> Tensor:
    """Return images (..., c, h, w) with channels last in memory; descriptors as they are."""
    if taken.ndim - leading != 3:
        return taken
    flat = taken.reshape(-1, *taken.shape[-3:]).contiguous(memory_format=torch.channels_last)
    return flat.view(taken.shape)  # splits the first dimension only, so the layout stays
