"""What the patches of a labelled region depend on, as one key: the same key means the same patches."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from torch import Tensor

from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.examples import Patches
from inspect_pipeline.learning.patch_bytes import form_of

DESCRIPTORS = "dense-2"
"""How pixels become patches (``dense_map`` and ``cut_map``). Whoever changes what they give counts this up."""

_OF_THE_FIT = frozenset(
    {
        "shrinkage", "ridge", "ridge_guessed", "support_share", "support_patches", "support_patches_guessed",
        "anomaly_handicap", "folds", "likeness_share", "domain_limit",
    }
)  # fmt: skip


def trunk_fingerprint(name: str, trunk: Mapping[str, Tensor]) -> str:
    """Return 64 hex digits of a backbone's name and weights (``Backbone.trunk_state()``), in any order."""
    digest = hashlib.sha256(name.encode())
    for key in sorted(trunk):
        tensor = trunk[key].detach().cpu().contiguous()
        digest.update(f"\x1f{key}\x1f{tensor.dtype}\x1f{tuple(tensor.shape)}\x1f".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def patches_key(trunk: str, region: Sequence[str], *, unit: UnitGrid, settings: DetectorSettings) -> str:
    """Return the key (64 hex digits) of a region's patches.

    ``trunk`` is a ``trunk_fingerprint``; ``region`` says which pixels (the frame's content address first) and how
    they are cut. A setting that is not known to matter to the fit alone is part of the key, new ones too.
    """
    cut = {name: value for name, value in asdict(settings).items() if name not in _OF_THE_FIT}
    parts = [DESCRIPTORS, form_of(Patches), trunk, list(region), asdict(unit), cut]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
