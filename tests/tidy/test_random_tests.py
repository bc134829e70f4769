"""Tests with random examples know no time: a machine that is busy with other things must not fail them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def test_slow_examples_fail_no_test() -> None:
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
