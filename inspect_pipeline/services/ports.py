"""What the services ask of the world, as small Protocols; adapters satisfy them by shape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditEvent, TrailProof
from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.capture import QualityRange
from inspect_pipeline.domain.findings import FrameResult, LatestFinding
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.in_force import PendingMove, Standing
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.ledger import Span
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.records import CameraExtent, Capture, ModelVersion, Promotion, StageRun
from inspect_pipeline.domain.taxonomy import DefectType, TypeMove
from inspect_pipeline.services.job_ports import JobBook
from inspect_pipeline.services.overview_ports import OverviewBook
from inspect_pipeline.services.people_ports import PeopleBook
from inspect_pipeline.services.review_ports import ReviewBook
from inspect_pipeline.services.study_ports import StudyBook


class FrameSource(Protocol):
    """A camera, a folder or a recording: captures in the order they were taken."""

    def __iter__(self) -> Iterator[Capture]:
        """Yield every capture; one that cannot be read is yielded as unusable, never skipped."""
        ...

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines where the source knows it."""
        ...


@runtime_checkable
class NamesCameras(Protocol):
    """A source that knows which cameras should see the coil."""

    @property
    def expected_cameras(self) -> Sequence[str]:
        """Names of the cameras; one that delivers nothing is missing in the ledger."""
        ...


@runtime_checkable
class AlreadyCorrected(Protocol):
    """A source whose frames were corrected by their flat field before (a replay)."""

    @property
    def corrected(self) -> bool:
        """Whether the frames must not be corrected again."""
        ...


@runtime_checkable
class TellsNotes(Protocol):
    """A source that has something to say of itself: what a camera rounded, what its driver lost."""

    @property
    def notes(self) -> Sequence[str]:
        """One line each; asked for when the last capture has come."""
        ...


@runtime_checkable
class WaitsForFiles(Protocol):
    """A source that leaves files for the next run because they are still being written."""

    @property
    def incomplete(self) -> Sequence[str]:
        """Names seen in the last pass and not taken."""
        ...


class CatalogUnit(Protocol):
    """One transaction on the catalog. Additions are idempotent on their key; nothing is overwritten."""

    @property
    def people(self) -> PeopleBook:
        """The people of the workbench."""
        ...

    @property
    def reviews(self) -> ReviewBook:
        """The review queue."""
        ...

    def add_coil(self, coil: Coil) -> bool:
        """Add the coil; False when it was there. Raises BadDataError when it was there for another line."""
        ...

    def coil(self, coil: str) -> Coil | None:
        """Return the coil or None."""
        ...

    def coils(self, *, line: str | None = None) -> list[Coil]:
        """Return the coils, oldest first."""
        ...

    def add_frames(self, frames: Sequence[CapturedFrame]) -> int:
        """Add frames; return how many were new."""
        ...

    def frames(self, coil: str) -> list[CapturedFrame]:
        """Return the frames of a coil by first line, unusable ones included."""
        ...

    def frame(self, frame: str) -> CapturedFrame | None:
        """Return one frame or None."""
        ...

    def spans(self, coil: str) -> list[Span]:
        """Return what the ledger needs of each capture of a coil, in no order."""
        ...

    def frame_keys(self, coil: str) -> Iterator[tuple[str, str, str, bool]]:
        """Yield (id, camera, source, whether a fingerprint made the id) of each capture of a coil."""
        ...

    def first_frames(self, coil: str) -> list[CapturedFrame]:
        """Return of each camera of a coil the frame with the lowest first line among those with an encoder."""
        ...

    def remarks(self, coil: str) -> list[tuple[str, str | None, str | None]]:
        """Return (source, reason, note) of the captures of a coil that are unusable or odd, by first line."""
        ...

    def count_frames(self, coil: str) -> int:
        """Return how many captures a coil has."""
        ...

    def quality(self, coil: str) -> list[QualityRange]:
        """Return lowest, mean and highest of each measure of each camera of a coil, by camera; unmeasured ones not."""
        ...

    def mm_per_line(self, coil: str) -> float:
        """Return the resolution downweb of a coil, as ``domain.material.mm_per_line`` of its frames."""
        ...

    def extents(self, coil: str) -> list[CameraExtent]:
        """Return how far the frames of each camera of a coil reach, by camera; captures without lines not counted."""
        ...

    def expect(self, coil: str, *, lines: int | None, cameras: Sequence[str]) -> None:
        """Set the expected length (None: leave it) and add the cameras. Raises NotFoundError for an unknown coil."""
        ...

    def add_flat_field(self, version: FlatFieldVersion) -> bool:
        """Add a version of a camera's flat field; False when it was there."""
        ...

    def flat_fields(self, camera: str | None = None) -> Sequence[FlatFieldVersion]:
        """Return the versions of a camera's flat field, or of all, newest first."""
        ...

    def add_labels(self, labels: Sequence[Label]) -> int:
        """Append labels; return how many were new."""
        ...

    def labels(self, *, line: str | None = None, coil: str | None = None, role: LabelRole | None = None) -> list[Label]:
        """Return the labels (superseded ones included) in the order they were appended."""
        ...

    def put_type(self, line: str, defect_type: DefectType) -> None:
        """Add the type to the line's taxonomy or move it in its life cycle."""
        ...

    def types(self, line: str) -> list[DefectType]:
        """Return the line's types by name."""
        ...

    def add_type_move(self, move: TypeMove) -> None:
        """Append a step of a type in its life cycle."""
        ...

    def type_moves(self, line: str, *, defect_type: str | None = None) -> list[TypeMove]:
        """Return the steps of a line's types, or of one of them, in the order they were appended."""
        ...

    def add_results(self, coil: str, results: Sequence[FrameResult]) -> int:
        """Add verdicts with their findings; one per (frame, detector); return how many were new."""
        ...

    def results(self, coil: str, *, detector: str) -> list[FrameResult]:
        """Return a detector version's verdicts on a coil with their findings, by first line."""
        ...

    def detectors_of(self, coil: str) -> list[str]:
        """Return the detector versions that judged a coil, latest first."""
        ...

    def add_stage(self, run: StageRun) -> None:
        """Append what a stage did and how long it took."""
        ...

    def stages(self, *, coil: str | None = None) -> list[StageRun]:
        """Return the stages recorded, oldest first."""
        ...

    def add_promotion(self, promotion: Promotion) -> AuditEntry:
        """Append a change of the version in force; return the entry of the trail that vouches for it."""
        ...

    def standing(self, model: str) -> Standing:
        """Return which version the records put in force, and the change that was begun, if any."""
        ...

    def pending_moves(self) -> list[PendingMove]:
        """Return the changes of versions in force that were begun and not concluded, by model."""
        ...

    def begin_move(self, move: PendingMove) -> None:
        """Note a change that begins. Raises RefusedError when another one of the model was begun."""
        ...

    def end_move(self, model: str) -> None:
        """Forget the change that was begun."""
        ...

    def add_audit(self, event: AuditEvent) -> AuditEntry:
        """Append an entry to the audit trail. Labels, steps of types and promotions bring theirs along."""
        ...

    def audit(
        self, *, after: int = 0, limit: int | None = None, subject: str | None = None, action: AuditAction | None = None
    ) -> list[AuditEntry]:
        """Return the entries of the trail behind number ``after``, in their order."""
        ...

    def latest_audit(
        self, *, before: int | None, limit: int, subject: str | None = None, action: AuditAction | None = None
    ) -> Sequence[AuditEntry]:
        """Return at most ``limit`` entries of the trail in front of number ``before`` (None: the end), latest first."""
        ...

    def audit_proof(self, anchors: Mapping[int, str]) -> TrailProof:
        """Return where the trail, or a row it vouches for, is not what was written; ``anchors`` are seq: digest.

        The trail is read once, whatever its length.
        """
        ...

    def promotions(self, model: str) -> list[Promotion]:
        """Return the promotions of a model, oldest first."""
        ...

    @property
    def overview(self) -> OverviewBook:
        """Counts over coils, for pages and the watch."""

    def latest_findings(self, line: str, recipe: str, *, limit: int) -> list[LatestFinding]:
        """Return at most ``limit`` findings of a line's newest verdicts, newest first; of a frame the last one."""
        ...

    @property
    def jobs(self) -> JobBook:
        """The background work of the workbench."""
        ...

    @property
    def studies(self) -> StudyBook:
        """The attribute agreement studies."""
        ...


class Catalog(Protocol):
    """The SQL catalog."""

    def transaction(self) -> AbstractContextManager[CatalogUnit]:
        """Open a transaction: committed when the block ends, rolled back when it raises."""
        ...

    def turn(self, subject: str) -> AbstractContextManager[bool]:
        """Give True while the turn on the subject is ours, False when another process holds it.

        A process that ends, however it ends, gives its turn back.
        """
        ...


class ImageStore(Protocol):
    """Content-addressed files; an address is ``<sha256>.<suffix>``."""

    def put(self, content: bytes | bytearray | memoryview, *, suffix: str, derived: bool = False) -> str:
        """Store bytes (temp, fsync, rename) and return their address; known bytes are not written again.

        ``derived`` bytes can be made anew: they do not wait for the disk.
        """
        ...

    def get(self, address: str) -> bytes:
        """Return the bytes. Raises NotFoundError, or AlteredError when they no longer match the address."""
        ...

    def has(self, address: str) -> bool:
        """Whether the bytes are there."""
        ...


class FeatureStore(Protocol):
    """What can be worked out again but costs time, by key (64 hex digits); bounded, so anything may be gone."""

    def get(self, key: str) -> bytes | None:
        """Return the bytes put under the key, None where there are none or what is there is damaged."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes under the key; entries not used for longest go where room is needed."""
        ...


class ModelRegistry(Protocol):
    """Versions and aliases (champion, challenger, previous) of registered bundles."""

    def register(self, model: str, bundle: Bundle, *, tags: Mapping[str, str], run: str | None = None) -> str:
        """Store the bundle as a new version and return it; a bundle already registered keeps its version."""
        ...

    def load(self, model: str, *, version: str | None = None, alias: str | None = None) -> tuple[str, Bundle]:
        """Return (version, bundle). Raises NotFoundError."""
        ...

    def models(self) -> list[str]:
        """Return the registered names, sorted."""
        ...

    def versions(self, model: str) -> list[ModelVersion]:
        """Return the versions, newest first; an unknown name has none."""
        ...

    def aliased(self, model: str, alias: str) -> str | None:
        """Return the version that the alias points to, or None."""
        ...

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Point the alias at a version, or remove it with None."""
        ...

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version; a value that was there is replaced."""
        ...


class Tracker(Protocol):
    """Experiment tracking."""

    def record(
        self,
        experiment: str,
        name: str,
        *,
        params: Mapping[str, str | int | float],
        metrics: Mapping[str, float],
        curves: Mapping[str, Iterable[tuple[int, float]]] | None = None,
        artifacts: Mapping[str, bytes] | None = None,
    ) -> str:
        """Write one finished run, return its id: ``curves`` are (step, value) series, ``artifacts`` files by name."""
        ...
