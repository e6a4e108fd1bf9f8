"""A training as bytes, one safetensors file with its facts as JSON: it goes on from there as if it had not stopped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.sampling.hardness import Hardness

_PARTS = ("head", "start", "optimizer", "hardness")
_FACTS = "facts"
_HEADER_BYTES = 8  # the length of a safetensors header, little endian, in front of it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingState:
    """All that a training of a head is at a step.

    ``facts`` are plain JSON that tells which training it is: only the same may go on from it. ``head`` are the tensors
    now, ``start`` those at step 0, ``optimizer`` its memory by ``tensor name/what``, ``hardness`` the running losses.
    """

    facts: Mapping[str, Any]
    step: int
    head: Mapping[str, Tensor]
    start: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    hardness: Hardness

    def to_bytes(self) -> bytes:
        """Return the state as one safetensors file."""
        keys = sorted(self.hardness.losses)
        losses = torch.tensor([self.hardness.losses[key] for key in keys], dtype=torch.float64)
        groups = (self.head, self.start, self.optimizer, {"losses": losses})
        tensors = {
            f"{part}.{name}": tensor.detach().cpu().contiguous().clone()
            for part, group in zip(_PARTS, groups, strict=True)
            for name, tensor in group.items()
        }
        facts = {"step": self.step, "types": keys, "training": dict(self.facts)}
        return with_facts(tensors, facts)


def state_from_bytes(data: bytes) -> TrainingState:
    """Return the state that ``to_bytes`` gave. Raises BadDataError for anything else, or a torn file."""
    tensors, facts = read_with_facts(data)
    parts = {part: _part(tensors, part) for part in _PARTS}
    try:
        losses = parts["hardness"]["losses"].tolist()
        types = [(str(family), str(name)) for family, name in facts["types"]]
        return TrainingState(
            facts=dict(facts["training"]),
            step=int(facts["step"]),
            head=parts["head"],
            start=parts["start"],
            optimizer=parts["optimizer"],
            hardness=Hardness(losses=dict(zip(types, losses, strict=True))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadDataError(f"the checkpoint of a training cannot be read ({error!r}); start anew") from error


def with_facts(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """Return the tensors as a safetensors file whose header holds the facts, plain JSON."""
    return bytes(save_safetensors(dict(tensors), metadata={_FACTS: json.dumps(facts, sort_keys=True)}))


def read_with_facts(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what ``with_facts`` was given. Raises BadDataError for other bytes."""
    try:
        tensors = load_safetensors(data)
        length = int.from_bytes(data[:_HEADER_BYTES], "little")
        header = json.loads(data[_HEADER_BYTES : _HEADER_BYTES + length])
        facts = json.loads(header["__metadata__"][_FACTS])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadDataError(f"the {len(data)} bytes are no checkpoint of a training ({error!r}); start anew") from error
    return tensors, dict(facts)


def refuse_other(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise BadDataError that names what differs where a checkpoint is of another training."""
    plain = json.loads(json.dumps(dict(wanted)))  # as the checkpoint has it: tuples are lists there
    differing = [key for key in dict.fromkeys([*plain, *found]) if found.get(key) != plain.get(key)]
    if differing:
        key = differing[0]
        raise BadDataError(
            f"the checkpoint is of another training: its {key} is {_short(found.get(key))}, "
            f"here it is {_short(plain.get(key))}; start anew, or ask for the same"
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}."): tensor for key, tensor in tensors.items() if key.startswith(f"{part}.")}
