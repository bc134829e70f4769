"""The log on Kafka: a namespace's topics, and who reads and writes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TypeVar

from sagaline._log.inspection import Inspection
from sagaline._log.kafka.assignment import KafkaAssignment
from sagaline._log.kafka.cluster import KafkaCluster, NamespaceFacts
from sagaline._log.kafka.inspection import member_ids
from sagaline._log.kafka.membership import KafkaMembership
from sagaline._log.kafka.producer import KafkaAppender, KafkaPublisher
from sagaline._log.kafka.queues import KafkaQueues
from sagaline._log.kafka.ranges import KafkaBounds, read_range
from sagaline._log.kafka.reader import KafkaReader
from sagaline._log.kafka.settings import KafkaSettings
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.threads import call
from sagaline._log.topics import COMMANDS, TopicPlan, is_of_queue
from sagaline._log.urls import LogUrl
from sagaline.errors import LogUnavailable

T = TypeVar("T")
_THREADS = 16


class KafkaLog:
    """The log port over the topics ``<namespace>.commands`` and so on."""

    def __init__(self, url: LogUrl) -> None:
        url.only("partitions", "config")
        self.namespace = url.namespace
        self._settings = KafkaSettings(url)
        self._cluster = KafkaCluster(self._settings, url.partitions(8))
        self._facts = NamespaceFacts()
        self._calls = BlockingCalls(_THREADS, "sagaline-kafka")
        self._queues = KafkaQueues(self._settings, self._cluster, self._calls)
        self._publisher: KafkaPublisher | None = None
        self._bounds: KafkaBounds | None = None

    @property
    def partitions(self) -> int:
        return self._facts.partitions

    @property
    def identity(self) -> str:
        return self._facts.identity

    @property
    def tombstones_kept_s(self) -> float:
        return self._facts.tombstones_kept_s

    @property
    def record_limit(self) -> int:
        return self._facts.record_limit

    async def open(self, create: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        self._facts = await self._calls.run(self._cluster.open, create)
        self._publisher = KafkaPublisher(self._settings.publisher(), self._loop)
        self._bounds = KafkaBounds(self._settings)

    async def close(self) -> None:
        publisher, self._publisher = self._publisher, None
        bounds, self._bounds = self._bounds, None
        if publisher is not None:
            await self._calls.run(publisher.close)
        if bounds is not None:
            await self._calls.run(bounds.close)
        self._queues.close()
        self._cluster.close()
        self._calls.close()

    async def plan_topics(
        self, partitions: int | None, replication: int | None, queues: Sequence[str] = ()
    ) -> list[TopicPlan]:
        return await self._calls.run(self._cluster.plan, partitions, replication, queues)

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        await self._calls.run(self._cluster.apply, plans)

    async def inspect(self) -> Inspection:
        return await self._calls.run(self._cluster.inspect)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._calls.run(self._is_open(self._bounds).bounds, topic, partition)

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        return read_range(self._settings, self._calls, topic, partition, start, end)

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> KafkaAppender:
        return KafkaAppender(self._settings, self._facts.record_limit, self._loop, on_acks)

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        error = "The log is closed." if self._publisher is None else None
        if partition is not None and partition < 0:  # librdkafka takes it for any
            error = f"Expected a partition from 0 on but got {partition}."
        if self._publisher is None or error is not None:
            if on_done is not None:
                self._loop.call_soon(on_done, error)
            return
        if is_of_queue(topic) and not self._queues.has(topic):
            again = partial(self.publish, topic, partition, key, value, on_done, headers)
            self._queues.when_made(topic, again, on_done or _nobody)
            return
        full = self._settings.topic(topic)
        self._publisher.publish(full, -1 if partition is None else partition, key, value, on_done, headers)

    def reader(self, sink: Callable[[list[Record]], None]) -> KafkaReader:
        return KafkaReader(self._settings, self._loop, sink, self._calls)

    async def members(self) -> list[str]:
        return await self._calls.run(member_ids, self._is_open(self._cluster.admin), self.namespace)

    def join(self, member_id: str, listener: MembershipListener) -> KafkaMembership:
        topic = self._settings.topic(COMMANDS)
        assignment = KafkaAssignment(topic, self._loop, listener)
        on_failed = partial(call, self._loop, listener.on_failed)
        config = self._settings.member(member_id)
        return KafkaMembership(config, assignment, topic, member_id, on_failed, self._calls)

    @property
    def queues(self) -> KafkaQueues:
        return self._queues

    def _is_open(self, part: T | None) -> T:
        if part is None:
            raise LogUnavailable(f"Expected the log of namespace {self.namespace} to be open but it is closed.")
        return part


def _nobody(error: str | None) -> None:
    """Hears what nobody asks for."""
