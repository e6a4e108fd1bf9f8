"""One encoded image judged by itself, as scoring judges a frame: same maps, same regions, same names, same verdict."""

from datetime import UTC, datetime
from typing import Any

from inspect_pipeline.domain.findings import Finding, Verdict, decide
from inspect_pipeline.domain.geometry import strip_left
from inspect_pipeline.domain.material import CapturedFrame, Pixels
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.scoring import findings_in, refuse_changed

_NAME = "image"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # an image without a coil was taken at no known time


def judged_image(detector: Detector, content: bytes, *, mm_per_px: float | None = None) -> dict[str, Any]:
    """Return ``verdict``, ``findings`` (rows of plain JSON, strongest first) and ``reason`` (None unless UNUSABLE).

    The image is judged over its whole width, with the life cycles that the detector was taught with: edges of a strip
    and later steps of a type are known to a line's catalog alone. A ``box`` is [top, left, bottom, right] in px, half
    open; ``width_mm`` and ``length_mm`` are None without ``mm_per_px``.
    """
    try:
        pixels = decode(content, name=_NAME)
        scale = 1.0 if mm_per_px is None else mm_per_px
        findings = found_alone(detector, pixels, name=_NAME, mm_per_px=scale, taxonomy=Taxonomy())
    except (BadImageError, BadDataError) as error:
        return {"verdict": Verdict.UNUSABLE.value, "findings": [], "reason": str(error)}
    strongest_first = sorted(findings, key=lambda finding: -finding.score)
    rows = [_row(finding, sized=mm_per_px is not None) for finding in strongest_first]
    return {"verdict": decide(findings).value, "findings": rows, "reason": None}


def found_alone(
    detector: Detector, pixels: Pixels, *, name: str, taxonomy: Taxonomy, mm_per_px: float = 1.0
) -> tuple[Finding, ...]:
    """Return what a detector finds on an image of no coil, over its whole width; places are in the image itself.

    Raises BadImageError for one that is no longer what the detector was calibrated on, or too small.
    """
    frame = CapturedFrame(
        id=name,
        coil=name,
        camera=name,
        sequence=0,
        source=name,
        first_line=0,
        line_count=int(pixels.shape[0]),
        width_px=int(pixels.shape[1]),
        captured_at=_BEGINNING,
        mm_per_px_across=mm_per_px,
        mm_per_px_along=mm_per_px,
        image=name,
    )
    maps = detector.examine(pixels)
    refuse_changed(detector, pixels, maps)
    return findings_in(frame, maps, detector, pixels=pixels, edge=strip_left([frame]), taxonomy=taxonomy)


def _row(finding: Finding, *, sized: bool) -> dict[str, Any]:
    roi = finding.roi
    return {
        "box": [roi.top, roi.left, roi.bottom, roi.right],
        "type": finding.defect_type,
        "score": finding.score,
        "life_cycle": finding.life_cycle.value,
        "evidence": finding.evidence.value,
        "runner_up": finding.runner_up,
        "width_mm": finding.width_mm if sized else None,
        "length_mm": finding.length_mm if sized else None,
    }
