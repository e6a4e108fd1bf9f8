"""A registered model as bytes: a JSON manifest and tensors in safetensors form. No pickle, ever."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inspect_pipeline.errors import BadDataError

FORMAT_VERSION = 1
_LARGEST_HEADER_BYTES = 16 * 1024 * 1024


class ModelKind(StrEnum):
    """What a registered model is."""

    INITIALIZATION = "initialization"
    DETECTOR = "detector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model that can be stored, sent and checked without importing torch.

    ``manifest`` is plain JSON (method, class names, thresholds, lineage, ...); ``tensors`` is a safetensors file.
    """

    kind: ModelKind
    manifest: Mapping[str, Any]
    tensors: bytes

    def manifest_bytes(self) -> bytes:
        """Return the manifest as canonical JSON with the kind, the format version and the hash of the tensors."""
        document = {
            "format": FORMAT_VERSION,
            "kind": self.kind.value,
            "tensors_sha256": hashlib.sha256(self.tensors).hexdigest(),
            "manifest": dict(self.manifest),
        }
        return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()

    @property
    def sha256(self) -> str:
        """The address of the whole bundle: the hash of its manifest, which holds the hash of its tensors."""
        return hashlib.sha256(self.manifest_bytes()).hexdigest()


def bundle_from_bytes(manifest: bytes, tensors: bytes) -> Bundle:
    """Return the bundle, refusing a wrong hash, another format, or a tensor file that is no safetensors file."""
    try:
        document = json.loads(manifest)
        kind, content, wanted = ModelKind(document["kind"]), document["manifest"], document["tensors_sha256"]
        version = document["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadDataError(f"the bundle's manifest cannot be read ({error}); export it again") from error
    if version != FORMAT_VERSION:
        raise BadDataError(
            f"the bundle has format {version}, this program reads {FORMAT_VERSION}; use a program of its age"
        )
    found = hashlib.sha256(tensors).hexdigest()
    if found != wanted:
        raise BadDataError(f"the bundle's tensors have hash {found[:12]}, its manifest says {wanted[:12]}; refused")
    header = int.from_bytes(tensors[:8], "little")
    if len(tensors) < 8 or header > min(len(tensors) - 8, _LARGEST_HEADER_BYTES):
        raise BadDataError("the bundle's tensors are no safetensors file (header length is off); refused")
    return Bundle(kind=kind, manifest=content, tensors=tensors)


def initialization_name(name: str) -> str:
    """Return the registered name of an initialization."""
    return f"{ModelKind.INITIALIZATION}.{name}"


def detector_name(line: str, recipe: str) -> str:
    """Return the registered name of the detector of a line and recipe."""
    return f"{ModelKind.DETECTOR}.{line}.{recipe}"
