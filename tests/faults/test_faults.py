"""The process is killed at every step of approve → execute → receipt, and no refund is lost or doubled."""

import pytest
from tests.faults.harness import run, split

DRAIN_SECONDS = 60.0


@pytest.mark.slow
def test_two_thousand_kills_lose_and_double_nothing(tmp_path):
    report = run(split(1500, "embedded", 2) + split(500, "slow", 2), tmp_path)
    assert report.problems == ()
    assert report.kills == 2000
    assert report.slowest_drain_seconds < DRAIN_SECONDS
    assert report.failpoints >= 60
    assert report.refunds > 500
    # The embedded shop always answers in the end; only the slow provider may leave something to a person.
    assert report.actions["succeeded"] == report.refunds


@pytest.mark.slow
def test_kills_on_postgresql_lose_and_double_nothing(tmp_path, postgres):
    report = run(split(150, "embedded", 2) + split(50, "slow", 1), tmp_path, database_url=postgres.admin)
    assert report.problems == ()
    assert report.kills == 200
    assert report.slowest_drain_seconds < DRAIN_SECONDS
    assert report.failpoints >= 40
    assert report.refunds > 30
    assert report.actions["succeeded"] == report.refunds


@pytest.mark.slow
def test_the_harness_sees_a_shop_that_forgets_keys(tmp_path):
    """Else the test above could not fail."""
    report = run(split(200, "forgetful", 1), tmp_path)
    assert any("refunded" in problem or "unknown key" in problem for problem in report.problems)
