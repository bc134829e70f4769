"""The embedded log: one SQLite file that several processes may use, durable before it acknowledges.

WAL mode with ``synchronous=FULL``: a commit returns when it is on disk. One thread writes, all that is waiting in
one transaction, so that a hundred appends cost one fsync; one thread a reader reads; one prunes.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sagaline._log.inspection import Inspection
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.sizes import publish_error
from sagaline._log.sqlite.connection import connect, find_namespace, read_records
from sagaline._log.sqlite.membership import SqliteMembership, living
from sagaline._log.sqlite.pruner import TOMBSTONES_KEPT_MS, SqlitePruner
from sagaline._log.sqlite.reader import SqliteReader
from sagaline._log.sqlite.writer import Append, SqliteAppender, SqliteWriter
from sagaline._log.topics import KEYED, TOPICS, TopicPlan
from sagaline._log.urls import LogUrl
from sagaline._model.keys import partition_of
from sagaline._model.limits import RECORD_LIMIT
from sagaline.errors import ConfigurationError, LogUnavailable, NamespaceNotFound, TopicMismatch

_THREADS = 8
_RECORDS_A_BATCH = 1_000


class SqliteLog:
    """The log port over one file."""

    def __init__(self, url: LogUrl) -> None:
        url.only("partitions", "namespace")
        self.path = Path(url.place)
        self.namespace = url.namespace
        self._default_partitions = url.partitions(4)
        self._partitions = 0
        self._identity = ""
        self._calls = BlockingCalls(_THREADS, "sagaline-sqlite")
        self._writer: SqliteWriter | None = None
        self._pruner: SqlitePruner | None = None
        self._connection: sqlite3.Connection | None = None

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
        self._partitions, self._identity = await self._calls.run(self._make if create else self._find)
        try:
            self._connection = await self._calls.run(connect, self.path)
            self._writer = SqliteWriter(self.path, self.namespace, self._loop)
        except BaseException:
            await self.close()
            raise
        if create:
            self._pruner = SqlitePruner(self.path, self.namespace, self._partitions)
            self._pruner.start()

    def _find(self) -> tuple[int, str]:
        return find_namespace(self.path, self.namespace)

    def _make(self) -> tuple[int, str]:
        """The namespace, made if it is not there."""
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"Expected the folder of the log {self.path} to be there but it is not.")
        connection = connect(self.path, create=True)
        try:
            row = (self.namespace, self._default_partitions, uuid.uuid4().hex)
            connection.execute("INSERT OR IGNORE INTO namespace VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            raise LogUnavailable(f"Expected {self.path} to be a log of Sagaline but {error}.") from error
        finally:
            connection.close()
        return self._find()

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        pruner, self._pruner = self._pruner, None
        connection, self._connection = self._connection, None
        if pruner is not None:
            await self._calls.run(pruner.close)
        if writer is not None:
            await self._calls.run(writer.close)
        if connection is not None:
            connection.close()
        self._calls.close()

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        try:
            count, _ = await self._calls.run(self._find)
        except NamespaceNotFound:
            count = self._default_partitions if partitions is None else partitions
            return [TopicPlan(spec.name, "create", count, 1, {}) for spec in TOPICS]
        problem = (f"namespace {self.namespace} has {count} partitions and cannot have {partitions}: use a new one",)
        wrong = partitions is not None and partitions != count
        return [
            TopicPlan(
                spec.name,
                "refuse" if wrong and spec.name in KEYED else "nothing",
                count,
                1,
                {},
                problem if wrong else (),
            )
            for spec in TOPICS
        ]

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        problems = [problem for plan in plans for problem in plan.problems]
        if problems:
            raise TopicMismatch(problems[0])
        self._default_partitions = plans[0].partitions
        await self._calls.run(self._make)

    async def inspect(self) -> Inspection:
        def check() -> tuple[str, ...]:
            connection = connect(self.path)
            try:
                rows = connection.execute("PRAGMA quick_check(100)").fetchall()
            except sqlite3.Error as error:
                raise LogUnavailable(f"Expected {self.path} to be a log of Sagaline but {error}.") from error
            finally:
                connection.close()
            return tuple(str(row[0]) for row in rows if row[0] != "ok")

        try:
            await self._calls.run(self._find)
        except NamespaceNotFound:
            return Inspection("sqlite", 0, {}, tuple(spec.name for spec in TOPICS))
        return Inspection("sqlite", 0, {}, problems=await self._calls.run(check))

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._calls.run(self._bounds, topic, partition)

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place = (self.namespace, topic, partition)
        where = "WHERE namespace = ? AND topic = ? AND partition = ?"
        with self._reading() as connection:
            head = connection.execute(f"SELECT next_offset FROM head {where}", place).fetchone()
            if head is None:
                return 0, 0
            low = connection.execute(f"SELECT min(offset) FROM record {where}", place).fetchone()[0]
            return (head[0] if low is None else low), head[0]

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        position = start
        while position < end:
            records = await self._calls.run(self._read, topic, partition, position, end)
            if not records:
                return
            yield records
            position = records[-1].offset + 1

    def _read(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        with self._reading() as connection:
            place = (self.namespace, topic, partition)
            return read_records(connection, place, start, end, _RECORDS_A_BATCH)

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection, None, None]:
        """The connection for reading; its errors are LogUnavailable."""
        if self._connection is None:
            raise LogUnavailable(f"Expected the log {self.path} to be open but it is closed.")
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise LogUnavailable(f"Expected {self.path} to be readable but {error}.") from error

    def _open_writer(self) -> SqliteWriter:
        if self._writer is None:
            raise LogUnavailable(f"Expected the log {self.path} to be open but it is closed.")
        return self._writer

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> SqliteAppender:
        return SqliteAppender(self._open_writer(), self._loop, on_acks)

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
        return SqliteReader(self.path, self.namespace, self._open_writer().written, self._loop, sink, self._calls)

    async def members(self) -> list[str]:
        return await self._calls.run(living, self._locks())

    def join(self, member_id: str, listener: MembershipListener) -> SqliteMembership:
        return SqliteMembership(self._locks(), self.partitions, member_id, self._loop, listener)

    def _locks(self) -> Path:
        return self.path.with_name(f"{self.path.name}.locks") / self.namespace


def _tell(writer: SqliteWriter, on_done: Callable[[str | None], None], offset: int, error: str | None) -> None:
    writer.done.put((on_done, error))
