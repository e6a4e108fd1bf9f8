"""What services and adapters hand to each other cannot be changed or misread on the way."""

import importlib
import inspect
import pkgutil
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from inspect_pipeline import domain
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.domain.records import LabelledImage, StageRun

# Followers of a stream: to remember what came before is what they are for. Slotted and keyword-only all the same.
FOLLOWERS = frozenset({"Continuity", "EdgeFollower", "EncoderLines", "Runs", "StripFollower", "Unwrapped"})


def domain_dataclasses() -> list[type]:
    modules = [importlib.import_module(f"{domain.__name__}.{m.name}") for m in pkgutil.iter_modules(domain.__path__)]
    return [
        each
        for module in modules
        for _, each in inspect.getmembers(module, inspect.isclass)
        if is_dataclass(each) and each.__module__ == module.__name__
    ]


def loosenesses(each: type) -> list[str]:
    """Return what is missing of frozen, slots and keyword-only."""
    parameters = each.__dataclass_params__  # type: ignore[attr-defined] # every dataclass has it
    found = [] if parameters.frozen else ["not frozen"]
    found += [] if "__slots__" in vars(each) else ["no slots"]
    return found + ([] if all(field.kw_only for field in fields(each)) else ["not keyword-only"])


@pytest.mark.parametrize("each", domain_dataclasses(), ids=lambda each: each.__name__)
def test_a_domain_object_is_frozen_slotted_and_keyword_only(each: type) -> None:
    assert loosenesses(each) == (["not frozen"] if each.__name__ in FOLLOWERS else [])


def test_a_loose_dataclass_would_be_found() -> None:
    @dataclass
    class Loose:
        name: str

    assert loosenesses(Loose) == ["not frozen", "no slots", "not keyword-only"]


def test_frames_with_equal_pixels_are_still_two_frames() -> None:
    assert Frame.__eq__ is object.__eq__


def test_a_labelled_image_is_read_only_when_asked() -> None:
    loaded: list[str] = []

    def load() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        loaded.append("read")
        return np.zeros((2, 2), np.uint8)

    image = LabelledImage(family="steel", class_name="scratch", group="sheet-1", source="a.png", load=load)
    assert (loaded, image.boxes, image.load_mask) == ([], (), None)
    image.load()
    assert loaded == ["read"]


def test_a_recorded_stage_cannot_be_rewritten() -> None:
    run = StageRun(stage="score", started_at=datetime(2024, 1, 1, tzinfo=UTC), seconds=1.5)
    with pytest.raises(FrozenInstanceError):
        run.seconds = 0.1  # type: ignore[misc] # the case
    assert dict(run.detail) == {}
