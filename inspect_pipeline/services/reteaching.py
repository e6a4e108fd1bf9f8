"""Teaching again what follows an initialization: every line whose detector in force came from it gets a challenger.

The promotion of an initialization neither waits for that nor fails with it. What could not be taught again is told by
line, with its reason, and can be tried again; what was taught is found again and costs nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.bundle import ModelKind, initialization_name
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.errors import InspectError, NotFoundError, RefusedError
from inspect_pipeline.services.in_force import version_in_force
from inspect_pipeline.services.ports import Catalog, ModelRegistry

STAGE = "reteach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """A line and recipe whose detector in force (``model`` in ``version``) came from an initialization.

    ``adaptation`` and ``seed`` are what it was taught with.
    """

    line: str
    recipe: str
    model: str
    version: str
    adaptation: str
    seed: int


class Taught(Protocol):
    """What a teaching tells of the version that it registered."""

    @property
    def version(self) -> str:
        """The version."""
        ...

    @property
    def new(self) -> bool:
        """Whether it was not there before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Retaught:
    """What became of one line: its challenger, or the reason why there is none."""

    line: str
    recipe: str
    model: str
    in_force: str
    challenger: str | None = None
    new: bool = False
    failed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReteachSummary:
    """What became of all lines that follow an initialization (``model`` in ``version``)."""

    model: str
    version: str
    lines: tuple[Retaught, ...]
    seconds: float

    @property
    def failed(self) -> tuple[Retaught, ...]:
        """The lines that could not be taught again."""
        return tuple(one for one in self.lines if one.failed is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reteaching:
    """The use case; ``teach`` adapts a follower to its supports, from the initialization of that name in force."""

    catalog: Catalog
    registry: ModelRegistry
    teach: Callable[[Follower, str], Taught]
    clock: Clock
    progress: Progress

    def followers(self, name: str) -> list[Follower]:
        """Return the lines whose detector in force came from any version of the initialization, by model."""
        origin = initialization_name(name)
        found = []
        for model in self.registry.models():
            if not model.startswith(f"{ModelKind.DETECTOR}."):
                continue
            version = self._recorded(model)
            if version is None:
                continue
            manifest = self.registry.load(model, version=version)[1].manifest
            tags = next(v.tags for v in self.registry.versions(model) if v.version == version)
            lineage = manifest.get("lineage", {})
            if str(lineage.get("initialization", "")).rpartition("@")[0] == origin and {"line", "recipe"} <= set(tags):
                found.append(_follower(model, version, tags["line"], tags["recipe"], manifest))
        return found

    def run(self, name: str, *, operator: str) -> ReteachSummary:
        """Teach every line that follows the initialization again; what fails is told, and keeps no other from it.

        Raises NotFoundError where no version of it is in force, RefusedError while another process does the same.
        """
        model = initialization_name(name)
        with self.catalog.turn(f"{STAGE} {model}") as ours:
            if not ours:
                raise RefusedError(f"the lines that follow {model} are being taught again already; wait for that")
            version = version_in_force(self.catalog, self.registry, model)
            if version is None:
                raise NotFoundError(f"no version of {model} is in force, so nothing follows it; see 'models list'")
            return self._all(name, model, version, operator)

    def _all(self, name: str, model: str, version: str, operator: str) -> ReteachSummary:
        started, done = self.clock(), []
        followers = self.followers(name)
        for number, follower in enumerate(followers):
            self.progress(f"re-teach {follower.line} {follower.recipe}", number, len(followers))
            done.append(self._one(follower, name))
        seconds = (self.clock() - started).total_seconds()
        summary = ReteachSummary(model=model, version=version, lines=tuple(done), seconds=seconds)
        if done:
            self._record(summary, StageRun(stage=STAGE, started_at=started, seconds=seconds), operator)
        return summary

    def _one(self, follower: Follower, name: str) -> Retaught:
        told: dict[str, Any] = {"line": follower.line, "recipe": follower.recipe, "model": follower.model}
        told["in_force"] = follower.version
        try:
            taught = self.teach(follower, name)
        except InspectError as error:
            return Retaught(**told, failed=str(error))
        if taught.version == follower.version:  # it came from this very version
            return Retaught(**told)
        return Retaught(**told, challenger=taught.version, new=taught.new)

    def _record(self, summary: ReteachSummary, run: StageRun, operator: str) -> None:
        """Keep what became of each line, and note it in the trail."""
        rows = {f"{one.line} {one.recipe}": _told(one) for one in summary.lines}
        outcome = json.dumps(rows, sort_keys=True)
        detail: dict[str, float | int | str] = {"lines": len(rows), "failed": len(summary.failed), "outcome": outcome}
        event = AuditEvent(
            at=self.clock(),
            actor=operator,
            action=AuditAction.RETAUGHT,
            subject=summary.model,
            after=summary.version,
            reason=f"{len(rows) - len(summary.failed)} of {len(rows)} lines that follow it were taught again",
            detail=rows,
        )
        with self.catalog.transaction() as unit:
            unit.add_stage(
                StageRun(
                    stage=run.stage,
                    started_at=run.started_at,
                    seconds=run.seconds,
                    model=f"{summary.model}@{summary.version}",
                    detail=detail,
                )
            )
            unit.add_audit(event)

    def _recorded(self, model: str) -> str | None:
        """Return the version on record: an alias moved past the records makes no line follow anything."""
        with self.catalog.transaction() as unit:
            return unit.standing(model).recorded


def _follower(model: str, version: str, line: str, recipe: str, manifest: Any) -> Follower:
    return Follower(
        line=line,
        recipe=recipe,
        model=model,
        version=version,
        adaptation=str(manifest["settings"]["adaptation"]),
        seed=int(manifest["lineage"]["seed"]),
    )


def _told(one: Retaught) -> str:
    if one.failed is not None:
        return f"failed: {one.failed}"
    return "in force already" if one.challenger is None else f"challenger {one.challenger}"
