"""Code that was told to stop a moment ago may clean up, also when its worker stops."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from harness import running

from sagaline import ApplicationError, Retry, RunError, activity, workflow

begun = asyncio.Event()
cleaned: list[str] = []


@activity(retry=Retry(attempts=1))
async def works() -> None:
    begun.set()
    try:
        await asyncio.sleep(3_600)
    finally:
        for _ in range(20):  # turns of the loop, as the end of a process takes
            await asyncio.sleep(0.005)
        cleaned.append("works")


@activity(retry=Retry(attempts=1))
async def fails() -> None:
    await begun.wait()
    raise ApplicationError("no", retryable=False)


@workflow
async def both() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(works())
        group.create_task(fails())


async def test_what_nobody_hears_any_more_still_ends_what_it_has_begun() -> None:
    async with running(f"memory://c{uuid.uuid4().hex}?partitions=1", [both], [works, fails]) as (_, client):
        handle = await client.start(both, id="b")
        with pytest.raises(RunError):
            await handle.result(30)
    assert cleaned == ["works"]
