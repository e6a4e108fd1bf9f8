"""An initialization against the frozen backbone, paired on the same draws."""

from dataclasses import replace

import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.services.detect_comparison import DetectComparison, compare_subjects
from inspect_pipeline.services.detect_draws import DrawSpec
from inspect_pipeline.services.detect_trial import Subject

from .plant import silent
from .shelf import Shelf, subject

SPEC = DrawSpec(shot=3, normals=8, draws=2, seed=5)
DIMS = 464  # of a dense descriptor: two scales


def compared(
    shelf: Shelf, one: Subject, other: Subject, *, shots: tuple[int, ...] = (1, 3), good: int = 24
) -> DetectComparison:
    return compare_subjects(
        shelf.material(good=good, each=9),
        one,
        other,
        SPEC,
        shots=shots,
        model="initialization.default@3",
        trained_on=("steel", "brass"),
        progress=silent,
    )


def test_a_subject_gains_nothing_over_itself(backbone: Backbone) -> None:
    shelf = Shelf()
    found = compared(shelf, subject(backbone), subject(backbone))
    assert [point["shot"] for point in found.points] == [1, 3]
    for point in found.points:
        assert point["figures"]["image_auroc"]["difference"] == {"value": 0.0, "interval": [0.0, 0.0]}
        assert point["figures"]["image_auroc"]["per_draw"] == [0.0, 0.0]
    assert (found.types, found.seen) == (("steel/bar", "steel/spot"), ("steel",))
    assert set(shelf.reads.values()) == {1}  # one trunk: described once for both


def test_a_prior_moves_the_map_and_its_difference_is_paired_draw_by_draw(backbone: Backbone) -> None:
    frozen = subject(backbone)
    direction = torch.randn(DIMS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    narrow = torch.outer(direction, direction) + 1e-6 * torch.eye(DIMS, dtype=torch.float64)
    led = replace(
        frozen, prior=DifferencePrior(covariance=narrow, scatter=torch.eye(DIMS, dtype=torch.float64), strength=1e3)
    )
    figures = compared(Shelf(), led, frozen, shots=(1,)).points[0]["figures"]["aupro"]
    assert figures["difference"]["value"] == pytest.approx(figures["model"]["value"] - figures["against"]["value"])
    assert figures["difference"]["value"] < 0.0
    assert sum(figures["per_draw"]) / 2 == pytest.approx(figures["difference"]["value"])


def test_what_no_type_carries_is_refused(backbone: Backbone) -> None:
    with pytest.raises(BadDataError, match=r"nothing can be compared here: .*5 defect-free images, 8 are asked for"):
        compared(Shelf(), subject(backbone), subject(backbone), good=5)
    with pytest.raises(BadDataError, match="give one or more"):
        compared(Shelf(), subject(backbone), subject(backbone), shots=())
