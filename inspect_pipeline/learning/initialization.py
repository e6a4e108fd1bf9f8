"""What meta-training hands to the sites: trunk, head and the record of how they came about, as one bundle of bytes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import Backbone, from_trunk_state
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.embedding_catalog import build_embedding
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method, untrained
from inspect_pipeline.learning.region_features import descriptor_dims

_PARTS = ("trunk", "head", "dense", "typing", "constants")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Initialization:
    """A starting point for adaptation at a site.

    ``trunk`` is ``Backbone.trunk_state()``, ``head`` what ``Method.head()`` gave, ``dense`` the tensors of the dense
    channel and ``typing`` those of naming regions (both may be empty). ``metrics`` are finite
    numbers by name; ``families`` are those that were trained on. ``embedding`` is ``Embedding.form()``, empty in
    bundles of the time when there was one kind; ``constants`` is ``constants_of`` it; ``options`` are
    ``Method.options()``.
    """

    method: str
    backbone: str
    trunk: Mapping[str, Tensor]
    head: Mapping[str, Tensor]
    episode_spec: EpisodeSpec
    data_fingerprint: str
    seed: int
    families: tuple[str, ...]
    dense: Mapping[str, Tensor] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    typing: Mapping[str, Tensor] = field(default_factory=dict)
    embedding: Mapping[str, Option] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    constants: Mapping[str, Tensor] = field(default_factory=dict)

    def build_backbone(self) -> Backbone:
        """Return the frozen backbone of this initialization. Raises WeightsError."""
        return from_trunk_state(self.backbone, self.trunk)

    def build_method(self) -> Method:
        """Return the method with its head. Raises WeightsError, BadDataError or NotFoundError."""
        form = self.embedding
        if not form:
            if "log_scales" not in self.head:
                raise WeightsError(f"the initialization of method {self.method} has no head; train it again")
            form = {"kind": "channel_scales", "dims": len(self.head["log_scales"])}
        return build_method(self.method, build_embedding(form, self.constants), self.options).with_head(self.head)

    def to_bundle(self, lineage: Mapping[str, Any]) -> Bundle:
        """Return the initialization as bytes; ``lineage`` is plain JSON: what it was made from and by what."""
        tensors = {
            f"{part}.{key}": tensor.detach().cpu().contiguous().clone()
            for part, group in zip(
                _PARTS, (self.trunk, self.head, self.dense, self.typing, self.constants), strict=True
            )
            for key, tensor in group.items()
        }
        manifest = {
            "method": self.method,
            "backbone": self.backbone,
            "embedding": dict(self.embedding),
            "options": dict(self.options),
            "episode_spec": asdict(self.episode_spec),
            "data_fingerprint": self.data_fingerprint,
            "seed": self.seed,
            "families": list(self.families),
            "metrics": dict(self.metrics),
            "lineage": dict(lineage),
        }
        return Bundle(kind=ModelKind.INITIALIZATION, manifest=manifest, tensors=save_safetensors(tensors))


def from_bundle(bundle: Bundle) -> Initialization:
    """Return the initialization in the bundle. Raises BadDataError for another kind of bundle or a torn one."""
    if bundle.kind is not ModelKind.INITIALIZATION:
        raise BadDataError(f"the bundle holds a {bundle.kind.value}, an initialization is needed; name another model")
    try:
        tensors = load_safetensors(bundle.tensors)
        manifest = bundle.manifest
        parts = {part: _part(tensors, part) for part in _PARTS}
        return Initialization(
            method=str(manifest["method"]),
            backbone=str(manifest["backbone"]),
            embedding=dict(manifest.get("embedding", {})),
            options=dict(manifest.get("options", {})),
            trunk=parts["trunk"],
            head=parts["head"],
            dense=parts["dense"],
            typing=parts["typing"],
            constants=parts["constants"],
            episode_spec=EpisodeSpec(**manifest["episode_spec"]),
            data_fingerprint=str(manifest["data_fingerprint"]),
            seed=int(manifest["seed"]),
            families=tuple(manifest["families"]),
            metrics={name: float(value) for name, value in manifest["metrics"].items()},
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadDataError(f"the initialization's bundle cannot be read ({error!r}); export it again") from error


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}."): tensor for key, tensor in tensors.items() if key.startswith(f"{part}.")}


def frozen_start(backbone: Backbone, *, method: str = "nearest_prototype") -> Initialization:
    """Return the pretrained backbone as it is with an untrained head: what every meta-trained start must beat."""
    untrained_method = untrained(method, descriptor_dims(backbone))
    return Initialization(
        method=untrained_method.name,
        backbone=backbone.name,
        trunk=backbone.trunk_state(),
        head=untrained_method.head(),
        episode_spec=EpisodeSpec(way=2, shot=1, query=1),
        data_fingerprint="none",
        seed=0,
        families=(),
    )
