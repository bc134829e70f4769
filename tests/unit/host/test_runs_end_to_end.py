"""A host, a log in memory and a client: attempts, time-outs, timers, cancellation."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest
from harness import events_of, running
from host_sagas import (
    ACTIVITIES,
    WORKFLOWS,
    attempts,
    keys,
    one,
    one_in_thread,
    sleeps,
    waits,
)

from sagaline import RunError
from sagaline._model import events as e


@pytest.fixture
def url() -> str:
    attempts.clear()
    keys.clear()
    return f"memory://h{uuid.uuid4().hex}?partitions=1"


@pytest.mark.parametrize(
    ("what", "expected", "failure"),
    [
        ("ok", 1, None),
        ("third time", 3, None),
        ("never", 3, "ConnectionError"),
        ("pointless", 1, "Pointless"),
        ("hangs", 3, "Timeout"),
    ],
)
async def test_attempts_follow_the_policy_under_one_key(
    url: str, what: str, expected: int, failure: str | None
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        if failure is None:
            assert await client.execute(one, what, id="w") == what
        else:
            with pytest.raises(RunError) as caught:
                await client.execute(one, what, id="w")
            assert (caught.value.status, caught.value.type) == ("failed", failure)
    assert attempts[what] == expected
    assert len(keys) == 1


async def test_a_thread_that_is_too_slow_times_out_and_its_late_result_is_dropped(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        assert await client.execute(one_in_thread, "quick", id="q") == "quick"
        with pytest.raises(RunError, match=r"did not end within 0\.05 s"):
            await client.execute(one_in_thread, "slow", id="s")
        events = await events_of(client, "s")
        assert sum(isinstance(event, e.ActivityFailed | e.ActivityCompleted) for event in events) == 1


async def test_cancel_rolls_back_and_terminate_does_not(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        for workflow_id in ("cancelled", "terminated"):
            handle = await client.start(waits, id=workflow_id)
            async with asyncio.timeout(10):
                while (await handle.describe()).events < 4:
                    await asyncio.sleep(0.01)
        await client.handle("cancelled").cancel("changed my mind")
        with pytest.raises(RunError, match="changed my mind") as caught:
            await client.handle("cancelled").result(10)
        assert caught.value.status == "cancelled"
        assert attempts["undo a a"] == 1
        await client.handle("terminated").terminate("enough")
        with pytest.raises(RunError) as caught:
            await client.handle("terminated").result(10)
        assert caught.value.status == "terminated"
        assert attempts["undo a a"] == 1


async def test_timers_never_fire_early_and_survive_a_restart(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        assert await client.execute(sleeps, 0.05, id="a") >= 0.05
        began = time.monotonic()
        await client.start(sleeps, 0.5, id="b")
    async with running(url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        assert await client.handle("b").result(10) >= 0.5
        assert time.monotonic() - began >= 0.5


async def test_the_same_id_gives_the_same_run_however_often_it_is_asked_for(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handles = await asyncio.gather(*(client.start(one, "ok", id="w") for _ in range(20)))
        assert len({handle.run_id for handle in handles}) == 1
        assert await asyncio.gather(*(handle.result(10) for handle in handles)) == ["ok"] * 20
        assert await client.execute(one, "ok", id="w") == "ok"
    assert attempts["ok"] == 1
