"""Runs where everything is encrypted: each way that a payload takes, and the move from plain to encrypted."""

from __future__ import annotations

import asyncio
import os
import uuid

import msgspec
import pytest
from harness import eventually_async, eventually_status, make_namespace, running
from sealing import encrypted

from sagaline import Client, activity, workflow
from sagaline._host.runs.sealing import place_of
from sagaline._log import HISTORY, open_log
from sagaline._model.codec import decode
from sagaline._model.events import ActivityCompleted
from sagaline._model.records import History
from sagaline._payloads import Sealer
from sagaline.payloads import Payloads

KEY = os.urandom(32)
failing = [False]


@pytest.fixture
def url() -> str:
    failing[0] = False
    return f"memory://e{uuid.uuid4().hex}?partitions=1"


@activity
async def double(text: str) -> str:
    return text * 2


@workflow
async def twice_a_day(text: str) -> str:
    first = await double(text)
    await asyncio.sleep(1.5)
    if failing[0]:
        raise LookupError("a bug")
    return first + await double(text)


async def test_a_run_goes_on_after_eviction_restart_parking_and_a_repeated_start(url: str) -> None:
    """Its history is opened again each time; nothing that was opened once is taken for plain from the log."""
    payloads = encrypted(k1=KEY)
    failing[0] = True
    async with running(url, [twice_a_day], [double], payloads=payloads) as (_, client):
        first = await client.start(twice_a_day, "ab", id="w")
        second = await client.start(twice_a_day, "ab", id="w")
        assert first.run_id == second.run_id, "the same input, sealed anew, is the same"
        await eventually_status(first, "parked")
    failing[0] = False
    async with running(url, [twice_a_day], [double], payloads=payloads) as (_, client):
        assert await client.handle("w").result(20) == "abababab"
        assert (await client.handle("w").describe()).result == "abababab"
        shown = [event.details for event in await client.handle("w").history()]
        assert [one["result"] for one in shown if "result" in one] == ["abab", "abab", "abababab"]
        assert [one["input"] for one in shown if "input" in one] == [["ab"], ["ab"], ["ab"]]


async def test_a_namespace_moves_from_plain_to_encrypted_with_runs_under_way(url: str) -> None:
    await make_namespace(url)
    async with running(url, [twice_a_day], [double]) as (_, client):
        await client.start(twice_a_day, "ab", id="before")

        async def sleeps() -> bool:
            return [step.kind for step in (await client.handle("before").describe()).waits_for] == ["timer"]

        await eventually_async(sleeps)
    async with running(url, [twice_a_day], [double], payloads=encrypted(k1=KEY)) as (_, client):
        handle = client.handle("before")
        await eventually_status(handle, "parked")
        found = await handle.describe()
        assert found.failure is not None
        assert "allow_plain=True" in found.failure.message
    migrating = encrypted(k1=KEY, allow_plain=True)
    async with running(url, [twice_a_day], [double], payloads=migrating) as (_, client):
        assert await client.handle("before").result(20) == "abababab"
        assert await client.execute(twice_a_day, "c", id="after") == "cccc"


async def test_a_result_that_was_moved_to_another_step_parks_the_run(url: str) -> None:
    """Whoever can write to history but has no key: the ciphertexts of two runs, one in the place of the other."""
    payloads = encrypted(k1=KEY)
    async with running(url, [twice_a_day], [double], payloads=payloads) as (_, client):
        for text in ("a", "b"):
            await client.start(twice_a_day, text, id=f"run-{text}")
        await client.handle("run-a").result(20)
        await client.handle("run-b").result(20)
    log = open_log(url)
    await log.open()
    records = [
        decode(record.value)
        async for batch in log.read(HISTORY, 0, *(await log.bounds(HISTORY, 0)))
        for record in batch
        if record.value is not None
    ]
    await log.close()
    results = [
        (record.run_id, event)
        for record in records
        if isinstance(record, History)
        for event in record.events
        if isinstance(event, ActivityCompleted)
    ]
    assert len(results) == 4
    sealer = Sealer(payloads)
    opened = 0
    for run_id, event in results:
        for other_id, other in results:
            moved = msgspec.structs.replace(event, result=other.result)
            try:
                sealer.open(place_of(run_id, moved), moved.result)
            except Exception as error:
                assert "not what was encrypted for this place" in str(error)
            else:
                opened += 1
                assert (run_id, event.step) == (other_id, other.step)
    assert opened == 4


async def test_a_reader_without_the_option_is_told_what_it_is(url: str) -> None:
    async with running(url, [twice_a_day], [double], payloads=Payloads()) as (_, client):
        await client.execute(twice_a_day, "ab", id="plain")
        async with await Client.connect(url, payloads=encrypted(k1=KEY)) as strict:
            with pytest.raises(Exception, match="allow_plain=True"):
                await strict.handle("plain").result()
            shown = [event.details for event in await strict.handle("plain").history()]
            assert "bytes that are not read here" in str(shown[0]["input"])
