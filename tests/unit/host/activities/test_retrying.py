"""What an error and its activity say of the next attempt."""

from __future__ import annotations

import pytest
from activity_bench import bench

from sagaline import ApplicationError, ConfigurationError, activity


class Busy(ApplicationError):
    next_delay = "2m"


class Careless(ApplicationError):
    def __init__(self) -> None:
        self.next_delay = "soon"  # behind the constructor's back


@pytest.mark.parametrize(
    ("error", "expected_ms"),
    [
        (ApplicationError("busy", next_delay="90s"), 90_000),
        (ApplicationError("busy", next_delay=0), 0),
        (Busy("busy"), 120_000),
        (ApplicationError("busy"), -1),
        (ValueError("busy"), -1),
        (Careless(), -1),
    ],
    ids=["its own", "at once", "its class's", "none", "not ours", "nonsense"],
)
async def test_an_error_says_when_to_come_back(error: Exception, expected_ms: int) -> None:
    @activity
    async def asks() -> None:
        raise error

    @activity
    def asks_in_a_thread() -> None:
        raise error

    async with bench(asks, asks_in_a_thread) as made:
        made.start(asks)
        made.start(asks_in_a_thread)
        assert [result.next_delay_ms for result in await made.all(2)] == [expected_ms] * 2


def test_a_delay_that_is_none_is_refused_where_it_is_given() -> None:
    with pytest.raises(ConfigurationError, match="next_delay to be seconds"):
        ApplicationError("busy", next_delay="soon")
    with pytest.raises(ConfigurationError, match="next_delay to be above zero"):
        type("Wrong", (ApplicationError,), {"next_delay": -1})


def only_when_busy(error: Exception) -> bool:
    if isinstance(error, KeyError):
        raise RuntimeError("the predicate's own fault")
    return isinstance(error, Busy)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (Busy("busy"), True),
        (ValueError("no"), False),
        (KeyError("no"), True),
        (ApplicationError("no", retryable=False), False),
    ],
    ids=["it says yes", "it says no", "it raises", "not retryable anyway"],
)
async def test_a_predicate_ends_the_attempts(error: Exception, retried: bool, caplog: pytest.LogCaptureFixture) -> None:
    @activity(retry_if=only_when_busy)
    async def asks() -> None:
        raise error

    async with bench(asks) as made:
        made.start(asks)
        assert (await made.failure(1)).retryable is retried
    assert ("expected True or False" in caplog.text) is isinstance(error, KeyError)
