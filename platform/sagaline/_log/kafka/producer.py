"""Producing to Kafka: records of one turn of the event loop leave as one batch a partition.

An idle producer sends at the end of the turn. A busy one waits for two milliseconds more, so that requests
carry more records: that costs a broker a third of the processor time (bench/README.md). librdkafka's own linger
would delay every record, also the only one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sagaline._log.port import Ack
from sagaline._log.threads import Mailbox

_BUSY_FROM = 32
_BUSY_LINGER_S = 0.002
_OnDelivery = Callable[[KafkaError | None, Message], None]


class KafkaBatches:
    """A producer, the batches that it will send, and a thread that polls it for delivery reports."""

    def __init__(self, config: dict[str, Any], name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._producer = Producer(config)
        self._loop = loop
        self._batches: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._in_flight = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=name, daemon=True)
        self._thread.start()

    def add(self, topic: str, partition: int, key: bytes, value: bytes | None, on_delivery: _OnDelivery) -> None:
        """Queues a record; ``on_delivery`` is called in the polling thread."""
        if not self._batches:
            if self._in_flight < _BUSY_FROM:
                self._loop.call_soon(self.send)
            else:
                self._loop.call_later(_BUSY_LINGER_S, self.send)
        message = {"key": key, "value": value, "callback": on_delivery}
        batch = self._batches.get((topic, partition))
        if batch is None:
            self._batches[topic, partition] = [message]
        else:
            batch.append(message)
        self._in_flight += 1

    def delivered(self, count: int) -> None:
        """So many records are not in flight any more."""
        self._in_flight -= count

    def send(self) -> None:
        """Hands all batches to librdkafka."""
        batches, self._batches = self._batches, {}
        for (topic, partition), messages in batches.items():
            try:
                if self._producer.produce_batch(topic, messages, partition) == len(messages):
                    continue
                failed = [(one["callback"], one["_error"]) for one in messages if "_error" in one]
            except (BufferError, KafkaException) as error:
                reason = KafkaError(KafkaError._FAIL, str(error))  # noqa: SLF001  # pyright: ignore
                failed = [(one["callback"], reason) for one in messages]
            for on_delivery, found in failed:
                on_delivery(found, None)

    def _poll(self) -> None:
        while not self._stopped.is_set():
            if self._producer.poll(0.5):
                self.reported()

    def reported(self) -> None:
        """Delivery reports have been served."""
        raise NotImplementedError


_OVERHEAD_BYTES = 10_000
_GIVEN_UP = KafkaError(KafkaError._FAIL, "its producer was given up")  # noqa: SLF001  # pyright: ignore


class KafkaAppender(KafkaBatches):
    """The producer of history. With the first error it is given up, and nothing is sent any more.

    No gap: librdkafka stops at an error that would leave one (``enable.gapless.guarantee``), and its messages never
    time out one by one, for the later ones might still land; the host gives up the producer as a whole instead.
    """

    def __init__(
        self,
        config: dict[str, Any],
        topic: str,
        loop: asyncio.AbstractEventLoop,
        on_acks: Callable[[list[Ack]], None],
    ) -> None:
        self._topic, self._on_acks = topic, on_acks
        self._failed = False
        self._limit = int(config["message.max.bytes"]) - _OVERHEAD_BYTES
        self._mailbox: Mailbox[Ack] = Mailbox(loop, self._deliver)
        super().__init__(config, "sagaline-appender", loop)

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        if value is not None and len(value) > self._limit:  # a batch would leave it out and go on with the next one
            self._failed = True
        self.add(self._topic, partition, key, value, partial(self._on_delivery, token))

    def send(self) -> None:
        if self._failed:  # nothing may land behind a record that did not
            batches, self._batches = self._batches, {}
            for messages in batches.values():
                for message in messages:
                    message["callback"](_GIVEN_UP, None)
            return
        super().send()

    def _on_delivery(self, token: Any, error: KafkaError | None, message: Message) -> None:
        if error is None:
            offset = message.offset()
            self._mailbox.put(Ack(token, -1 if offset is None else offset, None))
        else:
            if not self._failed:
                self._failed = True
                self._producer.purge(blocking=False)
            self._mailbox.put(Ack(token, -1, error.str()))
            self._mailbox.flush()

    def reported(self) -> None:
        self._mailbox.flush()

    def _deliver(self, acks: list[Ack]) -> None:
        self.delivered(len(acks))
        self._on_acks(acks)

    def close(self) -> None:
        self._stopped.set()
        self._batches.clear()
        self._producer.purge()


_Done = tuple[Callable[[str | None], None] | None, str | None]


class KafkaPublisher(KafkaBatches):
    """The producer of everything that is not history."""

    def __init__(self, config: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._mailbox: Mailbox[_Done] = Mailbox(loop, self._deliver)
        super().__init__(config, "sagaline-publisher", loop)

    def publish(
        self,
        topic: str,
        partition: int,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None,
        headers: dict[str, bytes] | None,
    ) -> None:
        """Sends a record; ``on_done`` is called on the loop. Headers are rare, and cannot go with a batch."""
        on_delivery = partial(self._on_delivery, on_done)
        if not headers:
            self.add(topic, partition, key, value, on_delivery)
            return
        self._in_flight += 1
        try:
            self._producer.produce(topic, value, key, partition, headers=dict(headers), on_delivery=on_delivery)
        except (BufferError, KafkaException) as error:
            self._mailbox.put((on_done, str(error)))
            self._mailbox.flush()

    def _on_delivery(self, on_done: Callable[[str | None], None] | None, error: KafkaError | None, _: Message) -> None:
        self._mailbox.put((on_done, None if error is None else error.str()))
        if error is not None:
            self._mailbox.flush()

    def reported(self) -> None:
        self._mailbox.flush()

    def _deliver(self, done: list[_Done]) -> None:
        self.delivered(len(done))
        for on_done, error in done:
            if on_done is not None:
                on_done(error)

    def close(self) -> None:
        """Sends what is queued, within bounds."""
        self.send()
        self._producer.flush(5)
        self._stopped.set()
        self._thread.join(2)
