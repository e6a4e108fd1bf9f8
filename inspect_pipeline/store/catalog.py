"""The SQL catalog: a transaction is a unit of work, committed whole or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.material import CapturedFrame, Coil, Gap
from inspect_pipeline.domain.records import Promotion, StageRun
from inspect_pipeline.domain.taxonomy import DefectType
from inspect_pipeline.errors import InspectError
from inspect_pipeline.store import frames as frame_rows
from inspect_pipeline.store import history
from inspect_pipeline.store import labels as label_rows
from inspect_pipeline.store import results as result_rows
from inspect_pipeline.store.engine import open_engine, take_write_lock
from inspect_pipeline.store.failures import database_errors, shown
from inspect_pipeline.store.schema import upgrade


def open_catalog(url: str | URL) -> "SqlCatalog":
    """Return the catalog at ``sqlite:///FILE`` or ``postgresql+psycopg://...``, its tables made or migrated.

    Raises ConfigError for a URL of another kind; StorageError for a missing folder, a read-only or unreachable
    database, or one that is newer than this program.
    """
    engine = open_engine(url)
    try:
        upgrade(engine)
    except InspectError:
        engine.dispose()
        raise
    return SqlCatalog(engine)


class SqlCatalog:
    """The catalog on an engine whose database has this program's tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator["SqlUnit"]:
        """Open a transaction: committed when the block ends, rolled back when it raises.

        A block that only reads takes no lock. Raises StorageError or DiskFullError when the database fails.
        """
        with database_errors(shown(self._engine.url)), Session(self._engine) as session, session.begin():
            yield SqlUnit(session)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


class SqlUnit:
    """One transaction on the catalog; see ``CatalogUnit`` for what each method promises."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._may_write = False

    def add_coil(self, coil: Coil) -> bool:
        """Add the coil; False when it was there. Raises BadDataError when it was there for another line."""
        return frame_rows.add_coil(self._writing(), coil)

    def coil(self, coil: str) -> Coil | None:
        """Return the coil or None."""
        return frame_rows.find_coil(self._session, coil)

    def coils(self, *, line: str | None = None) -> list[Coil]:
        """Return the coils, oldest first."""
        return frame_rows.list_coils(self._session, line=line)

    def add_frames(self, frames: Sequence[CapturedFrame]) -> int:
        """Add frames; return how many were new. Raises BadDataError for an id that another coil has."""
        return frame_rows.add_frames(self._writing(), frames)

    def frames(self, coil: str) -> list[CapturedFrame]:
        """Return the frames of a coil by first line, unusable ones included."""
        return frame_rows.list_frames(self._session, coil)

    def frame(self, frame: str) -> CapturedFrame | None:
        """Return one frame or None."""
        return frame_rows.find_frame(self._session, frame)

    def replace_gaps(self, coil: str, gaps: Sequence[Gap]) -> None:
        """Set the ledger's missing intervals of a coil. Raises NotFoundError for an unknown coil."""
        frame_rows.replace_gaps(self._writing(), coil, gaps)

    def gaps(self, coil: str) -> list[Gap]:
        """Return the missing intervals, head first."""
        return frame_rows.list_gaps(self._session, coil)

    def add_labels(self, labels: Sequence[Label]) -> int:
        """Append labels; return how many were new."""
        return label_rows.add_labels(self._writing(), labels)

    def labels(self, *, line: str | None = None, coil: str | None = None, role: LabelRole | None = None) -> list[Label]:
        """Return the labels (superseded ones included) in the order they were appended."""
        return label_rows.list_labels(self._session, line=line, coil=coil, role=role)

    def put_type(self, line: str, defect_type: DefectType) -> None:
        """Add the type to the line's taxonomy or move it in its life cycle."""
        label_rows.put_type(self._writing(), line, defect_type)

    def types(self, line: str) -> list[DefectType]:
        """Return the line's types by name."""
        return label_rows.list_types(self._session, line)

    def add_results(self, coil: str, results: Sequence[FrameResult]) -> int:
        """Add verdicts with their findings; one per (frame, detector); return how many were new."""
        return result_rows.add_results(self._writing(), coil, results)

    def results(self, coil: str, *, detector: str) -> list[FrameResult]:
        """Return a detector version's verdicts on a coil with their findings, by first line."""
        return result_rows.list_results(self._session, coil, detector=detector)

    def detectors_of(self, coil: str) -> list[str]:
        """Return the detector versions that judged a coil, latest first."""
        return result_rows.detectors_of(self._session, coil)

    def add_stage(self, run: StageRun) -> None:
        """Append what a stage did and how long it took."""
        history.add_stage(self._writing(), run)

    def stages(self, *, coil: str | None = None) -> list[StageRun]:
        """Return the stages recorded, oldest first."""
        return history.list_stages(self._session, coil=coil)

    def add_promotion(self, promotion: Promotion) -> None:
        """Append a promotion or rollback."""
        history.add_promotion(self._writing(), promotion)

    def promotions(self, model: str) -> list[Promotion]:
        """Return the promotions of a model, oldest first."""
        return history.list_promotions(self._session, model)

    def _writing(self) -> Session:
        """Return the session with the write lock taken and nothing remembered from before."""
        if not self._may_write:
            take_write_lock(self._session.connection())
            self._may_write = True
        self._session.expire_all()
        return self._session
