"""The embedded log: one SQLite file that several processes may use, durable before it acknowledges.

WAL mode with ``synchronous=FULL``: a commit returns when it is on disk. One thread writes, all that is waiting in
one transaction, so that a hundred appends cost one fsync; one thread a reader reads; one prunes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from sagaline._log.inspection import Inspection
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.sizes import publish_error
from sagaline._log.sqlite.member_locks import living
from sagaline._log.sqlite.membership import SqliteMembership
from sagaline._log.sqlite.namespace import SqliteNamespace
from sagaline._log.sqlite.pruner import TOMBSTONES_KEPT_MS, SqlitePruner
from sagaline._log.sqlite.queues import SqliteQueues
from sagaline._log.sqlite.ranges import SqliteRanges
from sagaline._log.sqlite.reader import SqliteReader
from sagaline._log.sqlite.writer import Append, SqliteAppender, SqliteWriter
from sagaline._log.topics import TopicPlan
from sagaline._log.urls import LogUrl
from sagaline._model.keys import partition_of
from sagaline._model.limits import RECORD_LIMIT
from sagaline.errors import LogUnavailable

T = TypeVar("T")
_THREADS = 8


class SqliteLog:
    """The log port over one file."""

    def __init__(self, url: LogUrl) -> None:
        url.only("partitions", "namespace")
        self._path = Path(url.place)
        self.namespace = url.namespace
        self._administration = SqliteNamespace(self._path, self.namespace, url.partitions(4))
        self._partitions, self._identity = 0, ""
        self._calls = BlockingCalls(_THREADS, "sagaline-sqlite")
        self._writer: SqliteWriter | None = None
        self._pruner: SqlitePruner | None = None
        self._ranges: SqliteRanges | None = None

    @property
    def partitions(self) -> int:
        return self._partitions

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def tombstones_kept_s(self) -> float:
        return TOMBSTONES_KEPT_MS / 1_000

    @property
    def record_limit(self) -> int:
        return RECORD_LIMIT

    async def open(self, create: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        there = self._administration
        self._partitions, self._identity = await self._calls.run(there.make if create else there.find)
        try:
            self._ranges = await self._calls.run(SqliteRanges, self._path, self.namespace)
            self._writer = SqliteWriter(self._path, self.namespace, self._loop)
        except BaseException:
            await self.close()
            raise
        if create:
            self._pruner = SqlitePruner(self._path, self.namespace, self._partitions)
            self._pruner.start()

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        pruner, self._pruner = self._pruner, None
        ranges, self._ranges = self._ranges, None
        if pruner is not None:
            await self._calls.run(pruner.close)
        if writer is not None:
            await self._calls.run(writer.close)
        if ranges is not None:
            ranges.close()
        self._calls.close()

    async def plan_topics(
        self, partitions: int | None, replication: int | None, queues: Sequence[str] = ()
    ) -> list[TopicPlan]:
        return await self._calls.run(self._administration.plan, partitions, queues)

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        await self._calls.run(self._administration.apply, plans)

    async def inspect(self) -> Inspection:
        return await self._calls.run(self._administration.inspect)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._calls.run(self._is_open(self._ranges).bounds, topic, partition)

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        return self._is_open(self._ranges).read(self._calls, topic, partition, start, end)

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> SqliteAppender:
        return SqliteAppender(self._is_open(self._writer), self._loop, on_acks)

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        writer = self._writer
        error = publish_error(self.partitions, partition, key, value, headers) if writer else "The log is closed."
        if writer is None or error is not None:
            if on_done is not None:
                self._loop.call_soon(on_done, error)
            return
        if partition is None:
            partition = partition_of(key.decode(errors="replace"), self.partitions)
        on_written = None if on_done is None else partial(_tell, writer, on_done)
        writer.put(Append(topic, partition, key, value, headers, on_written))

    def reader(self, sink: Callable[[list[Record]], None]) -> SqliteReader:
        return SqliteReader(
            self._path, self.namespace, self._is_open(self._writer).written, self._loop, sink, self._calls
        )

    async def members(self) -> list[str]:
        return await self._calls.run(living, self._locks())

    def join(self, member_id: str, listener: MembershipListener) -> SqliteMembership:
        return SqliteMembership(self._locks(), self.partitions, member_id, self._loop, listener)

    @property
    def queues(self) -> SqliteQueues:
        return SqliteQueues(self._path, self.namespace, self._locks(), self.partitions, self._calls)

    def _locks(self) -> Path:
        return self._path.with_name(f"{self._path.name}.locks") / self.namespace

    def _is_open(self, part: T | None) -> T:
        if part is None:
            raise LogUnavailable(f"Expected the log {self._path} to be open but it is closed.")
        return part


def _tell(writer: SqliteWriter, on_done: Callable[[str | None], None], offset: int, error: str | None) -> None:
    writer.done.put((on_done, error))
