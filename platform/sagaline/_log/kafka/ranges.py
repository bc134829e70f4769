"""Where Kafka partitions begin and end, and what is between: looked up and read from threads, once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from sagaline._log.kafka.settings import KafkaSettings
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Record
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.kafka")
_BOUNDS_TIMEOUT_S = 30.0
_BOUNDS_PAUSE_S = 0.1
_BOUNDS_PAUSE_MAX_S = 2.0
_SILENCE_S = 60.0
_RECORDS_A_BATCH = 1_000


class KafkaBounds:
    """Looks up first and next offsets; from any thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._consumer = Consumer(settings.bounds())

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset that is there, and the next to be written. Raises LogUnavailable."""
        place = TopicPartition(self._settings.topic(topic), partition)
        deadline, pause_s = time.monotonic() + _BOUNDS_TIMEOUT_S, _BOUNDS_PAUSE_S
        while True:
            consumer = self._consumer
            try:
                low, high = consumer.get_watermark_offsets(place, timeout=5)
                return low, high
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"Expected the bounds of {place.topic} but {error.args[0].str()}.") from error
            time.sleep(pause_s)  # a topic just made has no leader yet
            pause_s = min(2 * pause_s, _BOUNDS_PAUSE_MAX_S)
            self._replace(consumer)

    def _replace(self, consumer: Consumer) -> None:
        """A consumer that was told that a topic is unknown, by a broker that had just started, believes it for minutes:
        another one asks anew. The old one goes with the last thread that uses it."""
        with self._lock:
            if self._consumer is consumer:
                self._consumer = Consumer(self._settings.bounds())

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()


async def read_range(
    settings: KafkaSettings, calls: BlockingCalls, topic: str, partition: int, start: int, end: int
) -> AsyncIterator[list[Record]]:
    """The records from ``start`` up to, not including, ``end``, in batches. Raises LogUnavailable."""
    if start >= end:
        return
    reading = _Range(settings, topic, partition, start, end)
    try:
        while reading.position < end:
            batch = await calls.run(reading.read_batch)
            if batch:
                yield batch
    finally:
        await calls.run(reading.close)


class _Range:
    """A consumer for one range; used by one thread at a time."""

    def __init__(self, settings: KafkaSettings, topic: str, partition: int, start: int, end: int) -> None:
        self._topic, self._name, self._end = topic, settings.topic(topic), end
        self.position = start
        self._moved_at = time.monotonic()
        self._last_error = "nothing came"
        self._consumer = Consumer(settings.restore())
        self._consumer.assign([TopicPartition(self._name, partition, start)])

    def read_batch(self) -> list[Record]:
        """The next records; none when there are none yet."""
        try:
            messages = self._consumer.consume(1, 0.5) + self._consumer.consume(_RECORDS_A_BATCH, 0)
            before = self.position
            records = self._records(messages)
            if not messages:  # compaction may have removed the records before the end
                self.position = max(self.position, self._consumer.position(self._consumer.assignment())[0].offset)
        except KafkaException as error:
            raise LogUnavailable(f"Expected to read {self._name} but {error.args[0].str()}.") from error
        if self.position > before:
            self._moved_at = time.monotonic()
        elif time.monotonic() - self._moved_at > _SILENCE_S:
            raise LogUnavailable(
                f"Expected the records of {self._name} from {self.position} to {self._end} but in {_SILENCE_S:g} s "
                f"there was no progress: {self._last_error}."
            )
        return records

    def _records(self, messages: list[Message]) -> list[Record]:
        records: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._last_error = error.str()
                _log.warning("Reading %s: %s", self._name, self._last_error)
                continue
            record = as_record(message, self._topic)
            if record.offset < self.position:
                raise LogUnavailable(
                    f"Expected records of {self._name} from {self.position} on but got {record.offset}: the topic was "
                    f"cut off, or made anew, while it was read."
                )
            if record.offset < self._end:
                records.append(record)
            self.position = record.offset + 1
        return records

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()


def as_record(message: Message, topic: str) -> Record:
    """A message without an error. Raises ValueError when it has no place."""
    offset, partition = message.offset(), message.partition()
    if offset is None or partition is None:
        raise ValueError(f"Expected a message of {topic} with its offset but it has none.")
    key = message.key()
    return Record(topic, partition, offset, key.encode() if isinstance(key, str) else key, message.value())
