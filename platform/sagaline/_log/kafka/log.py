"""The log on Kafka. Settings and their reasons: docs/decisions/0006-kafka-settings.md."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from sagaline._log.inspection import Inspection
from sagaline._log.kafka.inspection import inspect, member_ids
from sagaline._log.kafka.membership import KafkaMembership
from sagaline._log.kafka.producer import KafkaAppender, KafkaPublisher
from sagaline._log.kafka.reader import KafkaReader
from sagaline._log.kafka.security import security_settings
from sagaline._log.kafka.topics import KafkaTopics
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.topics import COMMANDS, HISTORY, RECORD_LIMIT, TopicPlan
from sagaline._log.urls import LogUrl
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.kafka")
_log.addFilter(lambda record: "enable.gapless.guarantee" not in record.getMessage())  # "experimental", every time
_CONNECT_TIMEOUT_S = 8.0
_BOUNDS_TIMEOUT_S = 30.0
_BOUNDS_PAUSE_S = 0.1


class KafkaLog:
    """The log port over the topics ``<namespace>.commands`` and so on."""

    def __init__(self, url: LogUrl) -> None:
        self.namespace = url.namespace
        self.brokers = url.place
        self._default_partitions = int(url.number("partitions", 8))
        self._partitions = 0
        self._identity = ""
        self._tombstones_kept_s = 0.0
        self._security = security_settings(url.options.get("config"))
        self._publisher: KafkaPublisher | None = None
        self._admin: AdminClient | None = None

    @property
    def partitions(self) -> int:
        return self._partitions

    @property
    def identity(self) -> str:
        return self._identity

    def config(self, **more: Any) -> dict[str, Any]:
        """librdkafka settings shared by all clients."""
        return {
            "bootstrap.servers": self.brokers,
            "client.id": f"sagaline-{self.namespace}",
            "socket.nagle.disable": True,
            "reconnect.backoff.max.ms": 2000,
            "broker.address.family": "v4" if self.brokers.startswith("127.") else "any",
            "logger": _log,
            **self._security,
            **more,
        }

    def topic(self, name: str) -> str:
        """Full name of one of the namespace's topics."""
        return f"{self.namespace}.{name}"

    @property
    def tombstones_kept_s(self) -> float:
        return self._tombstones_kept_s

    async def open(self, create: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._connect, create)
        self._publisher = KafkaPublisher(self.producer_config(), self.loop)
        self._bounds_consumer = self._make_bounds_consumer()

    def _connect(self, create: bool) -> None:
        topics = self._topics()
        plans = topics.plan(None, None, self._default_partitions)
        topics.refuse_problems(plans)
        if create:
            topics.apply([plan for plan in plans if plan.action == "create"])
        self._partitions, self._identity = topics.describe_history()
        self._tombstones_kept_s = topics.tombstones_kept_s()

    def _topics(self) -> KafkaTopics:
        """The topics' administration; raises LogUnavailable when no broker answers."""
        if self._admin is None:
            self._admin = AdminClient(self.config())
        try:
            self._admin.list_topics(timeout=_CONNECT_TIMEOUT_S)
        except KafkaException as error:
            raise LogUnavailable(
                f"Expected a Kafka broker at {self.brokers} but none answered within {_CONNECT_TIMEOUT_S:g} s "
                f"({error.args[0].str()}). Check the address and that the broker runs."
            ) from error
        return KafkaTopics(self._admin, self.namespace)

    async def close(self) -> None:
        if self._publisher is not None:
            publisher, self._publisher = self._publisher, None
            await asyncio.to_thread(publisher.close)
            await asyncio.to_thread(self._bounds_consumer.close)
        self._admin = None

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        return await asyncio.to_thread(lambda: self._topics().plan(partitions, replication))

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        await asyncio.to_thread(lambda: self._topics().apply(plans))

    async def inspect(self) -> Inspection:
        def ask() -> Inspection:
            self._topics()
            assert self._admin is not None
            return inspect(self._admin, self.namespace)

        return await asyncio.to_thread(ask)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await asyncio.to_thread(self._bounds, topic, partition)

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place = TopicPartition(self.topic(topic), partition)
        deadline = time.monotonic() + _BOUNDS_TIMEOUT_S
        while True:
            consumer = self._bounds_consumer
            try:
                low, high = consumer.get_watermark_offsets(place, timeout=5)
                return low, high
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"Expected the bounds of {place.topic} but {error.args[0].str()}.") from error
            time.sleep(_BOUNDS_PAUSE_S)  # a topic just made has no leader yet
            # A consumer that was told that a topic is unknown, by a broker that had just started, believes it for
            # minutes: another one asks anew. The old one goes with the last thread that uses it.
            if self._bounds_consumer is consumer:
                self._bounds_consumer = self._make_bounds_consumer()

    def _make_bounds_consumer(self) -> Consumer:
        return Consumer(self.config(**{"group.id": f"{self.namespace}.bounds"}))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        if start >= end:
            return
        consumer = Consumer(self.config(**{"group.id": f"{self.namespace}.restore", "enable.auto.commit": False}))
        consumer.assign([TopicPartition(self.topic(topic), partition, start)])
        try:
            position = start
            while position < end:
                batch, position = await asyncio.to_thread(self._read_batch, consumer, topic, position, end)
                if batch:
                    yield batch
        finally:
            await asyncio.to_thread(consumer.close)

    def _read_batch(self, consumer: Consumer, topic: str, position: int, end: int) -> tuple[list[Record], int]:
        messages = consumer.consume(1, 0.5) + consumer.consume(1000, 0)
        records: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None:
                _log.warning("Reading %s: %s", topic, error.str())
                continue
            offset = message.offset()
            assert offset is not None
            if offset < end:
                records.append(Record(topic, message.partition() or 0, offset, _raw(message.key()), message.value()))
            position = offset + 1
        if not messages:  # compaction may have removed the records before ``end``
            at = consumer.position(consumer.assignment())[0].offset
            position = max(position, at)
        return records, position

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> KafkaAppender:
        config = self.producer_config() | {"enable.gapless.guarantee": True, "delivery.timeout.ms": 0}
        return KafkaAppender(config, self.topic(HISTORY), self.loop, on_acks)

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        assert self._publisher is not None, "the log is open"
        self._publisher.publish(self.topic(topic), -1 if partition is None else partition, key, value, on_done, headers)

    def reader(self, sink: Callable[[list[Record]], None]) -> KafkaReader:
        config = self.config(
            **{
                "group.id": f"{self.namespace}.reader-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "fetch.queue.backoff.ms": 1,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        return KafkaReader(config, self.namespace, self.loop, sink)

    async def members(self) -> list[str]:
        assert self._admin is not None, "the log is open"
        return await asyncio.to_thread(member_ids, self._admin, self.namespace)

    def join(self, member_id: str, listener: MembershipListener) -> KafkaMembership:
        config = self.config(
            **{
                "group.id": f"{self.namespace}.workers",
                "group.instance.id": member_id,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 64,
            }
        )
        return KafkaMembership(config, self.topic(COMMANDS), member_id, self.loop, listener)

    def producer_config(self) -> dict[str, Any]:
        """Settings of producers: idempotent, acknowledged by all replicas; batches are made here, not by lingering."""
        return self.config(
            **{
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 0,
                "delivery.timeout.ms": 120_000,
                "message.max.bytes": RECORD_LIMIT + 100_000,
                "queue.buffering.max.messages": 1_000_000,
                "partitioner": "murmur2_random",
            }
        )


def _raw(key: str | bytes | None) -> bytes | None:
    return key.encode() if isinstance(key, str) else key
