"""Findings of neighbouring frames and tiles, joined in coil coordinates."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One physical defect: the findings that touch, directly or through others, strongest first."""

    findings: tuple[Finding, ...]

    @property
    def strongest(self) -> Finding:
        """The finding with the highest score."""
        return self.findings[0]


def _extent(finding: Finding) -> tuple[float, float, float, float]:
    half_length_m, half_width_mm = finding.length_mm / 2000.0, finding.width_mm / 2.0
    return (
        finding.downweb_m - half_length_m,
        finding.downweb_m + half_length_m,
        finding.crossweb_mm - half_width_mm,
        finding.crossweb_mm + half_width_mm,
    )


def _touch(one: Finding, other: Finding, gap_mm: float) -> bool:
    a, b = _extent(one), _extent(other)
    along = max(a[0], b[0]) - min(a[1], b[1]) <= gap_mm / 1000.0
    return along and max(a[2], b[2]) - min(a[3], b[3]) <= gap_mm


def merge(findings: Sequence[Finding], *, gap_mm: float) -> list[Defect]:
    """Return physical defects: findings of one type in different frames that touch within ``gap_mm`` are one.

    Two findings of the same frame are never joined by touching each other, for the detector has already joined what
    touches there; they are one defect where a finding of a neighbouring frame touches both (a U over the border). Order
    is downweb; the order of ``findings`` is no input.
    """
    ordered = sorted(findings, key=_downweb_order)
    parent = list(range(len(ordered)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    open_ones: list[int] = []
    for i, finding in enumerate(ordered):
        head = _extent(finding)[0] - gap_mm / 1000.0
        open_ones = [j for j in open_ones if _extent(ordered[j])[1] >= head]
        for j in open_ones:
            other = ordered[j]
            same = other.defect_type == finding.defect_type and other.frame != finding.frame
            if same and _touch(other, finding, gap_mm):
                parent[root(i)] = root(j)
        open_ones.append(i)
    groups: dict[int, list[Finding]] = {}
    for i, finding in enumerate(ordered):
        groups.setdefault(root(i), []).append(finding)
    return [Defect(findings=tuple(sorted(group, key=lambda f: -f.score))) for group in groups.values()]


def _downweb_order(finding: Finding) -> tuple[float | str, ...]:
    """Return a key that tells any two different findings apart, head first."""
    roi = finding.roi
    box = (roi.top, roi.left, roi.bottom, roi.right)
    names = (finding.frame, finding.defect_type, finding.evidence.value)
    return (_extent(finding)[0], finding.crossweb_mm, -finding.score, *box, *names)


def pareto(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """Return (type, count), most frequent first, ties by name."""
    counts = Counter(finding.defect_type for finding in findings)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
