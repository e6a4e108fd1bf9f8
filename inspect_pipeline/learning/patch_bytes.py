"""Dataclasses of tensors as safetensors bytes and back, field by field, so that a new field needs no new code here.

Numbers, texts and the shape of the whole lie as JSON in the metadata of the file; nothing in it can run.
"""

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from inspect_pipeline.errors import BadDataError

_TREE = "tree"
_HEADER_LENGTH_BYTES = 8  # a safetensors file begins with the length of its JSON header, u64 little endian

Kind = TypeVar("Kind")


def packed(item: object) -> bytes:
    """Return a dataclass as bytes: its tensors of any type and shape, numbers, texts, enums, tuples and dataclasses.

    The same values give the same bytes. Raises TypeError for a field of another kind.
    """
    tensors: dict[str, Tensor] = {}
    tree = _tree(item, "", tensors)
    return save(tensors, metadata={_TREE: json.dumps(tree, sort_keys=True)})


def unpacked(kind: type[Kind], content: bytes) -> Kind:
    """Return the dataclass that ``packed`` wrote, bit for bit. Raises BadDataError for anything else."""
    try:
        tensors = load(content)
        length = int.from_bytes(content[:_HEADER_LENGTH_BYTES], "little")
        header = json.loads(content[_HEADER_LENGTH_BYTES : _HEADER_LENGTH_BYTES + length])
        tree = json.loads(header["__metadata__"][_TREE])
        return cast(Kind, _value(kind, tree, tensors))
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadDataError(f"the bytes hold no {kind.__name__} ({error!r}); make them anew") from error


@cache
def form_of(kind: Any) -> str:
    """Return the names and types of all fields as one text: another text means that old bytes do not fit."""
    if not is_dataclass(kind):
        inner = [form_of(part) for part in get_args(kind) if part is not Ellipsis]
        return f"{getattr(kind, '__name__', str(kind))}{inner or ''}"
    hints = get_type_hints(kind)
    return f"{getattr(kind, '__name__', '')}({', '.join(f'{f.name}: {form_of(hints[f.name])}' for f in fields(kind))})"


def _tree(value: object, place: str, tensors: dict[str, Tensor]) -> Any:
    """Return the value as JSON; its tensors go into ``tensors`` under their place."""
    if isinstance(value, Tensor):
        tensors[place] = value.detach().cpu().contiguous()
        return place
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _tree(getattr(value, f.name), f"{place}.{f.name}", tensors) for f in fields(value)}
    if isinstance(value, tuple):
        return [_tree(part, f"{place}.{number}", tensors) for number, part in enumerate(value)]
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a {type(value).__name__} at {place or 'the top'} cannot be packed")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, tree: Any, tensors: dict[str, Tensor]) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if tree is None:
            return None
        (kind,) = (part for part in inner if part is not NoneType)
        return _value(kind, tree, tensors)
    if kind is Tensor:
        return tensors[tree]
    if origin is tuple:
        return tuple(_value(inner[0], part, tensors) for part in tree)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{f.name: _value(hints[f.name], tree[f.name], tensors) for f in fields(kind)})
    return kind(tree)
