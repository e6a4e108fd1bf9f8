"""What follows an initialization is taught again by line; what fails keeps no other from it, and is on record."""

import json
from dataclasses import dataclass, field

import pytest

from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.records import Promotion, StageRun
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.services.reteaching import Follower, Reteaching
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.registry import InMemoryRegistry

from .plant import NOON, Ticking, silent


@dataclass(frozen=True, kw_only=True)
class Version:
    version: str
    new: bool = True


@dataclass
class Lines:
    """Three lines in force: two from ``initialization.default``, one from another; a fourth has a challenger only."""

    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    registry: InMemoryRegistry = field(default_factory=InMemoryRegistry)
    failing: dict[str, str] = field(default_factory=dict)
    asked: list[Follower] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("default", "other"):
            self._in_force(f"initialization.{name}", ModelKind.INITIALIZATION, {"name": name})
        for line, name, promoted in (("a", "default", True), ("b", "default", True), ("c", "other", True)):
            self.detector(line, name, promoted=promoted)
        self.detector("d", "default", promoted=False)

    def detector(self, line: str, name: str, *, promoted: bool) -> None:
        lineage = {"initialization": f"initialization.{name}@1", "seed": 7}
        manifest = {"line": line, "lineage": lineage, "settings": {"adaptation": "lora"}}
        tags = {"line": line, "recipe": "fine"}
        self._in_force(f"detector.{line}.fine", ModelKind.DETECTOR, manifest, tags=tags, promoted=promoted)

    def _in_force(
        self,
        model: str,
        kind: ModelKind,
        manifest: dict[str, object],
        *,
        tags: dict[str, str] | None = None,
        promoted: bool = True,
    ) -> None:
        version = self.registry.register(model, Bundle(kind=kind, manifest=manifest, tensors=b""), tags=tags or {})
        if not promoted:
            return
        self.registry.set_alias(model, "champion", version)
        with self.catalog.transaction() as unit:
            unit.add_promotion(
                Promotion(model=model, from_version=None, to_version=version, operator="o", reason="", at=NOON)
            )

    def use_case(self) -> Reteaching:
        def teach(follower: Follower, name: str) -> Version:
            self.asked.append(follower)
            assert name == "default"
            if follower.line in self.failing:
                raise BadDataError(self.failing[follower.line])
            return Version(version="2")

        return Reteaching(catalog=self.catalog, registry=self.registry, teach=teach, clock=Ticking(), progress=silent)

    def stages(self) -> list[StageRun]:
        with self.catalog.transaction() as unit:
            return unit.stages()


def test_every_line_in_force_from_it_gets_a_challenger_taught_as_the_one_in_force_was() -> None:
    lines = Lines()
    summary = lines.use_case().run("default", operator="engineer-1")
    assert [(one.line, one.challenger, one.in_force) for one in summary.lines] == [("a", "2", "1"), ("b", "2", "1")]
    assert {(one.recipe, one.adaptation, one.seed) for one in lines.asked} == {("fine", "lora", 7)}
    assert summary.failed == ()


def test_a_line_that_cannot_be_taught_is_told_with_its_reason_and_kept_on_record_and_the_next_is_taught() -> None:
    lines = Lines(failing={"a": "its image is gone"})
    summary = lines.use_case().run("default", operator="engineer-1")
    assert [(one.line, one.failed) for one in summary.failed] == [("a", "its image is gone")]
    assert summary.lines[1].challenger == "2"
    [stage] = lines.stages()
    assert (stage.stage, stage.model, stage.detail["failed"]) == ("reteach", "initialization.default@1", 1)
    told = {"a fine": "failed: its image is gone", "b fine": "challenger 2"}
    assert json.loads(str(stage.detail["outcome"])) == told
    with lines.catalog.transaction() as unit:
        [entry] = unit.audit(action=AuditAction.RETAUGHT)
    assert (entry.event.actor, entry.event.subject, entry.event.after) == ("engineer-1", "initialization.default", "1")
    assert entry.event.detail == told


def test_a_line_taught_from_this_very_version_needs_no_challenger() -> None:
    lines = Lines()
    lines.registry.register(  # the second version is the one in force by now
        "detector.a.fine", Bundle(kind=ModelKind.DETECTOR, manifest=manifest_of(lines), tensors=b""), tags=TAGS
    )
    lines.registry.set_alias("detector.a.fine", "champion", "2")
    with lines.catalog.transaction() as unit:
        unit.add_promotion(
            Promotion(model="detector.a.fine", from_version="1", to_version="2", operator="o", reason="", at=NOON)
        )
    summary = lines.use_case().run("default", operator="engineer-1")
    assert (summary.lines[0].in_force, summary.lines[0].challenger, summary.lines[0].failed) == ("2", None, None)


TAGS = {"line": "a", "recipe": "fine"}


def manifest_of(lines: Lines) -> dict[str, object]:
    return {**lines.registry.load("detector.a.fine", version="1")[1].manifest, "number": 2}


def test_nothing_follows_what_is_not_in_force() -> None:
    with pytest.raises(NotFoundError, match=r"no version of initialization\.nowhere is in force"):
        Lines().use_case().run("nowhere", operator="engineer-1")


def test_two_at_once_do_not_teach_the_same_lines() -> None:
    lines = Lines()
    with lines.catalog.turn("reteach initialization.default") as ours:
        assert ours
        with pytest.raises(RefusedError, match="being taught again already"):
            lines.use_case().run("default", operator="engineer-1")
    assert lines.asked == []


def test_where_nothing_follows_nothing_is_put_on_record() -> None:
    lines = Lines()
    lines.catalog = InMemoryCatalog()
    with lines.catalog.transaction() as unit:
        unit.add_promotion(
            Promotion(
                model="initialization.default", from_version=None, to_version="1", operator="o", reason="", at=NOON
            )
        )
    assert lines.use_case().run("default", operator="engineer-1").lines == ()
    assert lines.stages() == []
