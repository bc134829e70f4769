"""A host on a log in memory and a virtual clock, driven by records and read by records."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from sagaline import Activity, Workflow
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._host.process import Process
from sagaline._log import COMMANDS, HISTORY, REPLIES
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._model.codec import decode, encode
from sagaline._model.keys import partition_of
from sagaline._model.records import Claim, ReadRun, Reply, StartRun
from sagaline._runtime.definitions import Registry
from sagaline._store import Stores
from sagaline._store.memory import MemoryStores

_numbers = itertools.count(1)


def registry_of(workflows: Sequence[Workflow[Any, Any]], activities: Sequence[Activity[Any, Any]]) -> Registry:
    """What a worker registers."""
    return Registry([workflow.definition for workflow in workflows], [activity.definition for activity in activities])


def options_of(member_id: str = "w", **options: Any) -> HostOptions:
    """Options on the clock of the loop that runs."""
    loop = asyncio.get_running_loop()
    return HostOptions(member_id, clock=lambda: int(loop.time() * 1_000), **options)


class VirtualHost:
    """``requests`` are answered by the host, or not."""

    def __init__(self, log: MemoryLog, host: Host) -> None:
        self.log, self.host = log, host

    def records(self, topic: str, partition: int) -> list[Any]:
        """What stands on a topic, decoded; tombstones left out."""
        records = self.log._broker.records.get((topic, partition), [])
        return [decode(record.value) for record in records if record.value is not None]

    def claims(self) -> list[int]:
        """Claims, by partition."""
        partitions = range(self.log.partitions)
        return [sum(isinstance(r, Claim) for r in self.records(HISTORY, number)) for number in partitions]

    def command(self, workflow_id: str, request: Any) -> None:
        """Writes a command, past all faults."""
        partition = partition_of(workflow_id, self.log.partitions)
        self.log._broker.write(COMMANDS, partition, workflow_id.encode(), encode(request))

    def answers(self, request_id: str) -> list[Reply]:
        """Answers to a request so far."""
        replies = self.records(REPLIES, 0)
        return [reply for reply in replies if isinstance(reply, Reply) and reply.request_id == request_id]

    async def answer(self, request_id: str, limit_s: float = 120) -> Reply:
        """The first answer to a request."""
        async with asyncio.timeout(limit_s):
            while not (answers := self.answers(request_id)):
                await asyncio.sleep(max(0.05, limit_s / 1_000_000))  # days are looked at more seldom
        return answers[0]

    def start(self, workflow: Workflow[Any, Any], workflow_id: str, *args: Any, **fields: Any) -> str:
        """Asks for a run, to be answered at its end; returns the request id."""
        payload = workflow.definition.signature.encode_input(args, {})
        name, request_id = workflow.definition.name, f"start-{next(_numbers)}"
        request = StartRun(request_id, workflow_id, name, payload, "client", 0, "closed")
        request = msgspec.structs.replace(request, **fields)
        self.command(workflow_id, request)
        return request.request_id

    async def run(self, workflow: Workflow[Any, Any], workflow_id: str, *args: Any, **fields: Any) -> Reply:
        """The end of a run."""
        return await self.answer(self.start(workflow, workflow_id, *args, **fields))

    async def read(self, workflow_id: str, what: str = "description") -> Reply:
        """The answer to a question; asked again, as clients do, when it does not come."""
        async with asyncio.timeout(120):
            while True:
                request_id = f"read-{next(_numbers)}"
                self.command(workflow_id, ReadRun(request_id, workflow_id, what, "client", 0))
                for _ in range(100):
                    if answers := self.answers(request_id):
                        return answers[0]
                    await asyncio.sleep(0.05)


async def eventually(condition: Callable[[], Any], limit_s: float = 300) -> None:
    """Waits, on the virtual clock."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def virtual_host(
    registry: Registry,
    options: HostOptions,
    *,
    log: MemoryLog | None = None,
    stores: Stores | None = None,
    partitions: int = 1,
    process: Process | None = None,
) -> AsyncIterator[VirtualHost]:
    """A host that is started, and stopped at the end."""
    log = log or MemoryLog(parse_url(f"memory://virtual{next(_numbers)}?partitions={partitions}"))
    await log.open()
    host = Host(log, stores or MemoryStores(), registry, options, process)
    await host.start()
    try:
        yield VirtualHost(log, host)
    finally:
        await host.stop()
