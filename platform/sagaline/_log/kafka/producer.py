"""Producing to Kafka: records of one turn of the event loop leave as one batch a partition.

An idle producer sends at the end of the turn. A busy one waits for two milliseconds more, so that requests
carry more records: that costs a broker a third of the processor time (bench/README.md). librdkafka's own linger
would delay every record, also the only one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from sagaline._log.kafka.settings import KafkaSettings
from sagaline._log.port import Ack
from sagaline._log.sizes import size_error
from sagaline._log.threads import Mailbox, StepThread, attempt, tell_all
from sagaline._log.topics import HISTORY
from sagaline._model.limits import RECORD_LIMIT

_BUSY_FROM = 32
_BUSY_LINGER_S = 0.002
_POLL_S = 0.5
_FLUSH_S = 5.0
_CLOSE_S = 2.0
_FATAL = KafkaError._FATAL  # noqa: SLF001  # pyright: ignore
_OnDelivery = Callable[[KafkaError | None, Message | None], None]


def _error(reason: str) -> KafkaError:
    return KafkaError(KafkaError._FAIL, reason)  # noqa: SLF001  # pyright: ignore


class KafkaBatches:
    """A producer, the batches that it will send, and a thread that polls it for delivery reports.

    Contract: the report of each record is made once, whatever the producer raises.
    """

    def __init__(self, config: dict[str, Any], name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._config, self._loop = config, loop
        self._producer = Producer(config)
        self._batches: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._in_flight = 0
        self._thread = StepThread(name, self._poll, self.on_poll_error)
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
                failed = [(message["callback"], message["_error"]) for message in messages if "_error" in message]
            except Exception as error:
                failed = [(message["callback"], _error(f"{type(error).__name__}: {error}")) for message in messages]
            for on_delivery, reason in failed:
                on_delivery(reason, None)

    def _poll(self) -> None:
        if self._producer.poll(_POLL_S):
            self.reported()

    def reported(self) -> None:
        """Delivery reports have been served."""
        raise NotImplementedError

    def on_poll_error(self, error: BaseException) -> None:
        """Polling has raised: reports may be lost."""
        raise NotImplementedError


class KafkaAppender(KafkaBatches):
    """The producer of history. With the first error it is given up, and nothing is sent any more.

    No gap: librdkafka stops at an error that would leave one (``enable.gapless.guarantee``), and its messages never
    time out one by one, for the later ones might still land; the host gives up the producer as a whole instead.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        record_limit: int,
        loop: asyncio.AbstractEventLoop,
        on_acks: Callable[[list[Ack]], None],
    ) -> None:
        self._topic, self._limit, self._on_acks = settings.topic(HISTORY), record_limit, on_acks
        self._failed: str | None = None
        self._mailbox: Mailbox[Ack] = Mailbox(loop, self._deliver)
        super().__init__(settings.appender(), "sagaline-appender", loop)

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        if len(key) + len(value or b"") > self._limit:  # a batch would leave it out and go on with the next one
            self._failed = self._failed or size_error(self._limit, key, value)
        self.add(self._topic, partition, key, value, partial(self._on_delivery, token))

    def send(self) -> None:
        if self._failed is None:
            super().send()
            return
        batches, self._batches = self._batches, {}  # nothing may land behind a record that did not
        for messages in batches.values():
            for message in messages:
                message["callback"](_error(f"its producer was given up: {self._failed}"), None)

    def _on_delivery(self, token: Any, error: KafkaError | None, message: Message | None) -> None:
        if error is None:
            offset = None if message is None else message.offset()
            self._mailbox.put(Ack(token, -1 if offset is None else offset, None))
        else:
            self._give_up(error.str())
            self._mailbox.put(Ack(token, -1, error.str()))
            self._mailbox.flush()

    def _give_up(self, reason: str) -> None:
        if self._failed is None:
            self._failed = reason
            self._producer.purge(blocking=False)

    def reported(self) -> None:
        self._mailbox.flush()

    def on_poll_error(self, error: BaseException) -> None:
        """An acknowledgement may be lost: all that are under way are in doubt, and are told so by being purged."""
        self._give_up(f"{type(error).__name__}: {error}")
        self._mailbox.flush()

    def _deliver(self, acks: list[Ack]) -> None:
        self.delivered(len(acks))
        self._on_acks(acks)

    def close(self) -> None:
        self._thread.stop()
        self._batches.clear()
        self._producer.purge()


_Done = tuple[Callable[[str | None], None], str | None]


class KafkaPublisher(KafkaBatches):
    """The producer of everything that is not history. After a fatal error it goes on with another one."""

    def __init__(self, config: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._is_fatal = False
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
        on_delivery = partial(self._on_delivery, on_done or _ignore)
        too_large = size_error(RECORD_LIMIT, key, value, headers)
        if too_large is None and not headers:
            self.add(topic, partition, key, value, on_delivery)
            return
        self._in_flight += 1
        if too_large is not None:
            on_delivery(_error(too_large), None)
            return
        try:
            self._producer.produce(topic, value, key, partition, headers=dict(headers or {}), on_delivery=on_delivery)
        except Exception as error:
            on_delivery(_error(f"{type(error).__name__}: {error}"), None)

    def _on_delivery(self, on_done: Callable[[str | None], None], error: KafkaError | None, _: Message | None) -> None:
        self._mailbox.put((on_done, None if error is None else error.str()))
        if error is not None:
            self._is_fatal = self._is_fatal or error.fatal() or error.code() == _FATAL
            self._mailbox.flush()

    def _poll(self) -> None:
        if self._is_fatal:
            self._renew()
        super()._poll()

    def _renew(self) -> None:
        """A producer that has met a fatal error takes nothing more, for ever."""
        old, self._producer = self._producer, Producer(self._config)
        old.purge()
        old.flush(_FLUSH_S)  # the reports of what was under way
        self._is_fatal = False

    def reported(self) -> None:
        self._mailbox.flush()

    def on_poll_error(self, error: BaseException) -> None:
        self._mailbox.flush()

    def _deliver(self, done: list[_Done]) -> None:
        self.delivered(len(done))
        tell_all(done)

    def close(self) -> None:
        """Sends what is queued, within bounds."""
        attempt(self.send, "Sending what is queued")
        attempt(lambda: self._producer.flush(_FLUSH_S), "Flushing")
        self._thread.stop()
        self._thread.join(_CLOSE_S)


def _ignore(error: str | None) -> None:
    """Nobody asks."""
