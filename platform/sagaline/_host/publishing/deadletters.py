"""What cannot be read goes to the dead-letter topic with its cause and origin; the partition goes on.

It goes byte for byte when it fits into a record. Of what is larger the beginning is kept, with the whole's size and
SHA-256: position and topic say where the whole stands.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sagaline._host.partition.guard import Guard, describe
from sagaline._host.publishing.backoff import wait_s
from sagaline._log import COMMANDS, DEADLETTERS, RESULTS, Log, Record
from sagaline._model.codec import encode
from sagaline._model.limits import RECORD_BYTES, cut
from sagaline._model.records import DeadLetter

_log = logging.getLogger("sagaline.deadletters")
_KEY_BYTES = 10_000
_HEADER_BYTES = 25_000
"""Names, the origin and the cause, twice; the cause is at most ``limits.MESSAGE_BYTES``."""
_ENTRY_BYTES = 500
"""What a letter costs in memory beside its record, until all before it are in the topic too."""


def send_to_dead_letters(
    log: Log, record: Record, cause: str, clock: Callable[[], int], on_done: Callable[[str | None], None] | None = None
) -> None:
    """Publishes a dead letter; never raises. ``on_done`` hears what came of it: an error, or None.

    Headers carry the origin as Avro and, as plain text, by Kafka Connect's names.
    """
    topic, cause = f"{log.namespace}.{record.topic}", cut(cause)
    _log.error("Dead letter: %s[%d]@%d: %s", topic, record.partition, record.offset, cause)
    key, value = (record.key or b"")[:_KEY_BYTES], record.value or b""
    size, room = len(value), RECORD_BYTES - _HEADER_BYTES - len(key)
    whole = "" if size <= room else hashlib.sha256(value).hexdigest()
    origin = DeadLetter(topic, record.partition, record.offset, cause, clock(), size, whole)
    headers = {
        "sagaline-dead-letter": encode(origin),
        "__connect.errors.topic": topic.encode(),
        "__connect.errors.partition": str(record.partition).encode(),
        "__connect.errors.offset": str(record.offset).encode(),
        "__connect.errors.exception.message": cause.encode(),
    }
    kept = value[:room] if whole else record.value
    try:
        log.publish(DEADLETTERS, record.partition, key, kept, on_done, headers)
    except Exception as error:
        _log.exception("A dead letter could not be written")
        if on_done is not None:
            asyncio.get_running_loop().call_soon(on_done, f"{type(error).__name__}: {describe(error)}")


@dataclass
class _Unsettled:
    """Offsets of one topic whose dead letters are not acknowledged: the first of them in no time, however many."""

    waiting: deque[int] = field(default_factory=deque[int])  # in order, without those that are done at its head
    done: set[int] = field(default_factory=set[int])

    def settle(self, offset: int) -> int:
        """A letter is in the topic; returns how many need not be remembered any more."""
        self.done.add(offset)
        before = len(self.waiting)
        while self.waiting and self.waiting[0] in self.done:
            self.done.remove(self.waiting.popleft())
        return before - len(self.waiting)


class DeadLetters:
    """The dead letters of a partition's inputs, each tried again until it is in the topic.

    ``on_settled`` is called when ``settled`` may have moved on.
    ``bytes_waiting`` are those of letters on their way: the host reads no more inputs while they are too many.
    """

    def __init__(
        self, log: Log, clock: Callable[[], int], guard: Guard, on_settled: Callable[[], None] = lambda: None
    ) -> None:
        self._log, self._clock, self._guard, self._on_settled = log, clock, guard, on_settled
        self._topics = {COMMANDS: _Unsettled(), RESULTS: _Unsettled()}
        self.bytes_waiting = 0
        self._closed = False

    def settled(self, topic: str, consumed: int) -> int:
        """The position that a record may carry: that of the first letter on its way, or ``consumed``."""
        waiting = self._topics[topic].waiting
        return waiting[0] if waiting else consumed

    def bury(self, record: Record, cause: str) -> None:
        """Sends a record to the dead letters. Contract: the offsets of a topic increase."""
        self._topics[record.topic].waiting.append(record.offset)
        self.bytes_waiting += _bytes(record) + _ENTRY_BYTES
        self._send(record, cause, 0)

    def _send(self, record: Record, cause: str, failures: int) -> None:
        if self._closed:
            return

        def on_done(error: str | None) -> None:
            self._guard.run(self._on_done, record, cause, failures, error)

        send_to_dead_letters(self._log, record, cause, self._clock, on_done)

    def _on_done(self, record: Record, cause: str, failures: int, error: str | None) -> None:
        if error is None:
            self.bytes_waiting -= _bytes(record)
            self.bytes_waiting -= _ENTRY_BYTES * self._topics[record.topic].settle(record.offset)
            self._on_settled()
            return
        failures += 1
        delay_s = wait_s(failures)
        _log.warning("A dead letter could not be written: %s; trying again in %g s", error, delay_s)
        asyncio.get_running_loop().call_later(delay_s, self._guard.wrap(self._send), record, cause, failures)

    def close(self) -> None:
        """Sends nothing more; whoever goes on reads what is not settled again."""
        self._closed = True


def _bytes(record: Record) -> int:
    return len(record.value or b"") + len(record.key or b"")
