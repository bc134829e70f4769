"""The log on Kafka. Settings and their reasons: docs/decisions/0006-kafka-settings.md."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sagaline._log.kafka_membership import KafkaMembership
from sagaline._log.kafka_reader import KafkaReader
from sagaline._log.kafka_topics import KafkaTopics
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.threads import Mailbox
from sagaline._log.topics import COMMANDS, HISTORY, RECORD_LIMIT, TopicPlan
from sagaline._log.urls import LogUrl
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.kafka")
_CONNECT_TIMEOUT_S = 8.0


class KafkaLog:
    """The log port over the topics ``<namespace>.commands`` and so on."""

    def __init__(self, url: LogUrl) -> None:
        self.namespace = url.namespace
        self.brokers = url.place
        self._default_partitions = int(url.number("partitions", 8))
        self._partitions = 0
        self._identity = ""
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
            **more,
        }

    def topic(self, name: str) -> str:
        """Full name of one of the namespace's topics."""
        return f"{self.namespace}.{name}"

    async def open(self, create: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._connect, create)
        self._publisher = KafkaPublisher(self)

    def _connect(self, create: bool) -> None:
        topics = self._topics()
        plans = topics.plan(None, None, self._default_partitions)
        topics.refuse_problems(plans)
        if create:
            topics.apply([plan for plan in plans if plan.action == "create"])
        self._partitions, self._identity = topics.describe_history()

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
        self._admin = None

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        return await asyncio.to_thread(lambda: self._topics().plan(partitions, replication))

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        await asyncio.to_thread(lambda: self._topics().apply(plans))

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return await asyncio.to_thread(self._bounds, topic, partition)

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        assert self._publisher is not None, "the log is open"
        return self._publisher.bounds(TopicPartition(self.topic(topic), partition))

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
        return KafkaAppender(self, self.loop, on_acks)

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
        """Settings of producers: idempotent, acknowledged by all replicas, no waiting to fill a batch."""
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


class KafkaPoller:
    """A producer with a thread that polls it for delivery reports."""

    def __init__(self, log: KafkaLog, name: str) -> None:
        self._producer = Producer(log.producer_config())
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=name, daemon=True)

    def _poll(self) -> None:
        while not self._stopped.is_set():
            if self._producer.poll(0.5):
                self._reported()

    def _reported(self) -> None:
        """Delivery reports have been served."""


class KafkaAppender(KafkaPoller):
    """The producer of history. After an error it is given up: what it still holds may land or not."""

    def __init__(self, log: KafkaLog, loop: asyncio.AbstractEventLoop, on_acks: Callable[[list[Ack]], None]) -> None:
        super().__init__(log, "sagaline-appender")
        self._topic = log.topic(HISTORY)
        self._mailbox = Mailbox(loop, on_acks)
        self._produce = self._producer.produce
        self._thread.start()

    def append(self, partition: int, key: bytes, value: bytes, token: Any) -> None:
        def on_delivery(error: KafkaError | None, message: Any) -> None:
            if error is None:
                self._mailbox.put(Ack(token, message.offset(), None))
            else:
                self._mailbox.put(Ack(token, -1, error.str()))

        try:
            self._produce(self._topic, value, key, partition, on_delivery)
        except (BufferError, KafkaException) as error:
            self._mailbox.put(Ack(token, -1, str(error)))
            self._mailbox.flush()

    def _reported(self) -> None:
        self._mailbox.flush()

    def close(self) -> None:
        self._stopped.set()
        self._producer.purge()


class KafkaPublisher(KafkaPoller):
    """The producer of everything that is not history."""

    def __init__(self, log: KafkaLog) -> None:
        super().__init__(log, "sagaline-publisher")
        self._mailbox: Mailbox[tuple[Callable[[str | None], None], str | None]] = Mailbox(log.loop, _call_all)
        self._bounds_consumer = Consumer(log.config(**{"group.id": f"{log.namespace}.bounds"}))
        self._thread.start()

    def publish(
        self,
        topic: str,
        partition: int,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None,
        headers: dict[str, bytes] | None,
    ) -> None:
        """Sends a record; ``on_done`` is called on the loop."""

        def on_delivery(error: KafkaError | None, message: Any) -> None:
            assert on_done is not None
            self._mailbox.put((on_done, None if error is None else error.str()))

        options: dict[str, Any] = {"headers": dict(headers)} if headers else {}
        if on_done is not None:
            options["on_delivery"] = on_delivery
        try:
            self._producer.produce(topic, value, key, partition, **options)
        except (BufferError, KafkaException) as error:
            if on_done is not None:
                self._mailbox.put((on_done, str(error)))
                self._mailbox.flush()

    def _reported(self) -> None:
        self._mailbox.flush()

    def bounds(self, place: TopicPartition) -> tuple[int, int]:
        """First and next offset, by a consumer kept for it."""
        consumer = self._bounds_consumer
        deadline = time.monotonic() + 30
        while True:
            try:
                low, high = consumer.get_watermark_offsets(place, timeout=5)
                return low, high
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"Expected the bounds of {place.topic} but {error.args[0].str()}.") from error
                time.sleep(0.05)  # a topic just made has no leader yet

    def close(self) -> None:
        """Sends what is queued, within bounds."""
        self._producer.flush(5)
        self._stopped.set()
        self._thread.join(2)
        self._bounds_consumer.close()


def _call_all(done: list[tuple[Callable[[str | None], None], str | None]]) -> None:
    for on_done, error in done:
        on_done(error)
