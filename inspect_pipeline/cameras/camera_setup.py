"""How a camera of the line is set up: where it hangs, what it is set to, and what corrects it."""

from dataclasses import dataclass, field

from inspect_pipeline.cameras.genicam_features import CameraFeatures
from inspect_pipeline.domain.flat_field import FlatFieldUse, FlatFieldValidity
from inspect_pipeline.domain.geometry import CameraMount


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSetup:
    """One camera by name. ``source`` is the URI that ``camera:NAME`` stands for (``aravis:...``, ``genicam:...``).

    ``first_frame_id`` is the counter of the first frame after a start (1 for GigE Vision): with it, frames that are
    lost before the first that comes are missing too. The encoder wraps after ``encoder_period`` counts.
    ``features`` are set when a GenICam camera is opened; ``mount`` and ``flat_field`` hold for its frames whatever
    source they come from, so also for frames of this camera in a folder.
    """

    source: str | None = None
    mount: CameraMount = field(default_factory=CameraMount)
    first_frame_id: int | None = None
    encoder_period: int = 2**32
    features: CameraFeatures = field(default_factory=CameraFeatures)
    flat_field: FlatFieldUse = FlatFieldUse.AUTO
    validity: FlatFieldValidity = field(default_factory=FlatFieldValidity)
