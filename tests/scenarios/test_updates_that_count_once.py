"""Scenario 6, of one id: fifty updates count once and refused ones leave nothing, in each mode."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from asyncio_zoo import cut_after
from harness import events_of, make_namespace, running

from sagaline import ApplicationError, Client, RequestRefused, activity, workflow
from sagaline._log.memory.log import _brokers
from sagaline._log.topics import HISTORY
from sagaline._model.events import ActivityScheduled, UpdateAccepted

effects: set[str] = set()


@activity
async def book(amount: int) -> int:
    effects.add(activity.info().idempotency_key)
    return amount


@workflow
class Till:
    def __init__(self) -> None:
        self.total = 0
        self.closed = asyncio.Event()

    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.total += await book(amount)
        return self.total

    @deposit.validator
    def check_deposit(self, amount: int) -> None:
        if amount <= 0:
            raise ApplicationError("Expected a positive amount.", type="NotPositive")

    @workflow.signal
    def close(self) -> None:
        self.closed.set()

    @workflow.run
    async def run(self) -> int:
        await self.closed.wait()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.total


async def send_all(client: Client) -> None:
    till = await client.start(Till.run, id="till")
    for _ in range(2):
        with pytest.raises(RequestRefused) as refusal:
            await till.execute_update(Till.deposit, 0)
        assert refusal.value.type == "NotPositive"
    answers = await asyncio.gather(*(till.execute_update(Till.deposit, 5, id="same") for _ in range(50)))
    assert answers == [5] * 50
    await till.signal(Till.close)


async def check_counted_once(client: Client) -> None:
    till = client.handle("till")
    assert await till.result(30) == 5
    assert await till.execute_update(Till.deposit, 5, id="same") == 5
    events = await events_of(client, "till")
    assert sum(isinstance(event, UpdateAccepted) for event in events) == 1
    assert sum(isinstance(event, ActivityScheduled) for event in events) == 1
    assert len(effects) == 1


@pytest.mark.parametrize("replay_always", [False, True])
async def test_on_every_log(log_url: str, replay_always: bool) -> None:
    effects.clear()
    async with running(log_url, [Till], [book], replay_always=replay_always) as (_, client):
        await send_all(client)
        await check_counted_once(client)


async def test_after_a_crash_at_every_record() -> None:
    effects.clear()
    name = f"till{uuid.uuid4().hex}"
    async with running(f"memory://{name}?partitions=1", [Till], [book]) as (_, client):
        await send_all(client)
        await check_counted_once(client)
    whole = next(broker for (place, _), broker in _brokers.items() if place == name)
    lengths = range(1, len(whole.records[HISTORY, 0]))
    assert len(lengths) >= 4
    for length in lengths:
        url = f"memory://{name}-{length}?partitions=1"
        await make_namespace(url)
        copy = next(broker for (place, _), broker in _brokers.items() if place == f"{name}-{length}")
        cut_after(whole, copy, length)
        async with running(url, [Till], [book]) as (_, client):
            await check_counted_once(client)
