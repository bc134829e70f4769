"""Membership by a Kafka consumer group: classic protocol, cooperative-sticky, static ids, nothing fetched.

A restarted worker with the same id has its partitions back at once; a takeover waits for the session to end.
A member whose session has ended while it slept (a zombie) is fenced like one whose id somebody else uses: it is
told from that by its own clock, and joins again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sagaline._log.pool import BlockingCalls
from sagaline._log.port import MembershipListener
from sagaline._log.threads import StepThread, call
from sagaline.errors import MemberIdInUse

_log = logging.getLogger("sagaline.kafka")
_POLL_S = 0.1
_AFTER_ERROR_S = 0.5
_STALLED_S = 4.0
_EXCUSED_FOR_S = 30.0
_CLOSE_S = 10.0
_FENCED = (KafkaError.FENCED_INSTANCE_ID, KafkaError.UNKNOWN_MEMBER_ID, KafkaError._FENCED, KafkaError._FATAL)


class KafkaMembership:
    """One member. Its thread polls, which keeps the session alive."""

    def __init__(
        self,
        config: dict[str, Any],
        topic: str,
        member_id: str,
        loop: asyncio.AbstractEventLoop,
        listener: MembershipListener,
        calls: BlockingCalls,
    ) -> None:
        self._config, self._topic, self._member_id = config, topic, member_id
        self._loop, self._listener, self._calls = loop, listener, calls
        self._positions: dict[int, int] = {}
        self._assigned: set[int] = set()
        self._excused_until = 0.0
        self._polled_at = 0.0
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
            self._on_fenced()
        elif error is not None:
            _log.warning("Membership of %s: %s", self._member_id, error.str())
            self._thread.stopped.wait(_AFTER_ERROR_S)

    def _enter(self) -> Consumer:
        consumer = self._consumer = Consumer(self._config)
        consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
        self._polled_at = time.monotonic()
        return consumer

    def _poll(self, consumer: Consumer) -> KafkaError | None:
        try:
            message = consumer.poll(_POLL_S)
            error = None if message is None else message.error()
            if time.monotonic() - self._polled_at > _STALLED_S:
                self._excuse()
            self._polled_at = time.monotonic()
            if error is None:
                self._commit(consumer)
        except KafkaException as raised:
            error = raised.args[0]
        return error

    def _on_fenced(self) -> None:
        self._leave()
        if time.monotonic() < self._excused_until:
            _log.warning("Membership of %s ended while it could not be kept up: it joins again", self._member_id)
            return
        failure = MemberIdInUse(
            f"Expected a member id of its own but another worker has joined as {self._member_id!r}: this one "
            f"stops. Give each worker an id of its own (--id)."
        )
        call(self._loop, self._listener.on_failed, failure)
        self._thread.stop()

    def _recover(self, error: BaseException) -> None:
        """Joins again with another consumer; until then nothing is this member's."""
        self._leave()
        self._excuse()

    def _stay_out(self) -> None:
        if self._consumer is not None:
            _log.warning("Membership of %s is suspended: other workers take over", self._member_id)
            self._leave()
        self._excuse()  # its session ends meanwhile, and nobody is to blame
        self._thread.stopped.wait(_POLL_S)

    def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaException, RuntimeError):
                consumer.close()
        if not self._thread.stopped.is_set():
            self._drop(sorted(self._assigned))

    def _excuse(self) -> None:
        self._excused_until = time.monotonic() + _EXCUSED_FOR_S

    # What the group says, in the thread, within a poll

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        numbers = [place.partition for place in partitions]
        self._assigned |= set(numbers)
        call(self._loop, self._listener.on_assigned, numbers)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop([place.partition for place in partitions])
        try:
            consumer.incremental_unassign(partitions)
        except KafkaException as error:
            _log.debug("Membership of %s: %s", self._member_id, error)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._excuse()
        self._on_revoke(consumer, partitions)

    def _drop(self, partitions: list[int]) -> None:
        self._assigned -= set(partitions)
        if partitions:
            call(self._loop, self._listener.on_revoked, partitions)

    def _commit(self, consumer: Consumer) -> None:
        positions, self._positions = self._positions, {}
        offsets = [
            TopicPartition(self._topic, number, offset)
            for number, offset in positions.items()
            if number in self._assigned
        ]
        if offsets:
            consumer.commit(offsets=offsets, asynchronous=True)

    # The host

    def report(self, positions: dict[int, int]) -> None:
        self._positions = positions

    def released(self, partition: int) -> None:
        pass

    def suspend(self) -> None:
        self._suspended.set()

    def resume(self) -> None:
        self._suspended.clear()

    async def close(self) -> None:
        self._thread.stop()
        await self._calls.run(self._thread.join, _CLOSE_S)
