"""The numbers of the issue against a real broker: texts of megabytes cost no claim, and hold up no good run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from harness import running

from sagaline import RunError, activity, workflow
from sagaline._log import COMMANDS, HISTORY, Log, open_log
from sagaline._model.codec import decode, encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, Claim


@activity
async def fails_with(size: int) -> None:
    raise RuntimeError("x" * size)


@activity(timeout="1h")
async def waits() -> None:
    await asyncio.sleep(3_000)


@workflow
async def calls(size: int) -> None:
    await fails_with(size)


@workflow
async def parks(size: int) -> None:
    raise LookupError("y" * size)


@workflow
async def open_run() -> None:
    await waits()


@workflow
async def good(number: int) -> int:
    return number


async def claims(log: Log) -> list[int]:
    found: list[int] = []
    for number in range(log.partitions):
        start, end = await log.bounds(HISTORY, number)
        records = [record async for batch in log.read(HISTORY, number, start, end) for record in batch]
        values: list[Any] = [decode(record.value) for record in records if record.value is not None]
        found.append(sum(isinstance(value, Claim) for value in values))
    return found


@pytest.mark.kafka
async def test_texts_of_megabytes_cost_no_claim_and_hold_up_no_good_run(kafka_url: str) -> None:
    async with running(kafka_url, [calls, parks, open_run, good], [fails_with, waits]) as (worker, client):
        await worker._host.wait_live(2)
        failing = await client.start(calls, 5_000_000, id="calls")
        parked = await client.start(parks, 2_000_000, id="parks")
        opened = await client.start(open_run, id="open")
        log = open_log(kafka_url)
        await log.open(create=False)
        cancel = encode(CancelRun("cancel", "open", "x" * 500_000))
        log.publish(COMMANDS, partition_of("open", log.partitions), b"open", cancel)
        assert await asyncio.gather(*(client.execute(good, n, id=f"good-{n}") for n in range(40))) == list(range(40))
        with pytest.raises(RunError) as cancelled:
            await opened.result(30)
        assert cancelled.value.status == "cancelled"
        async with asyncio.timeout(30):
            while (await parked.describe()).status != "parked":
                await asyncio.sleep(0.05)
            while not (steps := (await failing.describe()).waits_for):
                await asyncio.sleep(0.05)
        assert steps
        assert await claims(log) == [1, 1]
        await log.close()
