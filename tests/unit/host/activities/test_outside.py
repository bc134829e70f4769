"""Activities whose outcome comes from outside, by the public API: completed, failed, timed out, refused."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import pytest
from harness import running

from sagaline import ActivityError, InvalidInput, RequestRefused, Retry, activity, workflow
from sagaline.errors import RunError

tokens: list[str] = []
details: list[object] = []


@activity(timeout="5m", retry=Retry(attempts=3, first_interval="1ms"))
async def ask_a_person(question: str) -> int:
    details.append(activity.heartbeat_details(str))
    tokens.append(activity.info().token)
    activity.complete_later()


@workflow
async def asks() -> int:
    return await ask_a_person("how many?")


@dataclass
class Counted:
    count: int


@activity(timeout="5m")
async def count_by_hand() -> Counted:
    tokens.append(activity.info().token)
    activity.complete_later()


@workflow
async def counts() -> int:
    return (await count_by_hand()).count


@activity(timeout="50ms", retry=Retry(attempts=2, first_interval="1ms"))
async def ask_nobody() -> int:
    tokens.append(activity.info().token)
    activity.complete_later()


@workflow
async def asks_nobody() -> str:
    try:
        await ask_nobody()
    except ActivityError as error:
        return f"{error.failure.cause.type if error.failure.cause else error.failure.type}: {error}"
    return "no"


@pytest.fixture
def url() -> str:
    tokens.clear()
    details.clear()
    return f"memory://o{uuid.uuid4().hex}?partitions=1"


async def token(count: int) -> str:
    while len(tokens) < count:
        await asyncio.sleep(0.001)
    return tokens[count - 1]


async def test_somebody_outside_completes_it_once(url: str) -> None:
    async with running(url, [asks], [ask_a_person]) as (_, client):
        handle = await client.start(asks, id="w")
        first = await token(1)
        await client.heartbeat_activity(first, "on its way")
        await client.fail_activity(first, "the line is busy")
        second = await token(2)
        assert details == [None, "on its way"], "the next attempt is told how far it was"
        with pytest.raises(RequestRefused, match="attempt 2 has another token") as expired:
            await client.complete_activity(first, 7)
        assert expired.value.type == "TokenExpired"
        with pytest.raises(InvalidInput):
            await client.complete_activity("nonsense", 7)
        await client.complete_activity(second, 7, activity=ask_a_person)
        assert await handle.result(60) == 7
        with pytest.raises(RequestRefused) as used:
            await client.complete_activity(second, 8)
        assert used.value.type in ("TokenUsed", "RunEnded")
        history = [event.type for event in await handle.history()]
        assert history.count("outcome received") == 2


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"count": "many"}, r"count.*got 'many'|count.*many"),
        ({}, "count"),
        ("seven", "Expected"),
    ],
)
async def test_a_result_that_does_not_fit_is_refused_with_its_field_and_the_run_goes_on(
    url: str, value: object, says: str
) -> None:
    async with running(url, [counts], [count_by_hand]) as (_, client):
        handle = await client.start(counts, id="w")
        with pytest.raises(RequestRefused, match=says) as refused:
            await client.complete_activity(await token(1), value)
        assert refused.value.type == "InvalidInput"
        await client.complete_activity(await token(1), {"count": 7})
        assert await handle.result(60) == 7
        assert "run parked" not in [event.type for event in await handle.history()]


async def test_a_failure_that_is_final_fails_the_activity(url: str) -> None:
    async with running(url, [asks], [ask_a_person]) as (_, client):
        handle = await client.start(asks, id="w")
        await client.fail_activity(await token(1), "nobody there", type="Nobody", retryable=False)
        with pytest.raises(RunError, match="nobody there"):
            await handle.result(60)


async def test_the_time_of_an_attempt_goes_on_and_each_has_its_own_token(url: str) -> None:
    async with running(url, [asks_nobody], [ask_nobody]) as (_, client):
        handle = await client.start(asks_nobody, id="w")
        assert "did not end within 0.05 s (attempt 2)" in await handle.result(60)
        assert len(set(tokens)) == 2
