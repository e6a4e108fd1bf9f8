"""The door of a run: the one place where flows open the house."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.environment import Place, current_place
from flows.progress import LoggedProgress
from inspect_pipeline.domain.records import Progress

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from inspect_pipeline.bootstrap.house import House


class Door:
    """An open house and its place. No dataclass, so that Prefect hands it to a task without looking inside."""

    def __init__(self, *, house: "House", place: Place) -> None:
        self.house = house
        self.place = place

    def turn(self, subject: str) -> "AbstractContextManager[bool]":
        """Give whether this run has the turn on the subject, among all that work on the house's catalog.

        Nothing depends on it for correctness: rows are unique on their keys. It saves a second run the work.
        """
        return self.house.turn(subject)


def open_house_for(place: Place, *, progress: Progress) -> "House":
    """Return the open house of a place. Tests put a small fake here."""
    from inspect_pipeline.bootstrap.house import open_house
    from inspect_pipeline.settings import load_settings

    settings = load_settings(place.workspace, folder=place.config_dir, environment=os.environ)
    return open_house(settings, progress=progress)


@contextmanager
def door_of_this_run() -> Iterator[Door]:
    """Give the door of the place this process was started for; the house is closed when the block ends."""
    place = current_place()
    with open_house_for(place, progress=LoggedProgress()) as house:
        yield Door(house=house, place=place)
