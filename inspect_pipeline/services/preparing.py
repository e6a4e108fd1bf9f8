"""One capture, from pixels to a stored image and a row: the work of a thread that knows no other capture."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import xxhash

from inspect_pipeline.domain.capture import FrameMeasures, StripEdges
from inspect_pipeline.domain.geometry import CameraMount
from inspect_pipeline.domain.material import CapturedFrame, Coil, Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import Capture, Clock
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.capture_quality import QualityLimits, judge
from inspect_pipeline.imaging.decode import encode
from inspect_pipeline.imaging.flatfield import FlatField, correct_and_count
from inspect_pipeline.imaging.rendering import thumbnail
from inspect_pipeline.imaging.strip_edges import EdgeSettings, find_edges, zone
from inspect_pipeline.services.pipeline import IntakeSettings
from inspect_pipeline.services.ports import ImageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The flat field for a frame: none, one with the id of its version, or why none of those that there are holds."""

    flat: FlatField | None = None
    version: str | None = None
    reasons: tuple[str, ...] = ()


CorrectionFor = Callable[[Frame], Correction]
"""Returns the flat field that holds for a frame."""


def uncorrected(_frame: Frame) -> Correction:
    """Return no correction: the frames were corrected before, or have no references."""
    return Correction()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The captures that the catalog had before this run: ids, and ids by (camera, source) from before fingerprints."""

    ids: Collection[str] = frozenset()
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What became of one capture; ``row`` None: it was there before, under ``id``. The rest is what its order tells."""

    id: str
    row: CapturedFrame | None
    camera: str
    sequence: int | None
    first_line: int | None
    line_count: int
    pixel_bytes: int
    encoder: int | None = None
    mm_per_px_along: float | None = None
    captured_at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """Corrects, judges, measures and stores captures of one coil; safe to call from several threads."""

    coil: Coil
    images: ImageStore
    limits: QualityLimits
    intake: IntakeSettings
    edges: EdgeSettings
    trim_mm: float
    clock: Clock
    mounts: Callable[[str], CameraMount]
    correction_for: CorrectionFor = uncorrected
    known: Known = field(default_factory=Known)

    def __call__(self, capture: Capture) -> Prepared:
        """Return the row of a capture, its image on the disk by then."""
        if isinstance(capture, UnusableCapture):
            return self._unusable(capture)
        valid = capture.line_count if capture.valid_lines is None else capture.valid_lines
        if valid < min(self.intake.least_lines, capture.line_count):
            return self._unusable(_without_lines(capture, valid))
        pixels = capture.pixels[:valid]  # what lies below is not of this frame
        fingerprint = fingerprint_of(pixels)
        frame_id = capture_id(self.coil.id, capture.camera, capture.source, fingerprint)
        frame_id = self.known.sources.get((capture.camera, capture.source), frame_id)
        there = frame_id in self.known.ids
        return Prepared(
            id=frame_id,
            row=None if there else self._row(capture, pixels, frame_id=frame_id, fingerprint=fingerprint),
            camera=capture.camera,
            sequence=capture.sequence,
            first_line=capture.first_line,
            line_count=capture.line_count,
            pixel_bytes=int(pixels.nbytes),
            encoder=capture.encoder,
            mm_per_px_along=self._scale(capture)[1],
            captured_at_s=capture.captured_at.timestamp(),
        )

    def _row(self, frame: Frame, raw: Pixels, *, frame_id: str, fingerprint: str) -> CapturedFrame:
        full_scale = None if frame.settings.bits is None else 2**frame.settings.bits - 1
        correction = self.correction_for(frame)
        pixels, clipped, reasons = _corrected(raw, correction)
        quality = judge(raw, self.limits, corrected=pixels, full_scale=full_scale)
        across, along = self._scale(frame)
        edges = find_edges(pixels, self.edges, full_scale=full_scale) if self.edges.enabled else None
        left, right, nothing_left = self._zone(edges, pixels, across_mm=across)
        content, suffix = encode(pixels, self.intake.image_form)
        address = self.images.put(content, suffix=suffix)
        mount = self.mounts(frame.camera)
        return CapturedFrame(
            id=frame_id,
            coil=self.coil.id,
            camera=frame.camera,
            sequence=frame.sequence,
            source=frame.source,
            first_line=frame.first_line,
            line_count=int(pixels.shape[0]),
            width_px=frame.width_px,
            captured_at=frame.captured_at,
            mm_per_px_across=across,
            mm_per_px_along=along,
            image=address,
            reason="; ".join((*reasons, *quality.reasons, *nothing_left)) or None,
            torn_lines=frame.line_count - int(pixels.shape[0]),
            fingerprint=fingerprint,
            reversed=self.coil.reversed,
            offset_mm=mount.offset_mm,
            mirrored=mount.mirrored,
            measures=FrameMeasures(
                mean=quality.mean,
                contrast=quality.contrast,
                saturated_share=quality.saturated_share,
                dropped_lines=quality.dropped_lines,
                focus=quality.focus,
                stripes=quality.stripes,
                clipped_share=clipped / pixels.size,
                edges=edges,
                zone_left_px=left,
                zone_right_px=right,
                settings=frame.settings,
                encoder=frame.encoder,
                flat_field=correction.version,
                thumbnail=self._thumbnail(pixels, full_scale),
            ),
        )

    def _zone(
        self, edges: StripEdges | None, pixels: Pixels, *, across_mm: float
    ) -> tuple[int | None, int | None, tuple[str, ...]]:
        """Return the columns to inspect, and the reason where there are none."""
        if edges is None:
            return None, None, ()
        trim_px = self.trim_mm / across_mm
        try:
            left, right = zone(edges, width_px=pixels.shape[1], line_count=pixels.shape[0], trim_px=trim_px)
        except BadImageError as error:
            return None, None, (str(error),)
        return left, right, ()

    def _thumbnail(self, pixels: Pixels, full_scale: int | None) -> str | None:
        if not self.intake.thumbnail_px:
            return None
        small = thumbnail(pixels, longest_px=self.intake.thumbnail_px, full_scale=full_scale)
        return self.images.put(small, suffix="png", derived=True)

    def _scale(self, frame: Frame) -> tuple[float, float]:
        mount = self.mounts(frame.camera)
        return (
            mount.mm_per_px_across or frame.mm_per_px_across,
            mount.mm_per_px_along or frame.mm_per_px_along,
        )

    def _unusable(self, capture: UnusableCapture) -> Prepared:
        mount = self.mounts(capture.camera)
        frame_id = capture_id(self.coil.id, capture.camera, capture.source, capture.reason)
        row = CapturedFrame(
            id=frame_id,
            coil=self.coil.id,
            camera=capture.camera,
            sequence=capture.sequence or 0,
            source=capture.source,
            first_line=capture.first_line or 0,
            line_count=capture.line_count,
            width_px=0,
            captured_at=capture.captured_at or self.clock(),
            mm_per_px_across=mount.mm_per_px_across or 1.0,
            mm_per_px_along=mount.mm_per_px_along or 1.0,
            image=None,
            reason=capture.reason,
            reversed=self.coil.reversed,
            offset_mm=mount.offset_mm,
            mirrored=mount.mirrored,
        )
        return Prepared(
            id=frame_id,
            row=None if frame_id in self.known.ids else row,
            camera=capture.camera,
            sequence=capture.sequence,
            first_line=capture.first_line,
            line_count=capture.line_count,
            pixel_bytes=0,
        )


def fingerprint_of(pixels: Pixels) -> str:
    """Return the XXH3 (128 bit) of the raw pixels, their type and shape: what makes two captures the same picture.

    It tells captures of one source apart, at the speed of the memory; what is stored is named and checked by SHA-256.
    """
    digest = xxhash.xxh3_128(f"{pixels.dtype.str}{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def capture_id(*parts: str) -> str:
    """Return the id of a capture: the same coil, camera, source and content (or reason) give the same one."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _corrected(raw: Pixels, correction: Correction) -> tuple[Pixels, int, tuple[str, ...]]:
    """Return (pixels to keep, how many the correction clipped, why they must not be judged)."""
    if correction.flat is None:
        return raw, 0, correction.reasons
    try:
        pixels, clipped = correct_and_count(raw, correction.flat)
    except BadImageError as error:
        # A frame of another width than its flat field: kept as it came, and not judged.
        return raw, 0, (str(error),)
    return pixels, clipped, ()


def _without_lines(frame: Frame, valid: int) -> UnusableCapture:
    return UnusableCapture(
        source=frame.source,
        reason=f"torn: only {valid} of {frame.line_count} lines arrived",
        first_line=frame.first_line,
        line_count=frame.line_count,
        sequence=frame.sequence,
        captured_at=frame.captured_at,
        camera=frame.camera,
    )
