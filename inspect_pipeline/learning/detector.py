"""The detector: one frame in, score maps out, in multiples of the threshold of each channel."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.explanation import Explanation
from inspect_pipeline.domain.findings import Evidence
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, from_trunk_state
from inspect_pipeline.learning.calibration import Channel
from inspect_pipeline.learning.dense_features import STRIDE_PX, frame_map, smoothed, touched_cells
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise, UnitGrid
from inspect_pipeline.learning.domain_reference import DomainReference
from inspect_pipeline.learning.explain import (
    ChannelEvidence,
    beyond_the_cap,
    explained_by_channel,
    explained_by_region,
)
from inspect_pipeline.learning.hot_part import grown_box
from inspect_pipeline.learning.memory_bank import MemoryBank
from inspect_pipeline.learning.normality import Normality, distance, quiet_of
from inspect_pipeline.learning.region_crops import describe_regions
from inspect_pipeline.learning.region_typing import RegionHead, RegionName

_TRUNK, _REGIONS, _BANK = "trunk.", "regions.", "normality.bank"
_ROWS_AT_ONCE = 64
_ONE_SCALE = {"two_scales": False}  # what a bundle means that was written before there was a second


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreMaps:
    """Scores of a frame at ``stride_px``, in multiples of the threshold of the channel: 1.0 and above alarms.

    ``anomaly`` is float32 (h, w), ``types`` float32 (T, h, w) in the order of ``class_names``. A type's 0 is the
    median good patch, and the anomaly's lies as far below the threshold; values may be negative. ``patches`` (h, w, d)
    are the descriptors they were made from, None where those were not kept: regions are then named by the channels.
    ``deviation`` float32 (h, w) is the smoothed length of the patches in the metric of good material, where that is not
    what the anomaly tells (a memory bank). ``quiet`` is ``quiet_of`` the raw anomaly.
    """

    anomaly: NDArray[np.float32]
    types: NDArray[np.float32]
    class_names: tuple[str, ...]
    stride_px: int
    patches: Tensor | None = None
    deviation: NDArray[np.float32] | None = None
    quiet: float | None = None

    @property
    def strongest(self) -> NDArray[np.float32]:
        """The highest score of any channel, (h, w): where it reaches 1.0 the frame alarms."""
        return np.maximum(self.anomaly, self.types.max(axis=0)) if len(self.types) else self.anomaly


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """What a region was named: a known type or ``unknown``, its score in multiples of the threshold, and why.

    ``likeness`` is the largest cosine between the region's deviation from good material and a known type, at that
    type's peak, whatever the name: the lower, the stranger. None where no type is known. ``description`` is the raw
    vector of ``region_crops`` that was compared with the samples, None where the region was not compared.
    """

    defect_type: str
    life_cycle: LifeCycle
    score: float
    evidence: Evidence
    runner_up: str | None = None
    likeness: float | None = None
    explanation: Explanation | None = None
    description: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TypeHead:
    """One known type: ``weight`` (d) and ``bias`` in the metric of good material, its scale, and its open-set bound.

    A region is named so only when its evidence for the type is at least ``least_likeness`` of its whole distance
    from good material (a cosine).
    """

    name: str
    life_cycle: LifeCycle
    weight: Tensor
    bias: float
    channel: Channel
    least_likeness: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detector:
    """Backbone, normality, one head a known type, and the limits that share the promise.

    With a ``bank`` the anomaly is the distance to it; the types are still told in the metric of ``normality``.
    ``alone`` is the scale of the anomaly where no type takes a part of the promise, ``domain`` the good frames that it
    was calibrated on; both None in a bundle of before.
    """

    backbone: Backbone
    normality: Normality
    anomaly: Channel
    heads: tuple[TypeHead, ...]
    promise: Promise
    settings: DetectorSettings
    regions: RegionHead | None = None
    bank: MemoryBank | None = None
    alone: Channel | None = None
    domain: DomainReference | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The known types, in the order of the score maps."""
        return tuple(head.name for head in self.heads)

    @property
    def unit(self) -> UnitGrid:
        """The unit that the promise counts."""
        return self.promise.unit

    @property
    def thresholds(self) -> dict[str, float]:
        """The raw limit of every channel; ``unknown`` is the anomaly channel's."""
        return {UNKNOWN_TYPE: self.anomaly.limit} | {head.name: head.channel.limit for head in self.heads}

    @property
    def life_cycles(self) -> dict[str, LifeCycle]:
        """How far each known type has come."""
        return {head.name: head.life_cycle for head in self.heads}

    def without_types(self) -> "Detector | None":
        """Return the normality of the same good material under the same promise, None where its scale was not kept."""
        if not self.heads:
            return self
        return None if self.alone is None else replace(self, anomaly=self.alone, heads=(), regions=None)

    def examine(self, pixels: Pixels) -> ScoreMaps:
        """Return the score maps of one frame: u8 or u16, (h, w) or (h, w, 3), of any size from 16 px on.

        Raises BadImageError or BadDataError for what cannot be judged.
        """
        return self.judge(frame_map(self.backbone, pixels, self.settings))

    def domain_change(self, pixels: Pixels, maps: ScoreMaps) -> str | None:
        """Return why a frame is no longer what the detector was calibrated on, None where it is or nobody can tell."""
        if self.domain is None or maps.quiet is None or self.settings.domain_limit == 0.0:
            return None
        return self.domain.change(pixels, maps.quiet, limit=self.settings.domain_limit)

    def judge(self, patches: Tensor) -> ScoreMaps:
        """Return the score maps of a frame from its descriptors (h, w, d), as ``dense_map`` of the backbone gives them.

        So several detectors of one backbone judge a frame for the price of one. Raises BadDataError for no number.
        """
        channels = (self.anomaly, *(head.channel for head in self.heads))
        with torch.inference_mode():
            raw = self._rough_maps(patches)
            quiet = float(quiet_of(raw[0]))
            calm = [self._smoothed(plane) for plane in raw]
            maps = torch.stack([_scaled(plane, channel) for plane, channel in zip(calm, channels, strict=False)])
        if not bool(torch.isfinite(maps).all()):
            raise BadDataError("the detector gave no number for a part of the frame; teach it again")
        return ScoreMaps(
            anomaly=maps[0].numpy(),
            types=maps[1:].numpy(),
            class_names=self.class_names,
            stride_px=STRIDE_PX,
            patches=patches,
            deviation=None if self.bank is None else calm[-1].numpy(),
            quiet=quiet,
        )

    def raw_maps(self, patches: Tensor) -> Tensor:
        """Return the smoothed scores (1 + types, h, w) in raw units, the anomaly first; with a bank one more.

        A cell alarms where a plane reaches its channel's limit.
        """
        return torch.stack([self._smoothed(plane) for plane in self._rough_maps(patches)])

    def _rough_maps(self, patches: Tensor) -> Tensor:
        """Return the maps of ``_raw`` of a whole frame."""
        # Whitened patches are as large as the patches themselves: a few rows of them at a time.
        starts = range(0, len(patches), _ROWS_AT_ONCE)
        return torch.cat([self._raw(patches[at : at + _ROWS_AT_ONCE]) for at in starts], dim=1)

    def _raw(self, patches: Tensor) -> Tensor:
        """Return the raw scores (1 + types, h, w), the anomaly first; with a bank the deviation comes last."""
        whitened = self.normality.whiten(patches)
        types = [whitened @ head.weight - head.bias for head in self.heads]
        if self.bank is None:
            return torch.stack([distance(whitened), *types])
        return torch.stack([self.bank.distance(patches), *types, distance(whitened)])

    def _smoothed(self, raw: Tensor) -> Tensor:
        return smoothed(raw, self.settings.smoothing_patches, self.unit)

    def name_regions(self, maps: ScoreMaps, rois: Sequence[Roi], pixels: Pixels | None = None) -> list[Typing]:
        """Return the name of each region of a frame, with the runner-up among the known types and the reasons.

        With the frame's ``pixels`` the ``typing_regions`` strongest are compared with the samples; the others, and all
        where the detector holds no samples, are named by the strongest channel.
        """
        evidence = [self._evidence(maps, roi) for roi in rois]
        by_channel = [self._by_channel(maps, roi, one) for roi, one in zip(rois, evidence, strict=True)]
        if self.regions is None or pixels is None or maps.patches is None:
            return by_channel
        order = sorted(range(len(rois)), key=lambda i: (-evidence[i].strongest, i))
        chosen = sorted(order[: self.settings.typing_regions])
        scores = torch.from_numpy(maps.strongest)
        vectors = describe_regions(
            self.backbone,
            pixels,
            maps.patches,
            [self._whole(scores, touched_cells(rois[i], maps.anomaly.shape)) for i in chosen],
            views=self.settings.typing_views,
            window_px=self.settings.typing_window_px,
        )
        names = self.regions.name(vectors) if chosen else []
        compared = dict(zip(chosen, zip(names, vectors.numpy(), strict=True), strict=True))
        return [
            replace(
                self._by_region(compared[i][0], evidence[i], typing),
                likeness=typing.likeness,
                description=compared[i][1],
            )
            if i in compared
            else replace(typing, explanation=beyond_the_cap(typing.explanation))
            for i, typing in enumerate(by_channel)
        ]

    def _whole(self, scores: Tensor, window: tuple[slice, slice]) -> Roi:
        """Return the box of the whole defect whose core alarmed in the window of a frame's strongest scores."""
        return grown_box(scores, window, least=self.settings.typing_grown, unit=self.unit)

    def _by_region(self, found: RegionName, evidence: ChannelEvidence, by_channel: Typing) -> Typing:
        """Return the name by the samples; what no channel knows stays unknown, and so what is beyond the bound."""
        known = found.known and by_channel.defect_type != UNKNOWN_TYPE
        return Typing(
            defect_type=found.defect_type if known else UNKNOWN_TYPE,
            life_cycle=self.life_cycles[found.defect_type] if known else LifeCycle.CANDIDATE,
            score=evidence.strongest,
            evidence=evidence.decided,
            runner_up=found.runner_up if known else found.defect_type,
            explanation=explained_by_region(found, evidence),
        )

    def _evidence(self, maps: ScoreMaps, roi: Roi) -> ChannelEvidence:
        window = touched_cells(roi, maps.anomaly.shape)
        values = {name: float(plane[window].max()) for name, plane in zip(self.class_names, maps.types, strict=True)}
        return ChannelEvidence(anomaly=float(maps.anomaly[window].max()), types=values)

    def _by_channel(self, maps: ScoreMaps, roi: Roi, evidence: ChannelEvidence) -> Typing:
        window = touched_cells(roi, maps.anomaly.shape)
        likeness = [self._likeness(maps, t, window) for t in range(len(self.heads))]
        order = sorted(range(len(self.heads)), key=lambda t: -evidence.types[self.heads[t].name])
        named = next((t for t in order if self._carries(t, evidence, likeness[t])), None)
        nearest = named if named is not None else next(iter(order), None)
        runner_up = next((self.heads[t].name for t in order if t != nearest), None)
        known = None if named is None else self.heads[named]
        head = None if nearest is None else self.heads[nearest]
        return Typing(
            defect_type=UNKNOWN_TYPE if known is None else known.name,
            life_cycle=LifeCycle.CANDIDATE if known is None else known.life_cycle,
            score=evidence.strongest if known is None else evidence.types[known.name],
            evidence=evidence.decided if known is None else Evidence.TYPE,
            runner_up=runner_up if known is not None or head is None else head.name,
            likeness=max(likeness, default=None),
            explanation=explained_by_channel(
                evidence,
                None if head is None else head.name,
                runner_up,
                likeness=None if nearest is None else likeness[nearest],
                limit=None if head is None else head.least_likeness,
            ),
        )

    def _carries(self, t: int, evidence: ChannelEvidence, likeness: float) -> bool:
        """Return whether a region may bear a type's name: it alarms in its channel and is like enough."""
        head = self.heads[t]
        return evidence.types[head.name] >= 1.0 and likeness >= head.least_likeness

    def _likeness(self, maps: ScoreMaps, t: int, window: tuple[slice, slice]) -> float:
        """Return the cosine between the region's deviation and the type, at the type's peak."""
        head, plane = self.heads[t], maps.types[t][window]
        peak = int(plane.argmax())
        evidence = float(plane.flat[peak]) / head.channel.gain + head.channel.floor + head.bias
        if maps.deviation is not None:
            whole = float(maps.deviation[window].flat[peak])
        else:
            whole = float(maps.anomaly[window].flat[peak]) / self.anomaly.gain + self.anomaly.floor
        return evidence / max(whole, 1e-6)

    def to_bundle(self, lineage: Mapping[str, Any]) -> Bundle:
        """Return the detector as bytes that need nothing beside them: trunk, normality, heads, limits."""
        tensors = {_TRUNK + key: tensor for key, tensor in self.backbone.trunk_state().items()}
        tensors["normality.mean"] = self.normality.mean.contiguous()
        tensors["normality.whitening"] = self.normality.whitening.contiguous()
        for number, head in enumerate(self.heads):
            tensors[f"head.{number}.weight"] = head.weight.contiguous()
        if self.bank is not None:
            tensors[_BANK] = self.bank.rows.contiguous()
        if self.regions is not None:
            tensors |= {_REGIONS + key: tensor.contiguous() for key, tensor in self.regions.tensors().items()}
        manifest = {
            "backbone": self.backbone.name,
            "class_names": list(self.class_names),
            "thresholds": self.thresholds,
            "anomaly": asdict(self.anomaly),
            "heads": [_head_fields(head) for head in self.heads],
            "promise": asdict(self.promise),
            "settings": asdict(self.settings),
            "lineage": dict(lineage),
        }
        if self.regions is not None:
            manifest["regions"] = self.regions.fields()
        if self.alone is not None:
            manifest["alone"] = asdict(self.alone)
        if self.domain is not None:
            manifest["domain"] = self.domain.fields()
        return Bundle(kind=ModelKind.DETECTOR, manifest=manifest, tensors=save(tensors))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Detector":
        """Return the detector that ``to_bundle`` wrote. Raises BadDataError or WeightsError for any other bundle."""
        if bundle.kind is not ModelKind.DETECTOR:
            raise BadDataError(f"a bundle of kind {bundle.kind.value} is no detector; load a detector")
        tensors = load(bundle.tensors)
        try:
            return _from_parts(bundle.manifest, tensors)
        except (KeyError, TypeError, ValueError) as error:
            raise BadDataError(f"the detector's manifest is damaged ({error!r}); export it again") from error


def _from_parts(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Detector:
    trunk = {key.removeprefix(_TRUNK): value for key, value in tensors.items() if key.startswith(_TRUNK)}
    promise = manifest["promise"]
    heads = tuple(
        TypeHead(
            name=stored["name"],
            life_cycle=LifeCycle(stored["life_cycle"]),
            weight=tensors[f"head.{number}.weight"],
            bias=stored["bias"],
            channel=Channel(**stored["channel"]),
            least_likeness=stored["least_likeness"],
        )
        for number, stored in enumerate(manifest["heads"])
    )
    return Detector(
        backbone=from_trunk_state(manifest["backbone"], trunk),
        normality=Normality(mean=tensors["normality.mean"], whitening=tensors["normality.whitening"]),
        anomaly=Channel(**manifest["anomaly"]),
        heads=heads,
        promise=Promise(overkill=promise["overkill"], unit=UnitGrid(**promise["unit"])),
        settings=DetectorSettings(**_ONE_SCALE | manifest["settings"]),
        regions=_regions(manifest, tensors),
        bank=MemoryBank(rows=tensors[_BANK]) if _BANK in tensors else None,
        alone=Channel(**manifest["alone"]) if "alone" in manifest else None,
        domain=DomainReference.restored(manifest["domain"]) if "domain" in manifest else None,
    )


def _regions(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> RegionHead | None:
    """Return the head of the samples; a detector taught before there was one has none."""
    if "regions" not in manifest:
        return None
    own = {key.removeprefix(_REGIONS): value for key, value in tensors.items() if key.startswith(_REGIONS)}
    return RegionHead.restored(manifest["regions"], own)


def _head_fields(head: TypeHead) -> dict[str, Any]:
    return {
        "name": head.name,
        "life_cycle": head.life_cycle.value,
        "bias": head.bias,
        "channel": asdict(head.channel),
        "least_likeness": head.least_likeness,
    }


def _scaled(raw: Tensor, channel: Channel) -> Tensor:
    return (raw - channel.floor) * channel.gain
