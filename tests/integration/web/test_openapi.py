"""The interface answers as its description says, whatever is sent: every endpoint, good and bad input, no own fault.

schemathesis draws the requests from the description, so that a new endpoint is covered as soon as it is in it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from inspect_pipeline.domain.people import Permission
from tests.fakes.registry import InMemoryRegistry
from tests.integration.web.site import HOST, Site, opened_site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BUDGET_S = 8.0
EXAMPLES = 4


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose registry is in memory: MLflow's takes longer to open than this test may take."""
    with opened_site(tmp_path_factory.mktemp("site")) as opened:
        opened.bench.house.__dict__["registry"] = InMemoryRegistry()
        yield opened


def drawn(operation: APIOperation, mode: GenerationMode, *, turn: int, send: Callable[[Case], None]) -> None:
    """Send a few requests for an operation; the same turn draws the same ones."""

    @seed(turn)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def sent(case: Case) -> None:
        send(case)

    sent()


def test_every_endpoint_answers_as_described_to_good_and_to_bad_input(site: Site) -> None:
    machine = site.machine(*Permission, name="schemathesis")
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", site.app, headers={"host": HOST})
    operations = [found.ok() for found in schema.get_all_operations()]
    statuses: dict[str, set[int]] = {}

    def send(case: Case) -> None:
        answer = case.call(base_url=f"https://{HOST}", headers=machine)
        statuses.setdefault(case.operation.label, set()).add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    turn, end = 0, time.monotonic() + BUDGET_S
    while turn == 0 or time.monotonic() < end:  # every endpoint at least once, however many there are
        for operation in operations:
            if turn and time.monotonic() > end:
                break
            drawn(operation, GenerationMode.POSITIVE, turn=turn, send=send)
            with suppress(Unsatisfiable):  # what takes no input can get no bad one
                drawn(operation, GenerationMode.NEGATIVE, turn=turn, send=send)
        turn += 1

    assert set(statuses) == {operation.label for operation in operations}
    assert len(statuses) >= 10
    assert {label for label, seen in statuses.items() if seen <= {401, 403}} == set(), "the machine may do everything"
