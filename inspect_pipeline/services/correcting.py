"""Which flat field each frame of an ingest gets; where none of those there holds, the frame says why it is unusable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inspect_pipeline.domain.flat_field import FlatFieldUse, FlatFieldValidity, FlatFieldVersion, choose_flat_field
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.imaging.flatfield import FlatField
from inspect_pipeline.services.preparing import Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRule:
    """What holds for a camera: whether a flat field is used, and how far a frame may be from its references."""

    use: FlatFieldUse = FlatFieldUse.AUTO
    validity: FlatFieldValidity = field(default_factory=FlatFieldValidity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correcting:
    """Chooses among the versions that were there when the ingest began; safe to call from several threads."""

    versions: Sequence[FlatFieldVersion]
    rules: Callable[[str], CorrectionRule]
    load: Callable[[FlatFieldVersion], FlatField]

    def __call__(self, frame: Frame) -> Correction:
        """Return the flat field that holds for the frame, none, or the reasons why it must not be judged."""
        rule = self.rules(frame.camera)
        if rule.use is FlatFieldUse.OFF:
            return Correction()
        choice = choose_flat_field(
            self.versions,
            camera=frame.camera,
            width_px=frame.width_px,
            settings=frame.settings,
            captured_at=frame.captured_at,
            validity=rule.validity,
        )
        if choice.version is not None:
            return Correction(flat=self.load(choice.version), version=choice.version.id)
        if rule.use is FlatFieldUse.REQUIRED and not choice.reasons:
            missing = (
                f"camera {frame.camera} has no flat field and needs one; build it from references (flatfield build)"
            )
            return Correction(reasons=(missing,))
        return Correction(reasons=choice.reasons[:1])
