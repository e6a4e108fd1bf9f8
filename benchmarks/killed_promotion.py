"""``kill -9`` at random moments of register, promote and rollback, and many processes at once; the records must agree.

python -m benchmarks.killed_promotion [--kills 100] [--processes 8] [--rounds 12] [--postgresql URL] [--out FILE]

A real MLflow registry and a real catalog. A process registers, promotes and rolls back without end and is killed; then
what a next start does is done (repair), and alias, records and audit trail are compared. After that ``--processes``
processes promote, roll back and ask what is in force at once: nobody may see an error but being told that another was
first, and no entry of the trail may be lost. Children are forked from a process that has imported MLflow and holds
no connection, so that a kill meets the work and not the imports.
"""

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import mlflow  # noqa: F401 - imported before the forks
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore  # noqa: F401 - as above
from safetensors.numpy import save

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.domain.beside_normality import BesideNormality
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.gate import Evidence, GateRules, TypeEvidence, evidence_to
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.errors import NothingToDoError, RefusedError
from inspect_pipeline.services.auditing import Auditing
from inspect_pipeline.services.in_force import CHAMPION, version_in_force
from inspect_pipeline.services.models import Models
from inspect_pipeline.store.catalog import open_catalog
from inspect_pipeline.store.registry import MlflowRegistry

MODEL = "detector.line-1.default"
_LONGEST_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where catalog and registry are."""

    catalog: str
    mlflow: str
    artifacts: Path

    def models(self) -> Models:
        """Return the use cases on connections of this process's own."""
        return Models(
            catalog=open_catalog(self.catalog),
            registry=MlflowRegistry(self.mlflow, self.artifacts),
            rules=GateRules(),
            clock=lambda: datetime.now(UTC),
        )


@dataclass(kw_only=True)
class Outcome:
    """What was found: kills by what was half done, every fault (there must be none), what the many were told."""

    kills: int = 0
    during: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    changes: int = 0
    told: Counter[str] = field(default_factory=Counter)


def place_in(folder: Path) -> Place:
    """Return a place with SQLite files in the folder."""
    return Place(
        catalog=f"sqlite:///{folder / 'catalog.db'}",
        mlflow=f"sqlite:///{folder / 'mlflow.db'}",
        artifacts=folder / "artifacts",
    )


def detector(number: int) -> Bundle:
    """Return a detector that passes its gate and is like no other."""
    evidence = Evidence(
        promised_overkill=0.05,
        overkill=rate(1, 60),
        types=(TypeEvidence(defect_type="scratch", found=rate(5, 5)),),
        beside_normality=BesideNormality(trials=5, found=5, alone=4, lost=0),
    )
    manifest = {"number": number, "evidence": evidence_to(evidence)}
    return Bundle(kind=ModelKind.DETECTOR, manifest=manifest, tensors=save({}))


def work_without_end(place: Place, pipe: int, seed: int) -> None:
    """Register, promote and roll back until killed; says through the pipe when it begins."""
    models = place.models()
    os.write(pipe, b"ready")
    number = seed * 1000
    while True:
        number += 1
        version = models.registry.register(MODEL, detector(number), tags={})
        models.promote(MODEL, operator="operator-7", reason="better", version=version)
        if number % 2 and len(models.history(MODEL)) > 1:
            models.rollback(MODEL, operator="operator-8", reason="alarms")


def state_after_a_start(place: Place, pipe: int) -> None:
    """Repair as a next start does, and say through the pipe what was half done and what does not agree."""
    models = place.models()
    with models.catalog.transaction() as unit:
        half_done = [move.kind.value for move in unit.pending_moves()]
    models.moving.repair()
    faults = [f"entry {fault.seq}: {fault.what}" for fault in _verified(models)]
    with models.catalog.transaction() as unit:
        if unit.pending_moves():
            faults.append("a change is still under way after the repair")
        recorded = unit.standing(MODEL).recorded
    if recorded is not None and models.registry.aliased(MODEL, CHAMPION) != recorded:
        faults.append("the champion alias is not the version on record")
    os.write(pipe, json.dumps({"half_done": half_done, "faults": faults}).encode())


def _verified(models: Models) -> list[object]:
    verdict = Auditing(catalog=models.catalog, registry=models.registry).verify()
    return list(verdict.faults)


def one_of_many(place: Place, pipe: int, number: int, rounds: int) -> None:
    """Promote, roll back and ask what is in force; say through the pipe what came of it."""
    models = place.models()
    told: Counter[str] = Counter()
    moves: list[Callable[[], object]] = [
        lambda: models.promote(MODEL, operator=f"operator-{number}", reason="better", version=str(number % 8 + 1)),
        lambda: models.rollback(MODEL, operator=f"operator-{number}", reason="alarms"),
        lambda: version_in_force(models.catalog, models.registry, MODEL),
    ]
    for turn in range(rounds):
        try:
            moves[(number + turn) % len(moves)]()
        except (RefusedError, NothingToDoError) as error:
            told[type(error).__name__] += 1
        else:
            told[("promoted", "rolled back", "in force")[(number + turn) % len(moves)]] += 1
    os.write(pipe, json.dumps(told).encode())


def forked(work: Callable[..., None], *args: object) -> tuple[int, int]:
    """Return (process, read end of its pipe) of a child that runs ``work(place, pipe, ...)``."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    os.close(reading)
    code = 1
    try:
        place, *rest = args
        work(place, writing, *rest)
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os.close(writing)
        os._exit(code)


def answer_of(process: int, reading: int) -> str:
    """Return all that a child said, once it ended well. Raises SystemExit when it did not."""
    said = b""
    while chunk := os.read(reading, 65536):
        said += chunk
    os.close(reading)
    status = os.waitpid(process, 0)[1]
    if status != 0:
        raise SystemExit(f"a child ended with status {status}")
    return said.decode()


def killed(place: Place, *, kills: int, seed: int, longest_s: float, outcome: Outcome) -> None:
    """Kill ``kills`` workers at moments up to ``longest_s`` after they began; note what a next start finds."""
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    for kill in range(kills):
        process, reading = forked(work_without_end, place, seed * 1000 + kill)
        if not select.select([reading], [], [], _LONGEST_S)[0] or not os.read(reading, 5):
            raise SystemExit("the worker did not begin")
        time.sleep(moments.uniform(0.0, longest_s))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reading)
        found = json.loads(answer_of(*forked(state_after_a_start, place)))
        outcome.kills += 1
        outcome.during.update(found["half_done"] or ["nothing half done"])
        outcome.faults += [f"kill {kill}: {fault}" for fault in found["faults"]]


def register_eight(place: Place, pipe: int) -> None:
    """Register versions 1 to 8 where there are fewer, and put two in force."""
    models = place.models()
    for number in range(8 - len(models.registry.versions(MODEL))):
        models.registry.register(MODEL, detector(-1 - number), tags={})
    for version in ("1", "2"):
        if version_in_force(models.catalog, models.registry, MODEL) != version:
            models.promote(MODEL, operator="operator-0", reason="first", version=version)
    os.write(pipe, str(len(models.history(MODEL))).encode())


def at_once(place: Place, *, processes: int, rounds: int, outcome: Outcome) -> None:
    """Let many change and ask at once, then compare the records with what they say they did."""
    before = int(answer_of(*forked(register_eight, place)))
    children = [forked(one_of_many, place, number, rounds) for number in range(processes)]
    for child in children:
        outcome.told.update(json.loads(answer_of(*child)))
    found = json.loads(answer_of(*forked(state_after_a_start, place)))
    outcome.faults += [f"at once: {fault}" for fault in found["faults"]]
    after = int(answer_of(*forked(register_eight, place)))
    outcome.changes = outcome.told["promoted"] + outcome.told["rolled back"]
    grown = after - before
    # Putting versions 1 and 2 in force again may have taken up to two more changes.
    if not outcome.changes <= grown <= outcome.changes + 2:
        outcome.faults.append(f"at once: {outcome.changes} changes were answered, the records grew by {grown}")


def main() -> None:
    options = parsed()
    documents = {}
    with tempfile.TemporaryDirectory() as scratch:
        places = {"sqlite": place_in(Path(scratch))}
        if options.postgresql:
            url = options.postgresql
            places["postgresql"] = Place(catalog=url, mlflow=url, artifacts=Path(scratch) / "artifacts-pg")
        for name, place in places.items():
            outcome = Outcome()
            killed(place, kills=options.kills, seed=options.seed, longest_s=options.longest_s, outcome=outcome)
            at_once(place, processes=options.processes, rounds=options.rounds, outcome=outcome)
            documents[name] = {**vars(outcome), "during": dict(outcome.during), "told": dict(outcome.told)}
    words = [word for word in sys.argv[1:] if "://" not in word]
    document = {
        "command": " ".join(["python -m benchmarks.killed_promotion", *words]),
        "revision": code_revision(),
        "seed": options.seed,
        "processes": options.processes,
        "rounds": options.rounds,
        "databases": documents,
    }
    text = json.dumps(document, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    if any(each["faults"] for each in documents.values()):
        raise SystemExit(1)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("kills", 100), ("processes", 8), ("rounds", 12), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--longest-s", type=float, default=0.8, help="the latest moment of a kill after the beginning")
    parser.add_argument("--postgresql", help="postgresql+psycopg://... of an empty database, to do it there as well")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
