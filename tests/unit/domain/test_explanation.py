"""An explanation goes through JSON unchanged and holds finite numbers only."""

import json
import math

import pytest

from inspect_pipeline.domain.explanation import Explanation, NamedBy, Neighbour
from inspect_pipeline.errors import BadDataError

WHOLE = Explanation(
    anomaly=1.4,
    type_score=2.25,
    channel="scratch",
    named_by=NamedBy.REGION,
    nearest_type="scratch",
    margin=0.5,
    distance=0.4,
    limit=0.75,
    neighbours=(Neighbour(label="l-1", defect_type="scratch", distance=0.3),),
    contribution={"context": 0.75, "window": 0.25, "patches": 0.0},
    note="too many",
)


@pytest.mark.parametrize(
    "explanation", [WHOLE, Explanation(anomaly=1.2, type_score=None, channel=None, named_by=NamedBy.CHANNEL)]
)
def test_an_explanation_that_went_through_json_is_the_same(explanation: Explanation) -> None:
    assert Explanation.from_document(json.loads(json.dumps(explanation.to_document()))) == explanation


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(BadDataError, match="must be finite"):
        Explanation(anomaly=math.nan, type_score=None, channel=None, named_by=NamedBy.CHANNEL)


def test_a_damaged_document_is_refused_in_one_line() -> None:
    with pytest.raises(BadDataError, match="damaged"):
        Explanation.from_document({**WHOLE.to_document(), "named_by": "guess"})
