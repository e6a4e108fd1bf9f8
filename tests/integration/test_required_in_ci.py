"""A skip of a required test fails the build, and nothing else changes."""

import pytest

_TESTS = """
import pytest

@pytest.fixture
def server():
    pytest.skip("PostgreSQL binaries not found")

@pytest.mark.required_in_ci
def test_needs_the_server(server): ...

@pytest.mark.required_in_ci
@pytest.mark.skipif(True, reason="no chromium")
def test_is_skipped_by_a_mark(): ...

@pytest.mark.required_in_ci
def test_skips_in_its_body(): pytest.skip("no Prefect")

@pytest.mark.required_in_ci
@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail(): assert False

def test_is_free_to_skip(): pytest.skip("no GPU")
"""


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nmarkers = required_in_ci: required")
    pytester.makepyfile(_TESTS)
    return pytester


def _run(inner: pytest.Pytester) -> pytest.RunResult:
    return inner.runpytest_inprocess("-p", "tests.required_in_ci", "-p", "no:cacheprovider", "-rs")


def test_under_ci_a_skip_of_a_required_test_is_a_failure(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = _run(inner)
    result.assert_outcomes(failed=1, errors=2, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*required under CI=true: Skipped: PostgreSQL binaries not found*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_outside_ci_it_stays_a_skip(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    _run(inner).assert_outcomes(skipped=4, xfailed=1)


def test_under_ci_a_module_that_skips_while_it_is_collected_is_a_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile("import pytest\npytest.skip('no playwright', allow_module_level=True)")
    _run(pytester).assert_outcomes(errors=1)


def test_a_fresh_database_is_empty_and_its_own(postgres_url: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgres_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
