"""Tails Kafka partitions: one thread polls, and hands whole batches to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sagaline._log.kafka.ranges import as_record
from sagaline._log.kafka.settings import KafkaSettings
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Record
from sagaline._log.threads import Gate, StepThread, call

_POLL_S = 0.05
_RECORDS_A_BATCH = 500
_CLOSE_S = 5.0
_log = logging.getLogger("sagaline.kafka")


class KafkaReader:
    """A consumer with manual assignment. ``poll`` then ``consume(n, 0)``: waiting for a full batch costs its time-out.

    Only the thread touches the consumer: an assignment from another thread waits for as long as a poll goes on.

    Contract: a partition's next offset moves when its records are handed to the loop, not before: whatever goes wrong
    until then, another consumer reads them again.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        loop: asyncio.AbstractEventLoop,
        sink: Callable[[list[Record]], None],
        calls: BlockingCalls,
    ) -> None:
        self._settings, self._loop, self._sink, self._calls = settings, loop, sink, calls
        self._prefix = settings.topic("")
        self._changes: deque[tuple[str, int, int | None]] = deque()  # topic, partition, and where it begins; None ends
        self._next: dict[tuple[str, int], int] = {}  # by full name and partition; the thread's own
        self._consumer: Consumer | None = None
        self._gate = Gate()
        self._thread = StepThread("sagaline-reader", self._step, self._recover, self._disconnect)
        self._thread.start()

    def _step(self) -> None:
        consumer = self._consumer or self._connect()
        self._change(consumer)
        message = consumer.poll(_POLL_S)
        if message is None:
            return
        records: list[Record] = []
        for polled in (message, *consumer.consume(_RECORDS_A_BATCH - 1, 0)):
            error = polled.error()
            if error is None:
                records.append(as_record(polled, (polled.topic() or "")[len(self._prefix) :]))
            elif error.fatal():
                raise KafkaException(error)  # goes on with another consumer
            else:
                _log.warning("Reading %s: %s", self._prefix, error.str())
        if records and self._gate.enter(self._thread.stopped):
            for record in records:
                place = (self._prefix + record.topic, record.partition)
                if place in self._next:
                    self._next[place] = record.offset + 1
            call(self._loop, self._deliver, records)

    def _connect(self) -> Consumer:
        """A consumer that goes on from where the records were handed over."""
        consumer = self._consumer = Consumer(self._settings.reader())
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in self._next.items()]
        if places:
            consumer.incremental_assign(places)
        return consumer

    def _change(self, consumer: Consumer) -> None:
        """Reads other partitions from now on. What is noted first outlives an error of the consumer's."""
        while self._changes:
            topic, number, offset = self._changes.popleft()
            was_read = self._next.pop((topic, number), None) is not None
            if offset is not None:
                self._next[topic, number] = offset
            if was_read:
                consumer.incremental_unassign([TopicPartition(topic, number)])
            if offset is not None:
                consumer.incremental_assign([TopicPartition(topic, number, offset)])

    def _recover(self, error: BaseException) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaException, RuntimeError):
                consumer.close()

    def _deliver(self, records: list[Record]) -> None:
        try:
            self._sink(records)
        finally:
            self._gate.leave()

    def add(self, topic: str, partition: int, offset: int) -> None:
        self._changes.append((self._prefix + topic, partition, offset))

    def remove(self, topic: str, partition: int) -> None:
        self._changes.append((self._prefix + topic, partition, None))

    def pause(self) -> None:
        self._gate.pause()

    def resume(self) -> None:
        self._gate.resume()

    async def close(self) -> None:
        self._thread.stop()
        await self._calls.run(self._thread.join, _CLOSE_S)
