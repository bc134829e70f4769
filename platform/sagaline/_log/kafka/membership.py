"""Membership by a Kafka consumer group: classic protocol, cooperative-sticky, static ids, nothing fetched.

A restarted worker with the same id has its partitions back at once; a takeover waits for the session to end.
A member whose session has ended while it slept (a zombie) is fenced like one whose id somebody else uses: it is
told from that by its own clock, and joins again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sagaline._log.kafka.assignment import KafkaAssignment
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Committed
from sagaline._log.threads import StepThread
from sagaline.errors import MemberIdInUse

_log = logging.getLogger("sagaline.kafka")
_POLL_S = 0.1
_AFTER_ERROR_S = 0.5
_STALLED_S = 4.0
_EXCUSED_FOR_S = 30.0
_CLOSE_S = 10.0
_FENCED = (KafkaError.FENCED_INSTANCE_ID, KafkaError.UNKNOWN_MEMBER_ID, KafkaError._FENCED, KafkaError._FATAL)


class Session:
    """Whether the group may have ended a member's session for good reason: then nobody else uses its id."""

    def __init__(self) -> None:
        self._polled_at = 0.0
        self._excused_until = 0.0

    def begin(self) -> None:
        """Polling begins now."""
        self._polled_at = time.monotonic()

    def note_poll(self) -> None:
        """A poll has ended; one that comes late is an excuse."""
        if time.monotonic() - self._polled_at > _STALLED_S:
            self.excuse()
        self._polled_at = time.monotonic()

    def excuse(self) -> None:
        """From now on for a while, an end of the session means nothing."""
        self._excused_until = time.monotonic() + _EXCUSED_FOR_S

    def is_excused(self) -> bool:
        return time.monotonic() < self._excused_until


class KafkaMembership:
    """One member, of the workers or of a queue. Its thread polls, which keeps the session alive."""

    def __init__(
        self,
        config: dict[str, Any],
        assignment: KafkaAssignment,
        topic: str,
        member_id: str,
        on_failed: Callable[[Exception], None],
        calls: BlockingCalls,
    ) -> None:
        """``on_failed`` is called in the member's thread."""
        self._config, self._topic, self._member_id = config, topic, member_id
        self._on_failed, self._calls, self._assignment = on_failed, calls, assignment
        self._session = Session()
        self._consumer: Consumer | None = None
        self._suspended = threading.Event()
        self._thread = StepThread("sagaline-membership", self._step, self._recover, self._leave)
        self._thread.start()

    # The thread: one poll a step

    def _step(self) -> None:
        if self._suspended.is_set():
            self._stay_out()
            return
        error = self._poll(self._consumer or self._enter())
        if error is not None and (error.fatal() or error.code() in _FENCED):
            self._handle_fencing()
        elif error is not None:
            _log.warning("Membership of %s: %s", self._member_id, error.str())
            self._thread.stopped.wait(_AFTER_ERROR_S)

    def _enter(self) -> Consumer:
        consumer = self._consumer = Consumer(self._config)
        has = self._assignment
        consumer.subscribe([self._topic], on_assign=has.on_assign, on_revoke=has.on_revoke, on_lost=self._on_lost)
        self._session.begin()
        return consumer

    def _poll(self, consumer: Consumer) -> KafkaError | None:
        try:
            message = consumer.poll(_POLL_S)
            error = None if message is None else message.error()
            self._session.note_poll()
            if error is None:
                self._assignment.commit(consumer)
        except KafkaException as raised:
            error = raised.args[0]
        return error

    def _handle_fencing(self) -> None:
        self._leave()
        if self._session.is_excused():
            _log.warning("Membership of %s ended while it could not be kept up: it joins again", self._member_id)
            return
        failure = MemberIdInUse(
            f"Expected a member id of its own but another worker has joined as {self._member_id!r}: this one "
            f"stops. Give each worker an id of its own (--id)."
        )
        self._on_failed(failure)
        self._thread.stop()

    def _recover(self, error: BaseException) -> None:
        """Joins again with another consumer; until then nothing is this member's."""
        self._leave()
        self._session.excuse()

    def _stay_out(self) -> None:
        if self._consumer is not None:
            _log.warning("Membership of %s is suspended: other workers take over", self._member_id)
            self._leave()
        self._session.excuse()  # its session ends meanwhile, and nobody is to blame
        self._thread.stopped.wait(_POLL_S)

    def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaException, RuntimeError):
                self._assignment.flush(consumer)
                consumer.close()
        if not self._thread.stopped.is_set():
            self._assignment.drop_all()

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._session.excuse()
        self._assignment.on_revoke(consumer, partitions)

    # The host

    def report(self, positions: dict[int, int]) -> None:
        self._assignment.report({number: Committed(offset, "") for number, offset in positions.items()})

    def commit(self, positions: dict[int, Committed]) -> None:
        self._assignment.report(positions)

    def released(self, partition: int) -> None:
        pass

    def suspend(self) -> None:
        self._suspended.set()

    def resume(self) -> None:
        self._suspended.clear()

    async def close(self) -> None:
        self._thread.stop()
        await self._calls.run(self._thread.join, _CLOSE_S)
