"""One image judged on the spot by the detector in force; nothing of it is stored."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from inspect_pipeline.domain.bundle import Bundle, detector_name
from inspect_pipeline.domain.findings import Finding, Verdict, decide
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.in_force import version_in_force
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, ModelRegistry
from inspect_pipeline.services.scoring import as_it_is
from inspect_pipeline.services.single_image import found_alone

LARGEST_PX = 1 << 26
"""The most pixels that one image may declare: 67 million, 8k columns by 8k lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleVerdict:
    """What a detector version says of one image; places are in px of the image, for nobody knows where it lies."""

    verdict: Verdict
    detector: str
    height_px: int
    width_px: int
    findings: tuple[Finding, ...]


@dataclass(slots=True, kw_only=True)
class SingleScoring:
    """Judges images one at a time; the detector is kept loaded until another version is in force."""

    catalog: Catalog
    registry: ModelRegistry
    equip: Callable[[Detector, Bundle], Detector] = as_it_is
    _loaded: dict[str, tuple[str, Detector]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, content: bytes, *, name: str, line: str, recipe: str) -> SingleVerdict:
        """Return the verdict of the line's detector in force on an image file.

        Raises BadImageError for what is no image, declares too many pixels (told before any memory is taken) or is no
        longer what the detector was calibrated on; NotFoundError for a line without a detector; RefusedError where its
        alias was moved past the records.
        """
        pixels = decode(content, name=name, max_px=LARGEST_PX)
        model = detector_name(line, recipe)
        version = version_in_force(self.catalog, self.registry, model)
        if version is None:
            raise NotFoundError(f"no detector is in force for line {line!r}, recipe {recipe!r}; teach and promote one")
        with self.catalog.transaction() as unit:
            taxonomy = Taxonomy.of(unit.types(line))
        with self._lock:  # one at a time: judging takes all cores that there are
            detector = self._detector(model, version)
            findings = found_alone(detector, pixels, name=name, taxonomy=taxonomy)
        return SingleVerdict(
            verdict=decide(findings),
            detector=f"{model}@{version}",
            height_px=int(pixels.shape[0]),
            width_px=int(pixels.shape[1]),
            findings=findings,
        )

    def _detector(self, model: str, version: str) -> Detector:
        held = self._loaded.get(model)
        if held is None or held[0] != version:
            self._loaded.pop(model, None)
            _, bundle = self.registry.load(model, version=version)
            self._loaded[model] = held = (version, self.equip(Detector.from_bundle(bundle), bundle))
        return held[1]
