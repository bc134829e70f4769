"""Task queues of the log in memory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from sagaline._log.inspection import QueueFacts
from sagaline._log.memory.broker import MemoryBroker, MemoryGroup, MemoryMembership
from sagaline._log.port import Committed, TaskListener
from sagaline._log.task_groups import TaskGroupMember


class MemoryPositions:
    """How far a queue is done."""

    def __init__(self, group: MemoryGroup) -> None:
        self._known = group.positions

    async def read(self, partitions: Sequence[int]) -> dict[int, Committed]:
        return {number: self._known[number] for number in partitions if number in self._known}

    async def write(self, positions: dict[int, Committed]) -> None:
        self._known.update(positions)


class MemoryQueues:
    """The queues of a broker: topics are there as soon as something is written."""

    def __init__(self, broker: MemoryBroker, loop: asyncio.AbstractEventLoop) -> None:
        self._broker, self._loop = broker, loop

    async def make(self, queue: str) -> None:
        pass

    async def facts(self) -> list[QueueFacts]:
        return [
            QueueFacts(name, {number: done.offset for number, done in group.positions.items()}, tuple(group.members))
            for name, group in sorted(self._broker.queues.items())
        ]

    def join(self, queue: str, member_id: str | None, listener: TaskListener) -> TaskGroupMember:
        group = self._broker.queue(queue)
        member = TaskGroupMember(MemoryPositions(group), listener, self._loop)
        member.membership = MemoryMembership(group, self._loop, member_id or uuid.uuid4().hex, member)
        return member
