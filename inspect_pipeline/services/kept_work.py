"""A teaching's work of good material, types and guessed regions in the feature store: a new type costs only its own.

A ground is kept by the content of the good patches, so that any other good unit, group or setting makes a new one.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.fingerprints import trunk_fingerprint
from inspect_pipeline.learning.good_ground import GoodGround, good_ground, ground_from
from inspect_pipeline.learning.kept_work import KeptWork
from inspect_pipeline.learning.patch_bytes import form_of, packed, unpacked
from inspect_pipeline.learning.quick_fit import Lesson, TypeFit, fit_types
from inspect_pipeline.services.ports import FeatureStore

GROUND, TYPE, VECTOR = "ground-2", "type-1", "guessed-1"
"""How grounds, fits of types and vectors are made. Whoever changes what they give counts this up."""

_OF_THE_TYPES = frozenset(
    {
        "ridge", "ridge_guessed", "support_share", "support_patches", "support_patches_guessed", "anomaly_handicap",
        "likeness_share", "adaptation", "adaptation_folds", "adaptation_seconds", "typing_regions", "typing_views",
        "typing_window_px", "typing_reach", "typing_grown", "domain_limit",
    }
)  # fmt: skip

_NOT_OF_A_FIT = frozenset(
    {
        "anomaly_handicap", "likeness_share", "adaptation", "adaptation_folds", "adaptation_seconds", "typing_regions",
        "typing_views", "typing_window_px", "typing_reach", "typing_grown", "domain_limit",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Vector:
    vector: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWork:
    """Keeps work in a feature store; what is damaged or was pushed out is made anew. ``trunk`` is a fingerprint."""

    features: FeatureStore
    trunk: str

    def ground(self, good: Sequence[GoodUnit], settings: DetectorSettings, seed: int) -> GoodGround:
        """Return ``good_ground``, kept. Raises BadDataError as that does."""
        key = ground_key(good, settings, seed)
        content = self.features.get(key)
        if content is not None:
            try:
                return ground_from(content)
            except BadDataError:  # an entry of another program under this key: it is made anew
                pass
        made = good_ground(good, settings, seed)
        self.features.put(key, packed(made))
        return made

    def types(
        self, good: Sequence[GoodUnit], ground: GoodGround, lessons: Sequence[Lesson], settings: DetectorSettings
    ) -> list[TypeFit]:
        """Return ``fit_types``, kept type by type: those that were fitted on this ground before cost nothing."""
        keys = type_keys(ground, lessons, settings)
        found = [self._type(key) for key in keys]
        missing = [place for place, fit in enumerate(found) if fit is None]
        made = fit_types(good, ground, [lessons[place] for place in missing], settings)
        for place, fit in zip(missing, made, strict=True):
            self.features.put(keys[place], packed(fit))
            found[place] = fit
        return [fit for fit in found if fit is not None]

    def _type(self, key: str) -> TypeFit | None:
        content = self.features.get(key)
        if content is None:
            return None
        try:
            return unpacked(TypeFit, content)
        except BadDataError:  # as above
            return None

    def vector(self, what: str, make: Callable[[], Tensor]) -> Tensor:
        """Return the vector that ``make`` gives, kept under ``what`` and the trunk."""
        key = hashlib.sha256(f"{VECTOR}\x1f{self.trunk}\x1f{what}".encode()).hexdigest()
        content = self.features.get(key)
        if content is not None:
            try:
                return unpacked(_Vector, content).vector
            except BadDataError:  # as above
                pass
        made = make()
        self.features.put(key, packed(_Vector(vector=made)))
        return made


def stored_work(features: FeatureStore, backbone: Backbone) -> KeptWork:
    """Return what a teaching by this backbone keeps in the feature store."""
    stored = StoredWork(features=features, trunk=trunk_fingerprint(backbone.name, backbone.trunk_state()))
    return KeptWork(grounds=stored.ground, vectors=stored.vector, types=stored.types)


def ground_key(good: Sequence[GoodUnit], settings: DetectorSettings, seed: int) -> str:
    """Return the key (64 hex digits) of a ground: patches, frames and groups of the units, settings and seed.

    Which units share a frame counts, not the frames' numbers: samples on other coils move these.

    A setting that is not known to matter to the types alone is part of the key, new ones too.
    """
    chosen = {name: value for name, value in asdict(settings).items() if name not in _OF_THE_TYPES}
    frames = {frame: place for place, frame in enumerate(dict.fromkeys(unit.frame for unit in good))}
    units = [[list(unit.patches.shape), str(unit.patches.dtype), frames[unit.frame], unit.group] for unit in good]
    digest = hashlib.sha256(json.dumps([GROUND, form_of(GoodGround), chosen, seed, units], sort_keys=True).encode())
    for unit in good:
        digest.update(unit.patches.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def type_keys(ground: GoodGround, lessons: Sequence[Lesson], settings: DetectorSettings) -> list[str]:
    """Return the key (64 hex digits) of each type's fit: ground, patches of its samples, variants, settings."""
    chosen = {name: value for name, value in asdict(settings).items() if name not in _NOT_OF_A_FIT}
    begin = hashlib.sha256(json.dumps([TYPE, form_of(TypeFit), chosen], sort_keys=True).encode())
    begin.update(packed(ground))
    return [_type_key(begin.copy(), lesson) for lesson in lessons]


def _type_key(digest: "hashlib._Hash", lesson: Lesson) -> str:
    digest.update(json.dumps([list(variant.supports) for variant in lesson.variants]).encode())
    for support in lesson.supports:
        tensors = (support.patches, support.inside, *support.views)
        said = [support.source.value, *(f"{list(one.shape)} {one.dtype}" for one in tensors)]
        digest.update(json.dumps(said).encode())
        for one in tensors:
            digest.update(one.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
