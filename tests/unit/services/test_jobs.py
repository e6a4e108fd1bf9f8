"""Background work: one at a time, in a bounded row, with its outcome or its reason, and lost where its process died."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inspect_pipeline.domain.jobs import Job, JobKind, JobState
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.services.jobs import MOST_WAITING, Jobs, Reporter
from tests.fakes.catalog import InMemoryCatalog

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def catalog() -> InMemoryCatalog:
    return InMemoryCatalog()


@pytest.fixture
def jobs(catalog: InMemoryCatalog) -> Iterator[Jobs]:
    numbers = itertools.count(1)
    made = Jobs(catalog=catalog, clock=lambda: NOON, new_id=lambda: f"job-{next(numbers)}")
    yield made
    made.close()


def started(jobs: Jobs, work: Any, *, line: str = "strip") -> Job:
    return jobs.start(JobKind.TEACH, line, "anna", asked={"asked": True}, work=work)


def ended(jobs: Jobs, job: Job) -> Job:
    while jobs.job(job.id).state.open:
        time.sleep(0.01)
    return jobs.job(job.id)


def test_a_job_ends_with_what_its_work_gives(jobs: Jobs) -> None:
    done = ended(jobs, started(jobs, lambda _report: {"answer": 42}))
    assert (done.state, done.document, done.operator, done.error) == (JobState.DONE, {"answer": 42}, "anna", None)


def test_an_error_of_the_house_is_the_jobs_line_and_keeps_what_was_known(jobs: Jobs) -> None:
    def fails(report: Reporter) -> Mapping[str, Any]:
        report.write({"half": 1}, stage="next")
        raise BadDataError("3 good units are too few; label 4 or more")

    failed = ended(jobs, started(jobs, fails))
    assert (failed.state, failed.error) == (JobState.FAILED, "3 good units are too few; label 4 or more")
    assert failed.document == {"half": 1}


def test_a_fault_of_ours_is_logged_and_tells_a_reader_nothing_of_it(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    failed = ended(jobs, started(jobs, lambda _report: {}["secret"]))
    assert failed.state is JobState.FAILED
    assert "secret" not in str(failed.error)
    assert "secret" in caplog.text


def test_jobs_run_one_after_the_other(jobs: Jobs) -> None:
    running: list[int] = []
    most: list[int] = []

    def work(_report: Reporter) -> Mapping[str, Any]:
        running.append(1)
        most.append(len(running))
        running.pop()
        return {}

    for job in [started(jobs, work) for _ in range(5)]:
        ended(jobs, job)
    assert most == [1] * 5


def test_a_full_row_refuses_and_has_room_again_when_work_ends(jobs: Jobs) -> None:
    gate = threading.Event()
    held = [started(jobs, lambda _report: {"waited": gate.wait()}) for _ in range(MOST_WAITING)]
    with pytest.raises(RefusedError, match="wait already"):
        started(jobs, lambda _report: {})
    gate.set()
    for job in held:
        ended(jobs, job)
    assert ended(jobs, started(jobs, lambda _report: {})).state is JobState.DONE


def test_progress_is_written_a_few_times_a_second_at_most(catalog: InMemoryCatalog) -> None:
    now = [NOON]
    with catalog.transaction() as unit:
        unit.jobs.add(
            Job(id="a", kind=JobKind.TEACH, line="strip", operator="anna", owner="x", created_at=NOON, document={})
        )
        unit.jobs.begin("a", at=NOON)
    report = Reporter(catalog=catalog, job="a", clock=lambda: now[0])
    written = []
    for number in range(100):
        now[0] += timedelta(milliseconds=10)
        report("looking", number, 100)
        with catalog.transaction() as unit:
            found = unit.jobs.job("a")
        written.append(found.done if found else None)
    assert len(set(written)) == 3


def test_the_job_of_a_process_that_died_is_found_lost_and_that_of_one_that_lives_is_not(jobs: Jobs) -> None:
    catalog = jobs.catalog
    for number, owner in enumerate(("jobs 3", "jobs 4")):
        with catalog.transaction() as unit:
            unit.jobs.add(
                Job(
                    id=f"old-{number}", kind=JobKind.TEACH, line="strip", operator="ben", owner=owner,
                    created_at=NOON, document={},
                )
            )  # fmt: skip
    with catalog.turn("jobs 4"):
        assert jobs.job("old-0").state is JobState.LOST
        assert jobs.job("old-1").state is JobState.WAITING


def test_what_waits_when_the_process_ends_is_lost_and_what_runs_is_finished(catalog: InMemoryCatalog) -> None:
    numbers = itertools.count(1)
    jobs = Jobs(catalog=catalog, clock=lambda: NOON, new_id=lambda: f"job-{next(numbers)}")
    begun, gate = threading.Event(), threading.Event()

    def slow(_report: Reporter) -> Mapping[str, Any]:
        begun.set()
        return {"finished": gate.wait()}

    first, second = started(jobs, slow), started(jobs, lambda _report: {})
    begun.wait()
    closing = threading.Thread(target=jobs.close)
    closing.start()
    gate.set()
    closing.join()
    other = Jobs(catalog=catalog, clock=lambda: NOON, new_id=lambda: "x")
    assert (other.job(first.id).state, other.job(second.id).state) in (
        (JobState.DONE, JobState.LOST),
        (JobState.DONE, JobState.DONE),
    )


def test_an_unknown_job_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(NotFoundError):
        jobs.job("nothing")
