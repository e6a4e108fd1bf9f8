"""A flat field as bytes and back: safetensors, so that reading them runs nothing and checks every size."""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.flatfield import FlatField

_ARRAYS = {"dark": np.float32, "gain": np.float32, "dead_columns": np.int32, "hot_columns": np.int32}
_NUMBERS = {"full_scale": np.int32, "target": np.float64}  # of shape (0,) where there is none, else (1,)


def flat_to_bytes(flat: FlatField) -> bytes:
    """Return the flat field as safetensors; the same one always gives the same bytes."""
    given = {"full_scale": flat.full_scale, "target": flat.target}
    numbers = {name: np.array([] if given[name] is None else [given[name]], dtype) for name, dtype in _NUMBERS.items()}
    columns = {
        "dead_columns": np.array(flat.dead_columns, np.int32),
        "hot_columns": np.array(flat.hot_columns, np.int32),
    }
    arrays = {"dark": np.ascontiguousarray(flat.dark), "gain": np.ascontiguousarray(flat.gain)}
    return save(arrays | columns | numbers)


def flat_from_bytes(content: bytes) -> FlatField:
    """Return the flat field that ``flat_to_bytes`` wrote; its arrays are read-only.

    Raises BadDataError: no safetensors, names missing or too many, arrays of another dtype or shape, values that no
    flat field has.
    """
    try:
        arrays = load(content)
    except (SafetensorError, KeyError) as error:
        # A dtype that NumPy does not have ends as a KeyError.
        raise BadDataError(f"flat field: these bytes are no safetensors ({error}); build it from references") from error
    _refuse_others(arrays)
    full_scale, target = arrays["full_scale"], arrays["target"]
    for array in arrays.values():
        array.setflags(write=False)
    return FlatField(
        dark=cast("NDArray[np.float32]", arrays["dark"]),
        gain=cast("NDArray[np.float32]", arrays["gain"]),
        dead_columns=tuple(int(column) for column in arrays["dead_columns"]),
        hot_columns=tuple(int(column) for column in arrays["hot_columns"]),
        full_scale=int(full_scale[0]) if full_scale.size else None,
        target=float(target[0]) if target.size else None,
    )


def _refuse_others(arrays: dict[str, NDArray[np.generic]]) -> None:
    expected = _ARRAYS | _NUMBERS
    if arrays.keys() != expected.keys():
        raise BadDataError(f"flat field: holds {sorted(arrays)}, not {sorted(expected)}; build it from references")
    for name, dtype in expected.items():
        array = arrays[name]
        of_columns = array.ndim == 1 or (name in ("dark", "gain") and array.ndim == 2)
        if array.dtype != dtype or not of_columns or (name in _NUMBERS and array.size > 1):
            raise BadDataError(
                f"flat field: {name} is {array.dtype} of shape {array.shape}, not {np.dtype(dtype)}; "
                "build it from references"
            )
