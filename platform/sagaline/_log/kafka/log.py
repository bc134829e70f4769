"""The log on Kafka: topics, administration, and who reads and writes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sagaline._log.inspection import Inspection
from sagaline._log.kafka.inspection import inspect, member_ids
from sagaline._log.kafka.membership import KafkaMembership
from sagaline._log.kafka.producer import KafkaAppender, KafkaPublisher
from sagaline._log.kafka.ranges import KafkaBounds, read_range
from sagaline._log.kafka.reader import KafkaReader
from sagaline._log.kafka.settings import FRAMING_BYTES, KafkaSettings
from sagaline._log.kafka.topics import KafkaTopics
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.topics import COMMANDS, TopicPlan
from sagaline._log.urls import LogUrl
from sagaline._model.limits import RECORD_LIMIT
from sagaline.errors import ConfigurationError, LogUnavailable

T = TypeVar("T")
_CONNECT_TIMEOUT_S = 8.0
_THREADS = 16


class KafkaLog:
    """The log port over the topics ``<namespace>.commands`` and so on."""

    def __init__(self, url: LogUrl) -> None:
        url.only("partitions", "config")
        self.namespace = url.namespace
        self._settings = KafkaSettings(url)
        self._default_partitions = url.partitions(8)
        self._partitions, self._identity = 0, ""
        self._tombstones_kept_s, self._record_limit = 0.0, RECORD_LIMIT
        self._calls = BlockingCalls(_THREADS, "sagaline-kafka")
        self._admin: AdminClient | None = None
        self._publisher: KafkaPublisher | None = None
        self._bounds: KafkaBounds | None = None

    @property
    def partitions(self) -> int:
        return self._partitions

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def tombstones_kept_s(self) -> float:
        return self._tombstones_kept_s

    @property
    def record_limit(self) -> int:
        return self._record_limit

    async def open(self, create: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        await self._calls.run(self._connect, create)
        self._publisher = KafkaPublisher(self._settings.publisher(), self._loop)
        self._bounds = KafkaBounds(self._settings)

    def _connect(self, create: bool) -> None:
        topics = self._topics()
        if not create:
            topics.require_all()
        plans = topics.plan(None, None, self._default_partitions)
        topics.refuse_problems(plans)
        if create:
            topics.apply([plan for plan in plans if plan.action == "create"])
        self._partitions, self._identity = topics.describe_history()
        self._tombstones_kept_s, largest_batch = topics.history_limits()
        self._record_limit = max(1, min(RECORD_LIMIT, largest_batch - FRAMING_BYTES))

    def _topics(self) -> KafkaTopics:
        """The topics' administration; raises LogUnavailable when no broker answers."""
        return KafkaTopics(self._connected(), self.namespace)

    def _connected(self) -> AdminClient:
        try:
            admin = self._admin or AdminClient(self._settings.common())
        except KafkaException as error:
            raise ConfigurationError(
                f"Expected settings that librdkafka takes for {self._settings.brokers} but {error.args[0].str()}: "
                f"see SAGALINE_KAFKA_... in the environment, and the file of ?config=FILE."
            ) from error
        try:
            admin.list_topics(timeout=_CONNECT_TIMEOUT_S)
        except KafkaException as error:
            raise LogUnavailable(
                f"Expected a Kafka broker at {self._settings.brokers} but none answered within "
                f"{_CONNECT_TIMEOUT_S:g} s ({error.args[0].str()}). Check the address and that the broker runs."
            ) from error
        self._admin = admin
        return admin

    async def close(self) -> None:
        publisher, self._publisher = self._publisher, None
        bounds, self._bounds = self._bounds, None
        if publisher is not None:
            await self._calls.run(publisher.close)
        if bounds is not None:
            await self._calls.run(bounds.close)
        self._admin = None
        self._calls.close()

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        return await self._calls.run(lambda: self._topics().plan(partitions, replication))

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        await self._calls.run(lambda: self._topics().apply(plans))

    async def inspect(self) -> Inspection:
        return await self._calls.run(lambda: inspect(self._connected(), self.namespace))

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._calls.run(self._is_open(self._bounds).bounds, topic, partition)

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        return read_range(self._settings, self._calls, topic, partition, start, end)

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> KafkaAppender:
        return KafkaAppender(self._settings, self._record_limit, self._loop, on_acks)

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
        full = self._settings.topic(topic)
        self._publisher.publish(full, -1 if partition is None else partition, key, value, on_done, headers)

    def reader(self, sink: Callable[[list[Record]], None]) -> KafkaReader:
        return KafkaReader(self._settings, self._loop, sink, self._calls)

    async def members(self) -> list[str]:
        return await self._calls.run(member_ids, self._is_open(self._admin), self.namespace)

    def join(self, member_id: str, listener: MembershipListener) -> KafkaMembership:
        config = self._settings.member(member_id)
        return KafkaMembership(config, self._settings.topic(COMMANDS), member_id, self._loop, listener, self._calls)

    def _is_open(self, part: T | None) -> T:
        if part is None:
            raise LogUnavailable(f"Expected the log of namespace {self.namespace} to be open but it is closed.")
        return part
