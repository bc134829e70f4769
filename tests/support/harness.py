"""A worker and a client around a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sagaline import Activity, Client, RunHandle, Worker, WorkerOptions, Workflow
from sagaline._log import open_log
from sagaline._model.codec import decode
from sagaline._model.events import Event
from sagaline._model.records import History
from sagaline._payloads import NO_CODECS, Payloads


class Running(NamedTuple):
    """What a test works with."""

    worker: Worker
    client: Client


async def eventually(condition: Callable[[], Any], limit_s: float = 60) -> None:
    """Waits until the condition holds; fails after ``limit_s`` seconds."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


async def eventually_async(condition: Callable[[], Awaitable[Any]], limit_s: float = 60) -> None:
    """As ``eventually``, for a condition that has to be asked for."""
    async with asyncio.timeout(limit_s):
        while not await condition():
            await asyncio.sleep(0.01)


async def eventually_status(handle: RunHandle[Any], status: str) -> None:
    """Waits until the run stands so."""

    async def stands() -> bool:
        return (await handle.describe()).status == status

    await eventually_async(stands)


async def events_of(client: Client, workflow_id: str) -> list[Event]:
    """The run's events as they stand on the log."""
    reads = client._link.reads
    answer = await reads.read(reads.request(workflow_id, "", "history"), 240)
    records = [decode(value) for value in answer.reply.records]
    return [event for record in records if isinstance(record, History) for event in record.events]


async def make_namespace(url: str) -> None:
    """Makes the log of a client that is there before the first worker: clients never make one."""
    log = open_log(url)
    await log.open()
    await log.close()


def state_rows(source: Any) -> dict[bytes, bytes]:
    """All rows of a partition that stand for its history; hints (under ``@``) do not."""
    return {key: value for first in b"abcdefghijklmopqrstuwxyz" for key, value in source.scan(bytes([first]))}


@asynccontextmanager
async def running(
    url: str,
    workflows: Sequence[Workflow[Any, Any] | type[Any]],
    activities: Sequence[Activity[Any, Any]] = (),
    *,
    state_dir: Path | None = None,
    worker_id: str | None = None,
    payloads: Payloads = NO_CODECS,
    **options: Any,
) -> AsyncIterator[Running]:
    """A worker that is live, and a client."""
    made = Worker(
        url,
        workflows=workflows,
        activities=activities,
        state_dir=state_dir,
        id=worker_id,
        options=WorkerOptions(**options),
        payloads=payloads,
    )
    async with made:
        await made.ready()
        async with await Client.connect(url, payloads=payloads) as client:
            yield Running(made, client)
