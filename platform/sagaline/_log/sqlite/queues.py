"""Task queues of the embedded log: who works them, and how far they are done."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sagaline._log.inspection import QueueFacts
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Committed, TaskListener
from sagaline._log.sqlite.connection import connect
from sagaline._log.sqlite.member_locks import living
from sagaline._log.sqlite.membership import SqliteMembership
from sagaline._log.task_groups import TaskGroupMember
from sagaline._log.topics import queue_of
from sagaline._model.tasks import TASKS, task_topic


class SqlitePositions:
    """How far a queue is done. Each call has a connection of its own, in a thread."""

    def __init__(self, path: Path, namespace: str, topic: str, calls: BlockingCalls) -> None:
        self._path, self._place, self._calls = path, (namespace, topic), calls

    async def read(self, partitions: Sequence[int]) -> dict[int, Committed]:
        known = await self._calls.run(self._read)
        return {number: known[number] for number in partitions if number in known}

    def _read(self) -> dict[int, Committed]:
        connection = connect(self._path)
        try:
            query = "SELECT partition, offset, metadata FROM committed WHERE namespace = ? AND topic = ?"
            rows = connection.execute(query, self._place).fetchall()
        finally:
            connection.close()
        return {number: Committed(offset, metadata) for number, offset, metadata in rows}

    async def write(self, positions: dict[int, Committed]) -> None:
        await self._calls.run(self._write, positions)

    def _write(self, positions: dict[int, Committed]) -> None:
        connection = connect(self._path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?, ?)",
                [(*self._place, number, *position) for number, position in positions.items()],
            )
            connection.execute("COMMIT")
        finally:
            connection.close()


class SqliteQueues:
    """The queues of a namespace, with as many partitions: topics are there as soon as something is written."""

    def __init__(self, path: Path, namespace: str, locks: Path, partitions: int, calls: BlockingCalls) -> None:
        """``locks``: the folder of the workers' locks."""
        self._path, self._namespace, self._locks, self._partitions = path, namespace, locks, partitions
        self._calls = calls

    async def make(self, queue: str) -> None:
        pass

    async def facts(self) -> list[QueueFacts]:
        return await self._calls.run(self._facts)

    def _facts(self) -> list[QueueFacts]:
        with closing(connect(self._path)) as connection:
            query = "SELECT DISTINCT topic FROM head WHERE namespace = ? AND topic LIKE ? ORDER BY topic"
            topics = [str(row[0]) for row in connection.execute(query, (self._namespace, f"{TASKS}%"))]
            facts: list[QueueFacts] = []
            for topic in topics:
                query = "SELECT partition, offset FROM committed WHERE namespace = ? AND topic = ?"
                committed = dict(connection.execute(query, (self._namespace, topic)).fetchall())
                facts.append(QueueFacts(queue_of(topic), committed, tuple(living(self._locks / topic))))
            return facts

    def join(self, queue: str, member_id: str | None, listener: TaskListener) -> TaskGroupMember:
        topic, loop = task_topic(queue), asyncio.get_running_loop()
        member = TaskGroupMember(SqlitePositions(self._path, self._namespace, topic, self._calls), listener, loop)
        name = member_id or uuid.uuid4().hex
        member.membership = SqliteMembership(self._locks / topic, self._partitions, name, loop, member)
        return member
