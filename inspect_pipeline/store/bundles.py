"""A registered model as one file for a plant without network: a plain zip, every byte of it hashed."""

import hashlib
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from inspect_pipeline.domain.bundle import Bundle, bundle_from_bytes
from inspect_pipeline.domain.records import ModelVersion
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.store.durable_files import write_durably
from inspect_pipeline.store.failures import disk_errors

MANIFEST_FILE, WEIGHTS_FILE, LINEAGE_FILE = "bundle.json", "weights.safetensors", "lineage.json"
_FORMAT = 1
_MIB = 1024 * 1024
_LARGEST_BYTES = {MANIFEST_FILE: 16 * _MIB, WEIGHTS_FILE: 2048 * _MIB, LINEAGE_FILE: 4 * _MIB}
_OLDEST_DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same file


def export_bundle(path: Path, *, version: ModelVersion, bundle: Bundle) -> None:
    """Write the model, its name, version, aliases and tags to one file; whole or not at all.

    Raises StorageError or DiskFullError.
    """
    members = {MANIFEST_FILE: bundle.manifest_bytes(), WEIGHTS_FILE: bundle.tensors}
    members[LINEAGE_FILE] = _lineage_bytes(version, members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _OLDEST_DATE), content)
    write_durably(path.absolute(), buffer.getvalue())


def import_bundle(path: Path) -> tuple[ModelVersion, Bundle]:
    """Return (what the other registry knew of it, the model) after checking every hash; nothing is unpacked.

    Raises NotFoundError where there is no file, BadDataError for anything but a whole, unaltered export.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no bundle file {path}")
    try:
        with disk_errors(path), zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            members = {name: archive.read(name) for name in _LARGEST_BYTES}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadDataError(f"{path} is no whole bundle file ({error}); export it again") from error
    version = _lineage(path, members)
    bundle = bundle_from_bytes(members[MANIFEST_FILE], members[WEIGHTS_FILE])
    return version, bundle


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    strange = sorted(set(names) - set(_LARGEST_BYTES))
    if strange or sorted(names) != sorted(_LARGEST_BYTES):
        wrong = f"the strange member {strange[0]!r}" if strange else f"members {sorted(names)}"
        raise BadDataError(f"{path} holds {wrong}; a bundle holds exactly {', '.join(sorted(_LARGEST_BYTES))}; refused")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise BadDataError(f"{path}: member {member.filename} is compressed; a bundle is stored plain; refused")
        if member.file_size > _LARGEST_BYTES[member.filename]:
            limit_mib = _LARGEST_BYTES[member.filename] // _MIB
            raise BadDataError(f"{path}: member {member.filename} is larger than {limit_mib} MiB; refused")


def _lineage_bytes(version: ModelVersion, members: dict[str, bytes]) -> bytes:
    document = {
        "format": _FORMAT,
        "model": version.model,
        "version": version.version,
        "created_at": version.created_at.isoformat(),
        "aliases": list(version.aliases),
        "tags": dict(version.tags),
        "run": version.run,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1).encode()


def _lineage(path: Path, members: dict[str, bytes]) -> ModelVersion:
    try:
        document = json.loads(members[LINEAGE_FILE])
        if document["format"] != _FORMAT:
            raise BadDataError(
                f"{path} has format {document['format']}, this program reads {_FORMAT}; use one that does"
            )
        wanted = dict(document["sha256"])
        version = _version(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadDataError(f"{path}: {LINEAGE_FILE} cannot be read ({error}); export it again") from error
    for name in (MANIFEST_FILE, WEIGHTS_FILE):
        found = hashlib.sha256(members[name]).hexdigest()
        if found != wanted.get(name):
            raise BadDataError(f"{path}: {name} was altered (sha256 {found[:12]} is not the one exported); refused")
    return version


def _version(document: dict[str, Any]) -> ModelVersion:
    created_at = datetime.fromisoformat(document["created_at"])
    if created_at.tzinfo is None:
        raise ValueError("created_at has no time zone")
    return ModelVersion(
        model=_text(document["model"]),
        version=_text(document["version"]),
        created_at=created_at,
        aliases=tuple(_text(alias) for alias in document["aliases"]),
        tags={_text(key): _text(value) for key, value in document["tags"].items()},
        run=None if document["run"] is None else _text(document["run"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
