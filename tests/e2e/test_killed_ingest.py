"""``kill -9`` in the middle of an ingest of the real command: nothing lost, doubled, half-written or wrongly booked."""

from pathlib import Path

from benchmarks.killed_ingest import faults_on_disk, make_folder, run
from inspect_pipeline.store.images import FileImageStore

KILLS = 10


def test_an_ingest_killed_at_random_moments_ends_with_the_books_of_one_that_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "coil-7"
    make_folder(folder)
    outcome = run(folder, kills=KILLS, seed=1, scratch=tmp_path)
    assert outcome.faults == []
    assert (outcome.kills, outcome.finished > 0) == (KILLS, True)
    assert outcome.during["among the rows"] > 0, "no kill hit the work itself; the moments are drawn wrongly"


def test_the_examination_finds_a_half_written_file(tmp_path: Path) -> None:
    store = FileImageStore(tmp_path / "images")
    address = store.put(b"whole", suffix="png")
    assert faults_on_disk(tmp_path) == []
    (tmp_path / "images" / address[:2] / address[2:4] / address).write_bytes(b"who")
    [fault] = faults_on_disk(tmp_path)
    assert fault.startswith("half-written or altered")
