"""A worker of a queue on a log in memory and a virtual clock, driven by records and read by records."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from virtual_host import eventually, options_of, registry_of

from sagaline import Activity
from sagaline._host.queues.host import QueueHost
from sagaline._log import DEADLETTERS, RESULTS
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._model.codec import decode, encode
from sagaline._model.records import ActivityResult, CancelTask, Heartbeat, Task
from sagaline._model.tasks import cancel_topic, task_id, task_topic

QUEUE = "gpu"
_numbers = itertools.count(1)


def new_log(partitions: int = 1) -> MemoryLog:
    """A log of its own."""
    return MemoryLog(parse_url(f"memory://queue{next(_numbers)}?partitions={partitions}"))


def task_of(activity: Activity[Any, Any], *args: Any, step: int = 1, attempt: int = 1, **fields: Any) -> Task:
    """The task of an attempt of run "r" of workflow "w"."""
    payload = activity.definition.signature.encode_input(args, {})
    task = Task("w", "r", step, attempt, activity.name, payload, 60_000, f"r/{step}")
    return msgspec.structs.replace(task, **fields)


class QueueBench:
    """``work`` is the worker's own; what it says is on the log."""

    def __init__(self, log: MemoryLog, host: QueueHost) -> None:
        self.log, self.host = log, host

    def send(self, *tasks: Task, partition: int = 0) -> None:
        """Tasks are on the queue's topic."""
        for task in tasks:
            self.raw(task_id(task.run_id, task.step, task.attempt).encode(), encode(task), partition)

    def raw(self, key: bytes, value: bytes | None, partition: int = 0) -> None:
        """Any record is."""
        self.log._broker.write(task_topic(QUEUE), partition, key, value)

    def cancel(self, task: Task) -> None:
        """A task is to stop."""
        record = CancelTask(task.workflow_id, task.run_id, task.step, task.attempt, "enough", 0)
        self.log._broker.write(cancel_topic(QUEUE), 0, b"key", encode(record))

    def said(self) -> list[ActivityResult | Heartbeat]:
        """Records for the owners, in order."""
        records = [
            record for place, found in self.log._broker.records.items() if place[0] == RESULTS for record in found
        ]
        return [decode(record.value) for record in records]  # type: ignore[misc]

    def results(self) -> list[ActivityResult]:
        return [record for record in self.said() if isinstance(record, ActivityResult)]

    def dead(self) -> int:
        return sum(len(found) for place, found in self.log._broker.records.items() if place[0] == DEADLETTERS)

    async def until_results(self, count: int) -> list[ActivityResult]:
        await eventually(lambda: len(self.results()) >= count)
        return self.results()

    async def until_done(self, offset: int, partition: int = 0) -> None:
        """All tasks below an offset are done, and that is committed."""
        positions = self.log._broker.queue(QUEUE).positions
        await eventually(lambda: partition in positions and positions[partition].offset >= offset)


@asynccontextmanager
async def queue_bench(
    activities: Sequence[Activity[Any, Any]],
    log: MemoryLog | None = None,
    *,
    member_id: str | None = None,
    **options: Any,
) -> AsyncIterator[QueueBench]:
    """A worker that has its partitions, and is stopped at the end."""
    log = log or new_log()
    await log.open()
    host = QueueHost(log, QUEUE, registry_of([], activities), options_of(**options), member_id)
    await host.start()
    await host.wait_live(1)
    try:
        yield QueueBench(log, host)
    finally:
        await host.stop()
        await asyncio.sleep(0)
