"""A registered model as bytes: a JSON manifest and tensors in safetensors form. No pickle, ever."""

import hashlib
import json
import math
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

    ``manifest`` is plain JSON with finite numbers (method, class names, thresholds, lineage, ...); ``tensors`` is a
    safetensors file.
    """

    kind: ModelKind
    manifest: Mapping[str, Any]
    tensors: bytes

    def manifest_bytes(self) -> bytes:
        """Return the manifest as canonical JSON with the kind, the format version and the hash of the tensors.

        Raises BadDataError where the manifest is no plain JSON, NaN and infinity included.
        """
        document = {
            "format": FORMAT_VERSION,
            "kind": self.kind.value,
            "tensors_sha256": hashlib.sha256(self.tensors).hexdigest(),
            "manifest": dict(self.manifest),
        }
        try:
            return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
        except (ValueError, TypeError) as error:
            raise BadDataError(
                f"the {self.kind}'s manifest is no plain JSON ({error}); no model was written"
            ) from error

    @property
    def sha256(self) -> str:
        """The address of the whole bundle: the hash of its manifest, which holds the hash of its tensors."""
        return hashlib.sha256(self.manifest_bytes()).hexdigest()


def bundle_from_bytes(manifest: bytes, tensors: bytes) -> Bundle:
    """Return the bundle, refusing a wrong hash, another format, or a tensor file that is no safetensors file."""
    kind, content, wanted = _read_manifest(manifest)
    found = hashlib.sha256(tensors).hexdigest()
    if found != wanted:
        raise BadDataError(f"the bundle's tensors have hash {found[:12]}, its manifest says {wanted[:12]}; refused")
    header = int.from_bytes(tensors[:8], "little")
    if tensors[8:9] != b"{" or not 2 <= header <= min(len(tensors) - 8, _LARGEST_HEADER_BYTES):
        raise BadDataError("the bundle's tensors are no safetensors file (header length is off); refused")
    return Bundle(kind=kind, manifest=content, tensors=tensors)


def _read_manifest(manifest: bytes) -> tuple[ModelKind, dict[str, Any], str]:
    try:
        document = json.loads(manifest, parse_constant=_finite, parse_float=_finite)
        version = document["format"]
        # Before all else: what another format calls its parts is not known here.
        if version != FORMAT_VERSION:
            raise BadDataError(
                f"the bundle has format {version}, this program reads {FORMAT_VERSION}; use a program of its age"
            )
        kind, content, wanted = ModelKind(document["kind"]), document["manifest"], str(document["tensors_sha256"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadDataError(f"the bundle's manifest cannot be read ({error}); export it again") from error
    if not isinstance(content, dict):
        raise BadDataError(f"the bundle's manifest holds {type(content).__name__}, not keys; export it again")
    return kind, content, wanted


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def initialization_name(name: str) -> str:
    """Return the registered name of an initialization."""
    return f"{ModelKind.INITIALIZATION}.{name}"


def initialization_named(model: str) -> str | None:
    """Return NAME of ``initialization.NAME``, None for a model of another kind."""
    kind, _, name = model.partition(".")
    return name if kind == ModelKind.INITIALIZATION and name else None


def detector_name(line: str, recipe: str) -> str:
    """Return the registered name of the detector of a line and recipe.

    Raises BadDataError for a dot in the line's name: ``a.b`` with ``c`` and ``a`` with ``b.c`` would be one model.
    """
    if "." in line:
        raise BadDataError(
            f"line name {line!r} holds a dot, which parts line and recipe in a model's name; leave it out"
        )
    return f"{ModelKind.DETECTOR}.{line}.{recipe}"
