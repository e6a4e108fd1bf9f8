"""Verdicts with their findings in SQL; one per frame and detector version, whoever writes first."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.explanation import Explanation
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, LatestFinding, Verdict
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.store.rows import Values, insert_into, table_of
from inspect_pipeline.store.tables import CoilRow, FindingRow, FrameResultRow, FrameRow

_VERDICTS_AT_ONCE = 256


def add_results(session: Session, coil: str, results: Sequence[FrameResult]) -> int:
    """Add verdicts with their findings; return how many were new.

    Findings are written for the verdicts that were new only, so a second writer adds nothing to the first one's.
    """
    for result in results:
        if any(finding.frame != result.frame for finding in result.findings):
            raise BadDataError(f"a finding of another frame stands in the verdict on frame {result.frame}")
    new = _add_verdicts(session, coil, results)
    findings = [
        _finding_values(finding, result=number, ordinal=ordinal)
        for number, result in new
        for ordinal, finding in enumerate(result.findings)
    ]
    if findings:
        session.connection().execute(insert_into(session, FindingRow), findings)
    return len(new)


def list_results(session: Session, coil: str, *, detector: str) -> list[FrameResult]:
    """Return a detector version's verdicts on a coil with their findings, by first line."""
    chosen = (FrameResultRow.coil == coil, FrameResultRow.detector == detector)
    found: dict[int, list[FindingRow]] = defaultdict(list)
    findings = select(FindingRow).join(FrameResultRow, FrameResultRow.seq == FindingRow.result).where(*chosen)
    for finding in session.scalars(findings.order_by(FindingRow.result, FindingRow.ordinal)):
        found[finding.result].append(finding)
    verdicts = (
        select(FrameResultRow, FrameRow.first_line, FrameRow.camera, FrameRow.sequence)
        .join(FrameRow, FrameRow.id == FrameResultRow.frame)
        .where(*chosen)
    )
    placed = [
        ((first_line, camera, sequence, row.frame), _result(row, found[row.seq]))
        for row, first_line, camera, sequence in session.execute(verdicts)
    ]
    return [result for _, result in sorted(placed, key=lambda pair: pair[0])]


def detectors_of(session: Session, coil: str) -> list[str]:
    """Return the detector versions that judged a coil, latest first."""
    query = (
        select(FrameResultRow.detector)
        .where(FrameResultRow.coil == coil)
        .group_by(FrameResultRow.detector)
        .order_by(func.max(FrameResultRow.seq).desc())
    )
    return list(session.scalars(query))


def latest_findings(session: Session, line: str, recipe: str, *, limit: int) -> list[LatestFinding]:
    """Return at most ``limit`` findings of the line's newest verdicts, newest first; of a frame the last verdict.

    Verdicts are read from the end, some at a time, until there are enough.
    """
    found: list[LatestFinding] = []
    seen: set[str] = set()
    before: int | None = None
    while len(found) < limit:
        verdicts = _verdicts_before(session, line, recipe, before=before)
        if not verdicts:
            break
        before = verdicts[-1].seq
        newest = {row.frame: row for row in reversed(verdicts) if row.frame not in seen}
        seen |= set(newest)
        found += _with_findings(session, list(newest.values()))
    return found[:limit]


def _verdicts_before(session: Session, line: str, recipe: str, *, before: int | None) -> list[FrameResultRow]:
    query = (
        select(FrameResultRow)
        .join(CoilRow, CoilRow.id == FrameResultRow.coil)
        .where(CoilRow.line == line, CoilRow.recipe == recipe)
        .order_by(FrameResultRow.seq.desc())
        .limit(_VERDICTS_AT_ONCE)
    )
    return list(session.scalars(query if before is None else query.where(FrameResultRow.seq < before)))


def _with_findings(session: Session, verdicts: Sequence[FrameResultRow]) -> list[LatestFinding]:
    by_number = {row.seq: row for row in verdicts}
    query = select(FindingRow).where(FindingRow.result.in_(by_number))
    return [
        LatestFinding(
            item=f"{row.result}-{row.ordinal}",
            ordinal=row.ordinal,
            coil=by_number[row.result].coil,
            detector=by_number[row.result].detector,
            finding=_finding(row, frame=by_number[row.result].frame),
        )
        for row in session.scalars(query.order_by(FindingRow.result.desc(), FindingRow.ordinal))
    ]


def _add_verdicts(session: Session, coil: str, results: Sequence[FrameResult]) -> list[tuple[int, FrameResult]]:
    """Return the new verdicts with their numbers; of two on one key in ``results`` the first counts."""
    # In the order of their keys, so that two writers of the same verdicts never wait for each other in a ring.
    first = {(result.frame, result.detector): result for result in reversed(results)}
    ordered = [first[key] for key in sorted(first)]
    if not ordered:
        return []
    statement = insert_into(session, FrameResultRow).on_conflict_do_nothing(index_elements=["frame", "detector"])
    columns = table_of(FrameResultRow).c
    returning = statement.returning(columns.seq, columns.frame, columns.detector)
    new = session.connection().execute(returning, [_verdict_values(result, coil=coil) for result in ordered])
    return [(number, first[frame, detector]) for number, frame, detector in new]


def _verdict_values(result: FrameResult, *, coil: str) -> Values:
    return {
        "coil": coil,
        "frame": result.frame,
        "detector": result.detector,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "heatmap": result.heatmap,
    }


def _finding_values(finding: Finding, *, result: int, ordinal: int) -> Values:
    # int() and float(): boxes and scores come out of arrays, and SQLite takes no NumPy numbers.
    return {
        "result": result,
        "ordinal": ordinal,
        "top": int(finding.roi.top),
        "left": int(finding.roi.left),
        "bottom": int(finding.roi.bottom),
        "right": int(finding.roi.right),
        "defect_type": finding.defect_type,
        "life_cycle": finding.life_cycle.value,
        "score": float(finding.score),
        "crossweb_mm": float(finding.crossweb_mm),
        "downweb_m": float(finding.downweb_m),
        "width_mm": float(finding.width_mm),
        "length_mm": float(finding.length_mm),
        "evidence": finding.evidence.value,
        "runner_up": finding.runner_up,
        "explanation": None if finding.explanation is None else finding.explanation.to_document(),
    }


def _result(row: FrameResultRow, findings: Sequence[FindingRow]) -> FrameResult:
    return FrameResult(
        frame=row.frame,
        verdict=Verdict(row.verdict),
        detector=row.detector,
        findings=tuple(_finding(finding, frame=row.frame) for finding in findings),
        reason=row.reason,
        heatmap=row.heatmap,
    )


def _finding(row: FindingRow, *, frame: str) -> Finding:
    return Finding(
        frame=frame,
        roi=Roi(top=row.top, left=row.left, bottom=row.bottom, right=row.right),
        defect_type=row.defect_type,
        life_cycle=LifeCycle(row.life_cycle),
        score=row.score,
        crossweb_mm=row.crossweb_mm,
        downweb_m=row.downweb_m,
        width_mm=row.width_mm,
        length_mm=row.length_mm,
        evidence=Evidence(row.evidence),
        runner_up=row.runner_up,
        explanation=None if row.explanation is None else Explanation.from_document(row.explanation),
    )
