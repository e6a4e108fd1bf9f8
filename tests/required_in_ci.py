"""A pytest plugin: with ``CI=true``, a skip that hides a required test is a failure.

Tests that need PostgreSQL, chromium, MLflow or Prefect carry the mark ``required_in_ci``. A whole module that skips
while it is collected never shows its marks, so under CI that is a failure too: skip in a fixture or by a mark instead.
"""

import os
from collections.abc import Generator

import pytest


def _skips_fail() -> bool:
    return os.environ.get("CI", "").casefold() == "true"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    report.outcome = "failed"
    report.longrepr = f"skipped, but required under CI=true: {_reason(report)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    required = item.get_closest_marker("required_in_ci") is not None
    if required and _skips_fail() and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _skips_fail() and report.skipped:
        _fail(report)
    return report
