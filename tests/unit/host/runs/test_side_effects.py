"""Side effects through a worker: they run once, whatever becomes of the worker, and their results are payloads."""

from __future__ import annotations

import os
import uuid

from harness import events_of, eventually_status, running
from scenario_book import effect
from sealing import encrypted
from three_modes import Code, in_each_mode

from sagaline import Client, activity, workflow
from sagaline._model import events as e

called: list[int] = []


@activity
async def use(text: str) -> str:
    effect()
    return text.upper()


@workflow
async def signs() -> str:
    def key() -> str:
        called.append(1)
        return "key"

    first = workflow.side_effect(key)
    return await use(first) + await use(workflow.side_effect(key, name="other"))


def test_a_kill_after_each_record_and_replay_call_none_again() -> None:
    called.clear()

    async def scenario(client: Client) -> str:
        return await client.execute(signs, id="w")

    outcomes = in_each_mode(Code([signs], [use]), scenario)
    assert len(outcomes) == 5, "normal, cache of zero, and three records"
    assert len(called) == 2 * len(outcomes)


@workflow
async def large() -> int:
    """More than fits into one record, and then the code of a bug."""

    def page() -> str:
        called.append(1)
        return "x" * 400_000

    length = sum(len(workflow.side_effect(page)) for _ in range(4))
    await workflow.sleep("1ms")
    if broken[0]:
        raise LookupError("a bug")
    return length


broken = [False]


async def test_results_of_several_records_are_there_when_the_code_is_replayed() -> None:
    url = f"memory://{uuid.uuid4().hex}?partitions=1"
    called.clear()
    broken[0] = True
    async with running(url, [large]) as (_, client):
        handle = await client.start(large, id="w")
        await eventually_status(handle, "parked")
    broken[0] = False
    async with running(url, [large], replay_always=True) as (_, client):
        assert await client.handle("w").result(20) == 1_600_000
    assert len(called) == 4


async def test_what_they_return_is_sealed() -> None:
    url = f"memory://{uuid.uuid4().hex}?partitions=1"
    payloads = encrypted(k1=os.urandom(32))

    @workflow
    async def knows() -> bool:
        secret = workflow.side_effect(lambda: "the secret")
        await workflow.sleep("1ms")
        return secret == "the secret"

    async with running(url, [knows], payloads=payloads, replay_always=True) as (_, client):
        assert await client.execute(knows, id="w") is True
        (recorded,) = [event for event in await events_of(client, "w") if isinstance(event, e.SideEffectRecorded)]
        assert b"secret" not in recorded.result
        (shown,) = [event for event in await client.handle("w").history() if event.type == "side effect recorded"]
        assert shown.details == {"step": 1, "name": "<lambda>", "result": "the secret"}
