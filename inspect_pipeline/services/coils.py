"""What is known of the coils: their ledgers, their quality, and how far they were judged."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.capture import QualityRange
from inspect_pipeline.domain.continuity import REPEATED
from inspect_pipeline.domain.ledger import Cover, Interval, Ledger, judged_ledger
from inspect_pipeline.domain.material import Coil
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.ports import Catalog, CatalogUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilFacts:
    """The books of one coil. Counts are captures, lengths metres of the coil; a metre that one camera missed is not
    inspected.

    ``missing_lines`` are summed over the cameras. ``duplicates`` are captures that a camera delivered twice. What no
    detector judged yet is not inspected; ``detector`` is the one that judged last.
    """

    coil: Coil
    captured: int
    unusable: int
    duplicates: int
    noted: int
    missing_lines: int
    expected_lines: int
    inspected_m: float
    not_inspected_m: float
    detector: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilBook:
    """One coil in full: its facts, its ledger, what was odd, and what its frames measured."""

    facts: CoilFacts
    ledger: Ledger
    remarks: tuple[tuple[str, str | None, str | None], ...]
    quality: tuple[QualityRange, ...]

    def not_inspected(self) -> list[Interval]:
        """Return the intervals of the ledger that were not judged, with the reason where there is one."""
        return self.ledger.of(Cover.CAPTURED, Cover.UNUSABLE, Cover.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coils:
    """Reads the books of coils."""

    catalog: Catalog

    def facts(self, coils: Sequence[Coil]) -> list[CoilFacts]:
        """Return the facts of each coil, in the order given."""
        return [self._facts(coil)[0] for coil in coils]

    def book(self, coil_id: str) -> CoilBook:
        """Return a coil in full. Raises NotFoundError, InspectError where its ledger does not balance."""
        with self.catalog.transaction() as unit:
            coil = unit.coil(coil_id)
        if coil is None:
            raise NotFoundError(f"coil {coil_id!r} is not in the catalog; ingest it first, or check its name")
        facts, ledger = self._facts(coil)
        ledger.check()
        with self.catalog.transaction() as unit:
            remarks, quality = unit.remarks(coil_id), unit.quality(coil_id)
        return CoilBook(facts=facts, ledger=ledger, remarks=tuple(remarks), quality=tuple(quality))

    def _facts(self, coil: Coil) -> tuple[CoilFacts, Ledger]:
        with self.catalog.transaction() as unit:
            ledger, detector = _judged(unit, coil)
            remarks = unit.remarks(coil.id)
            scale_m = unit.mm_per_line(coil.id) / 1000.0
            captured = unit.count_frames(coil.id)
        reasons = [reason for _, reason, _ in remarks if reason is not None]
        not_inspected_m = ledger.not_inspected_lines * scale_m
        facts = CoilFacts(
            coil=coil,
            captured=captured,
            unusable=len(reasons),
            duplicates=sum(reason.startswith(REPEATED) for reason in reasons),
            noted=sum(note is not None for _, _, note in remarks),
            missing_lines=ledger.lines(Cover.MISSING),
            expected_lines=ledger.expected_lines,
            inspected_m=ledger.expected_lines * scale_m - not_inspected_m,
            not_inspected_m=not_inspected_m,
            detector=detector,
        )
        return facts, ledger


def _judged(unit: CatalogUnit, coil: Coil) -> tuple[Ledger, str | None]:
    """Return the ledger by the verdicts of the detector version that judged the coil last, and its name."""
    detector = next(iter(unit.detectors_of(coil.id)), None)
    results = [] if detector is None else unit.results(coil.id, detector=detector)
    return judged_ledger(coil, unit.spans(coil.id), results), detector
