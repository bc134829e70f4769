"""The worker of a task queue: a member of the queue's group, which runs tasks of its partitions and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from sagaline._host.in_group import InGroup
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import await_logged, call_logged
from sagaline._host.queues.work import Work
from sagaline._log import Committed, Log, TaskMembership
from sagaline._runtime.definitions import Registry

_TICK_S = 0.25


class _Setup(NamedTuple):
    log: Log
    queue: str
    registry: Registry
    options: HostOptions
    member_id: str | None


class QueueHost(InGroup[TaskMembership]):
    """Runs until ``stop``.

    Contract: a task is run by whoever has its partition, again if that changes: its result is known by its attempt.
    """

    def __init__(self, log: Log, queue: str, registry: Registry, options: HostOptions, member_id: str | None) -> None:
        """``member_id``: a static id in the group, if it is to have its partitions back after a restart."""
        self._setup = _Setup(log, queue, registry, options, member_id)
        self._membership: TaskMembership | None = None

    async def start(self) -> None:
        """Reads what was cancelled, then joins; tasks come in the background."""
        loop = asyncio.get_running_loop()
        log, queue, registry, options, member_id = self._setup
        self.failed: asyncio.Future[Exception] = loop.create_future()
        self._changed = asyncio.Event()
        self.work = Work(log, queue, registry, options)
        await self.work.begin(queue)
        self._membership = log.queues.join(queue, member_id, self)
        self._ticker = loop.create_task(self._tick())

    async def wait_live(self, count: int) -> None:
        """Waits until this worker has so many partitions of the queue."""
        while len(self.work.reading) < count:
            self._changed.clear()
            await self._changed.wait()

    # Membership

    def on_assigned(self, positions: dict[int, Committed]) -> None:
        self.work.reading.begin(positions)
        self._changed.set()

    def on_revoked(self, partitions: Sequence[int]) -> None:
        self._commit()
        self.work.reading.end(partitions)

    # Now and then

    async def _tick(self) -> None:
        work = self.work
        while True:
            await asyncio.sleep(_TICK_S)
            for look in (work.tasks.tell_begun, self._commit, work.press_back, work.reading.go_on):
                call_logged("A look at the tasks", look)

    def _commit(self) -> None:
        positions = self.work.reading.positions()
        if positions and self._membership is not None:
            self._membership.commit(positions)

    # The end

    async def stop(self) -> None:
        """Takes nothing new, lets tasks at work finish within the grace, and gives the others back."""
        membership, self._membership = self._membership, None
        if membership is None:
            return
        await self.work.finish()
        self._ticker.cancel()
        membership.commit(self.work.reading.positions())
        await await_logged("Stopping", membership.close())
        await self.work.close()
