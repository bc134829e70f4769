"""What docs/coming-from-temporal.md says of attempts of activities, a test each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sagaline import ApplicationError, Retry, RunError, activity, workflow
from sagaline.testing import Environment

MakeEnvironment = Callable[..., Environment]


@activity(timeout="50ms", retry=Retry(attempts=1))
async def too_slow() -> None:
    await asyncio.sleep(60)


@workflow
async def waits_too_long() -> None:
    await too_slow()


async def test_an_activity_times_out(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[waits_too_long], activities=[too_slow]) as env:
        with pytest.raises(RunError, match="too_slow"):
            await env.execute(waits_too_long)


@activity(retry=Retry(attempts=3, non_retryable=[ValueError]))
async def flaky(error: str) -> int:
    attempt = activity.info().attempt
    if error == "value":
        raise ValueError("no use")
    if attempt < 3:
        raise ConnectionError("no route")
    return attempt


@workflow
async def tries(error: str) -> int:
    return await flaky(error)


async def test_retries(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[tries], activities=[flaky]) as env:
        assert await env.execute(tries, "connection") == 3
        with pytest.raises(RunError, match="no use"):
            await env.execute(tries, "value")
        assert [call.attempt for call in env.calls(flaky)] == [1, 2, 3, 1]


@activity(retry=Retry(attempts=3), retry_if=lambda error: isinstance(error, ApplicationError))
async def busy(error: str) -> int:
    if error == "value":
        raise ValueError("no use")
    if activity.info().attempt == 1:
        raise ApplicationError("come back in a day", next_delay="1d")
    return activity.info().attempt


@workflow
async def comes_back(error: str) -> float:
    begin = workflow.now()
    await busy(error)
    return (workflow.now() - begin).total_seconds()


async def test_the_next_attempt_is_the_errors_to_say(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[comes_back], activities=[busy]) as env:
        assert 86_400 <= await env.execute(comes_back, "busy") < 86_500
        with pytest.raises(RunError, match="no use"):
            await env.execute(comes_back, "value")
        assert [call.attempt for call in env.calls(busy)] == [1, 2, 1]
