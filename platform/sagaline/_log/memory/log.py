"""A log in memory, for tests and simulation: seeded faults, nothing on disk.

``memory://name?seed=7&lost_ack=0.01&failed_append=0.01&latency_ms=2`` — of the appends, the share ``lost_ack``
lands but is reported as timed out, the share ``failed_append`` does not land; acknowledgements are late by up
to ``latency_ms``. All logs of one name in a process share their records.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence

from sagaline._log.inspection import Inspection
from sagaline._log.memory.broker import MemoryBroker, MemoryMembership
from sagaline._log.memory.clients import MemoryAppender, MemoryReader
from sagaline._log.memory.queues import MemoryQueues
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.sizes import publish_error
from sagaline._log.topics import NAMES_SHOWN, NOT_MADE_HERE, TOPICS, TopicPlan, queue_specs
from sagaline._log.urls import LogUrl
from sagaline._model.keys import partition_of
from sagaline._model.limits import RECORD_LIMIT
from sagaline.errors import NamespaceNotFound

_RECORDS_A_BATCH = 500

_brokers: dict[tuple[str, str], MemoryBroker] = {}


class MemoryLog:
    """The log port over a MemoryBroker."""

    def __init__(self, url: LogUrl) -> None:
        url.only("partitions", "namespace", "seed", "lost_ack", "failed_append", "latency_ms")
        self._url = url
        self.namespace = url.namespace
        self._random = random.Random(int(url.number("seed", 0)))
        self._lost_ack = url.number("lost_ack", 0)
        self._failed_append = url.number("failed_append", 0)
        self._latency_s = url.number("latency_ms", 0) / 1000
        self._broker = MemoryBroker(0)

    @property
    def partitions(self) -> int:
        return self._broker.partitions

    @property
    def identity(self) -> str:
        return self._broker.identity

    @property
    def tombstones_kept_s(self) -> float:
        return math.inf

    @property
    def record_limit(self) -> int:
        return RECORD_LIMIT

    async def open(self, create: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        name = (self._url.place, self.namespace)
        broker = _brokers.get(name)
        if broker is None and not create:
            raise NamespaceNotFound(
                f"Expected namespace {self.namespace!r} of {self._url.place!r} in the memory of this process but "
                f"{_what_is_there()}. {NOT_MADE_HERE}"
            )
        if broker is None:
            broker = _brokers[name] = MemoryBroker(self._url.partitions(4))
        self._broker = broker

    async def close(self) -> None:
        pass

    def forget(self) -> None:
        """Drops all records: the next log of this name is another one."""
        _brokers.pop((self._url.place, self.namespace), None)

    async def plan_topics(
        self, partitions: int | None, replication: int | None, queues: Sequence[str] = ()
    ) -> list[TopicPlan]:
        count = self._broker.partitions
        specs = (*TOPICS, *queue_specs((topic for topic, _ in self._broker.records), queues))
        return [TopicPlan(spec.name, "nothing", spec.partitions or count, 1, {}) for spec in specs]

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        pass

    async def inspect(self) -> Inspection:
        return Inspection("memory", 0, {})

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return 0, len(self._broker.records.get((topic, partition), ()))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        for first in range(start, end, _RECORDS_A_BATCH):
            yield self._broker.records.get((topic, partition), [])[first : min(first + _RECORDS_A_BATCH, end)]

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> MemoryAppender:
        return MemoryAppender(self._broker, self._fate, self._loop, on_acks)

    def _fate(self) -> tuple[bool, bool, float]:
        """Whether an append lands, whether its acknowledgement is lost, and how late it comes."""
        draw = self._random.random() if self._lost_ack or self._failed_append else 1.0
        late = self._random.random() * self._latency_s if self._latency_s else 0.0
        lands = draw >= self._failed_append
        return lands, lands and draw < self._failed_append + self._lost_ack, late

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        error = publish_error(self.partitions, partition, key, value, headers)
        if error is None:
            if partition is None:
                partition = partition_of(key.decode(errors="replace"), self.partitions)
            self._broker.write(topic, partition, key, value)
        if on_done is not None:
            self._loop.call_soon(on_done, error)

    def reader(self, sink: Callable[[list[Record]], None]) -> MemoryReader:
        return MemoryReader(self._broker, self._loop, sink)

    async def members(self) -> list[str]:
        return list(self._broker.workers.members)

    def join(self, member_id: str, listener: MembershipListener) -> MemoryMembership:
        return MemoryMembership(self._broker.workers, self._loop, member_id, listener)

    @property
    def queues(self) -> MemoryQueues:
        return MemoryQueues(self._broker, self._loop)


def _what_is_there() -> str:
    names = [repr(namespace) for _, namespace in sorted(_brokers)[:NAMES_SHOWN]]
    return f"there is {', '.join(names)}" if names else "it has none"
