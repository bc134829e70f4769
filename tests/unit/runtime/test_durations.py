"""The one parser of durations: what it takes, what it refuses, and that its bounds hold for anything."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_names import without_address

from sagaline import ConfigurationError
from sagaline._model.limits import DURATION_MS
from sagaline._runtime.durations import milliseconds, seconds


@pytest.mark.parametrize(
    ("duration", "expected_ms"),
    [
        ("250ms", 250),
        ("10s", 10_000),
        (" 1.5 m ", 90_000),
        ("2h", 7_200_000),
        ("3d", 259_200_000),
        ("36500d", DURATION_MS),
        ("90", 90_000),
        (10, 10_000),
        (0.25, 250),
        (1e-9, 1),
        (timedelta(minutes=2), 120_000),
        (timedelta(microseconds=1), 1),
    ],
)
def test_a_duration_can_be_written_in_three_ways(duration: Any, expected_ms: int) -> None:
    assert milliseconds(duration) == expected_ms
    assert seconds(duration) == expected_ms / 1_000


@pytest.mark.parametrize(
    "duration",
    [
        *("", "10 parsecs", "-5s", "1e3s", "nan", "inf", "s", "1h30m", "٣s", "9" * 400 + "s", "10s\x00"),
        *(0, -1, -0.001, float("nan"), float("inf"), float("-inf"), 10**400, 1e300, 3_153_600_001, True, False),
        *(timedelta(0), timedelta(days=-1), timedelta.max, timedelta.min),
        *(None, b"10s", Decimal(1), [10], object()),
    ],
    ids=lambda value: without_address(value)[:30] if not isinstance(value, int) or value < 10**30 else "10**400",
)
def test_what_is_no_duration_or_out_of_bounds_is_refused_in_words(duration: Any) -> None:
    with pytest.raises(ConfigurationError, match="Expected the timeout ") as raised:
        milliseconds(duration, "the timeout")
    assert len(str(raised.value)) < 400


def test_zero_is_a_duration_where_it_is_allowed() -> None:
    assert milliseconds(0, least_ms=0) == milliseconds("0s", least_ms=0) == 0
    assert milliseconds(0.0001, least_ms=0) == 1
    with pytest.raises(ConfigurationError, match="at least 100 ms"):
        milliseconds("50ms", least_ms=100)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.timedeltas(), st.decimals(), st.binary(), st.booleans()))
def test_whatever_it_takes_is_within_the_bounds(duration: Any) -> None:
    try:
        found = milliseconds(duration)
    except ConfigurationError:
        return
    assert type(found) is int
    assert 1 <= found <= DURATION_MS
