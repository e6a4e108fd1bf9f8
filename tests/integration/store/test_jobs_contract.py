"""The book of jobs keeps its promises in memory, on SQLite and on PostgreSQL; a dead process's jobs are found lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inspect_pipeline.domain.jobs import Job, JobKind, JobState
from inspect_pipeline.errors import RefusedError, StorageError
from inspect_pipeline.services.ports import Catalog

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def job(number: int = 1, *, line: str = "strip", owner: str = "jobs 0") -> Job:
    return Job(
        id=f"job-{number}",
        kind=JobKind.TEACH,
        line=line,
        operator="anna",
        owner=owner,
        created_at=NOON,
        document={"asked": {"labels": ["a", "b"]}},
    )


def added(catalog: Catalog, *jobs: Job) -> None:
    with catalog.transaction() as unit:
        for one in jobs:
            unit.jobs.add(one)


def read(catalog: Catalog, number: int = 1) -> Job:
    with catalog.transaction() as unit:
        found = unit.jobs.job(f"job-{number}")
    assert found is not None
    return found


def test_a_job_comes_back_as_it_was_added_and_an_unknown_one_is_none(catalog: Catalog) -> None:
    added(catalog, job())
    assert read(catalog) == job()
    with catalog.transaction() as unit:
        assert unit.jobs.job("job-2") is None


def test_an_id_is_given_once(catalog: Catalog) -> None:
    added(catalog, job())
    with pytest.raises(StorageError):
        added(catalog, job())


def test_a_job_waits_runs_tells_how_far_it_is_and_ends_with_its_document(catalog: Catalog) -> None:
    added(catalog, job())
    with catalog.transaction() as unit:
        assert unit.jobs.begin("job-1", at=NOON + timedelta(seconds=1))
        unit.jobs.report("job-1", stage="looking", done=2, total=5)
        unit.jobs.write("job-1", {"answer": {"found": 5}})
    running = read(catalog)
    assert (running.state, running.stage, running.done, running.total) == (JobState.RUNNING, "looking", 2, 5)
    with catalog.transaction() as unit:
        assert unit.jobs.end("job-1", JobState.DONE, at=NOON + timedelta(seconds=3))
    ended = read(catalog)
    assert (ended.state, ended.document) == (JobState.DONE, {"answer": {"found": 5}})
    assert (ended.started_at, ended.finished_at) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=3))


def test_only_a_waiting_job_begins_and_only_an_open_one_ends(catalog: Catalog) -> None:
    added(catalog, job())
    with catalog.transaction() as unit:
        assert unit.jobs.begin("job-1", at=NOON)
        assert not unit.jobs.begin("job-1", at=NOON)
        assert unit.jobs.end("job-1", JobState.FAILED, at=NOON, error="no good units")
        assert not unit.jobs.end("job-1", JobState.LOST, at=NOON)
    assert (read(catalog).state, read(catalog).error) == (JobState.FAILED, "no good units")


def test_what_does_not_run_is_not_written_over(catalog: Catalog) -> None:
    added(catalog, job())
    with catalog.transaction() as unit:
        unit.jobs.report("job-1", stage="late", done=1, total=1)
        unit.jobs.write("job-1", {"late": True})
    assert read(catalog) == job()


def test_the_newest_come_first_of_a_line_or_of_all_and_open_ones_oldest_first(catalog: Catalog) -> None:
    added(catalog, job(1), job(2, line="other"), job(3))
    with catalog.transaction() as unit:
        unit.jobs.end("job-1", JobState.LOST, at=NOON)
        assert [one.id for one in unit.jobs.newest(limit=2)] == ["job-3", "job-2"]
        assert [one.id for one in unit.jobs.newest(line="strip", limit=9)] == ["job-3", "job-1"]
        assert [one.id for one in unit.jobs.open_jobs()] == ["job-2", "job-3"]


def test_a_transaction_that_fails_leaves_the_job_as_it_was(catalog: Catalog) -> None:
    added(catalog, job())
    with pytest.raises(RefusedError), catalog.transaction() as unit:
        unit.jobs.begin("job-1", at=NOON)
        raise RefusedError("stop")
    assert read(catalog).state is JobState.WAITING


def test_a_failed_job_without_a_reason_cannot_be() -> None:
    with pytest.raises(Exception, match="says why"):
        replace(job(), state=JobState.FAILED)
