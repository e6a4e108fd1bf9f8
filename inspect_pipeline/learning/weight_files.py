"""Weights from bytes: a safetensors file or a weights-only .pth; nothing that could run code is ever unpickled."""

from collections.abc import Mapping
from io import BytesIO
from pickle import UnpicklingError  # only the name of what torch.load(weights_only=True) raises

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from inspect_pipeline.errors import WeightsError

_SHOWN_KEYS = 4


def read_state(weights: bytes) -> dict[str, Tensor]:
    """Return the tensors of a .pth (zip or legacy form) or safetensors file by key. Raises WeightsError."""
    try:
        state = _read_pth(weights) if weights[:2] in {b"PK", b"\x80\x02"} else load_safetensors(weights)
    except (SafetensorError, UnpicklingError, RuntimeError, ValueError, KeyError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"the {len(weights)} bytes of weights are no safetensors or weights-only .pth file ({reason}); "
            "fetch the file again"
        ) from error
    if not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError("the weights file holds something else than a flat dict of tensors; give a plain state dict")
    return state


def _read_pth(weights: bytes) -> dict[str, Tensor]:
    state = torch.load(BytesIO(weights), map_location="cpu", weights_only=True)
    return dict(state) if isinstance(state, Mapping) else {}


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], *, what: str) -> None:
    """Put the tensors into the module, every one of them and no other; ``num_batches_tracked`` is not asked for.

    Raises WeightsError that names missing, unexpected and misshapen keys; the module is then not to be used.
    """
    own = {key: tensor for key, tensor in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    given = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    misshapen = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(own[key].shape)}"
        for key in sorted(own.keys() & given.keys())
        if given[key].shape != own[key].shape
    ]
    faults = {
        "missing": sorted(own.keys() - given.keys()),
        "unexpected": sorted(given.keys() - own.keys()),
        "of another shape": misshapen,
    }
    problems = [f"{word}: {_first_of(keys)}" for word, keys in faults.items() if keys]
    if problems:
        raise WeightsError(f"the weights do not fit {what} ({'; '.join(problems)}); give weights of that architecture")
    module.load_state_dict(given, strict=False)


def _first_of(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def checked_tensors(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, what: str) -> dict[str, Tensor]:
    """Return ``given`` when it has the keys and shapes of ``wanted``. Raises WeightsError that names what differs."""
    shapes = {key: tuple(tensor.shape) for key, tensor in given.items()}
    expected = {key: tuple(tensor.shape) for key, tensor in wanted.items()}
    if shapes != expected:
        raise WeightsError(f"{what} has tensors {shapes}, {expected} are expected; use a model of this method and size")
    return dict(given)
