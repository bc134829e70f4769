"""Retry policies are checked where they are written."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaline import ConfigurationError, Retry
from sagaline._model.limits import ATTEMPTS

HERE = Path(__file__).name


RETRIES: list[tuple[dict[str, Any], str]] = [
    ({"attempts": 1.5}, "attempts to be a whole number from 0"),
    ({"attempts": True}, "attempts to be a whole number"),
    ({"attempts": -1}, "attempts to be a whole number"),
    ({"attempts": ATTEMPTS + 1}, "attempts to be a whole number"),
    ({"coefficient": math.nan}, "coefficient to be a number from 1"),
    ({"coefficient": math.inf}, "coefficient to be a number from 1"),
    ({"coefficient": 0.5}, "coefficient to be a number from 1"),
    ({"coefficient": 10**400}, "coefficient to be a number from 1"),
    ({"coefficient": "2"}, "coefficient to be a number from 1"),
    ({"first_interval": 0}, "first_interval to be above zero"),
    ({"first_interval": "2m", "maximum_interval": "1m"}, "maximum_interval not below the first_interval"),
    ({"maximum_interval": math.inf}, "maximum_interval of at most 100 years"),
    ({"non_retryable": "ValueError"}, "non_retryable to be a list"),
    ({"non_retryable": ValueError}, "non_retryable to be a list"),
    ({"non_retryable": [5]}, "non_retryable to be exception classes, or names"),
    ({"non_retryable": [""]}, "non_retryable to be exception classes, or names"),
    ({"non_retryable": ["x" * 300]}, "non_retryable to be exception classes, or names"),
    ({"non_retryable": [int]}, "non_retryable to be exception classes, or names"),
    ({"non_retryable": ["x"] * 101}, "at most 100"),
]


@pytest.mark.parametrize(("options", "message"), RETRIES, ids=[str(options)[:40] for options, _ in RETRIES])
def test_a_retry_that_cannot_work_is_refused_with_the_place(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        Retry(**options)
    assert HERE in str(raised.value)


def test_what_a_retry_says_as_data() -> None:
    class Declined(Exception):
        pass

    policy = Retry(3, timedelta(minutes=2), 1, non_retryable=[ValueError, "card.declined", Declined]).policy()
    assert (policy.attempts, policy.first_interval_ms, policy.coefficient) == (3, 120_000, 1.0)
    assert policy.maximum_interval_ms == 120_000
    assert policy.non_retryable[:2] == ("builtins.ValueError", "card.declined")
    assert policy.non_retryable[2].endswith("<locals>.Declined")
    assert Retry().policy().maximum_interval_ms == 60_000
    assert Retry() == Retry()
