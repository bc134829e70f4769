"""Tails Kafka partitions: one thread polls, and hands whole batches to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sagaline._log.port import Record
from sagaline._log.threads import Gate, call

_POLL_S = 0.05
_log = logging.getLogger("sagaline.kafka")


class KafkaReader:
    """A consumer with manual assignment. ``poll`` then ``consume(n, 0)``: waiting for a full batch costs its time-out.

    Only the thread touches the consumer: an assignment from another thread waits for as long as a poll goes on.
    """

    def __init__(
        self,
        config: dict[str, Any],
        namespace: str,
        loop: asyncio.AbstractEventLoop,
        sink: Callable[[list[Record]], None],
    ) -> None:
        self._consumer = Consumer(config)
        self._changes: deque[Callable[[], None]] = deque()
        self._prefix = f"{namespace}."
        self._loop, self._sink = loop, sink
        self._gate = Gate()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sagaline-reader", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        consumer, cut = self._consumer, len(self._prefix)
        while not self._stopped.is_set():
            try:
                while self._changes:
                    self._changes.popleft()()
                message = consumer.poll(_POLL_S)
                if message is None:
                    continue
                records: list[Record] = []
                for found in (message, *consumer.consume(499, 0)):
                    error = found.error()
                    if error is None:
                        topic = (found.topic() or "")[cut:]
                        records.append(Record(topic, found.partition(), found.offset(), found.key(), found.value()))  # type: ignore[arg-type]
                    else:
                        _log.warning("Reading %s: %s", self._prefix, error.str())
            except KafkaException as error:
                _log.warning("Reading %s: %s", self._prefix, error)
                continue
            if records and self._gate.enter(self._stopped):
                call(self._loop, self._deliver, records)
        consumer.close()

    def _deliver(self, records: list[Record]) -> None:
        try:
            self._sink(records)
        finally:
            self._gate.leave()

    def add(self, topic: str, partition: int, offset: int) -> None:
        place = TopicPartition(self._prefix + topic, partition, offset)
        self._changes.append(lambda: self._consumer.incremental_assign([place]))

    def remove(self, topic: str, partition: int) -> None:
        place = TopicPartition(self._prefix + topic, partition)
        self._changes.append(lambda: self._consumer.incremental_unassign([place]))

    def pause(self) -> None:
        self._gate.pause()

    def resume(self) -> None:
        self._gate.resume()

    async def close(self) -> None:
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, 5)
