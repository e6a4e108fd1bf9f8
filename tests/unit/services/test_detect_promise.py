"""Promised against realised, on draws small enough to count."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.services.detect_figures import Series
from inspect_pipeline.services.detect_promise import promise_kept


def part(overkill: Sequence[float], inside: Sequence[float], below: Sequence[float], escape: float = 0.2) -> Series:
    inside_, below_ = np.array(inside), np.array(below)
    own: dict[str, Any] = {
        "overkill": np.array(overkill),
        "recall_in_interval": inside_,
        "recall_below_interval": below_,
        "recall_above_interval": 1.0 - inside_ - below_,
        "stated_recall": np.full(len(overkill), 0.9),
        "stated_low": np.full(len(overkill), 0.3),
        "stated_high": np.full(len(overkill), 1.0),
        "escape": np.full(len(overkill), escape),
    }
    return {"own": own}


def test_every_draw_of_every_part_counts_by_itself() -> None:
    kept = promise_kept(
        [part([0.0, 0.05, 0.1, 0.0], [1, 1, 0, 1], [0, 0, 1, 0]), part([0.2, 0.0, 0.0, 0.02], [1, 1, 1, 0], [0] * 4)],
        promised=0.05,
    )
    overkill, recall = kept["overkill"], kept["recall"]
    assert overkill["within"]["count"] == 6  # exactly the promise is kept
    assert (overkill["within"]["of"], overkill["within"]["value"]) == (8, 0.75)
    assert overkill["value"] == pytest.approx(0.37 / 8)
    assert overkill["p90"] == pytest.approx(np.quantile([0, 0.05, 0.1, 0, 0.2, 0, 0, 0.02], 0.9))
    assert [recall[key]["count"] for key in ("inside", "below", "above")] == [6, 1, 1]
    assert recall["realised"]["value"] == pytest.approx(0.8)
    assert recall["stated"]["value"] == pytest.approx(0.9)
    assert recall["stated_interval"] == pytest.approx([0.3, 1.0])


def test_the_interval_of_a_share_of_draws_is_exact() -> None:
    within = promise_kept([part([0.0] * 10, [1] * 10, [0] * 10)], promised=0.05)["overkill"]["within"]
    assert within["interval"] == pytest.approx([0.6915, 1.0], abs=1e-4)


def test_a_draw_that_states_no_recall_is_not_counted() -> None:
    recall = promise_kept([part([0.0, 0.0], [np.nan, np.nan], [np.nan, np.nan])], promised=0.05)["recall"]
    assert (recall["inside"]["of"], recall["inside"]["value"]) == (0, None)
