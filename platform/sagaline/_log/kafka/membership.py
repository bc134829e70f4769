"""Membership by a Kafka consumer group: classic protocol, cooperative-sticky, static ids, nothing fetched.

A restarted worker with the same id has its partitions back at once; a takeover waits for the session to end.
A member whose session has ended while it slept (a zombie) is fenced like one whose id somebody else uses: it is
told from that by its own clock, and joins again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sagaline._log.port import MembershipListener
from sagaline._log.threads import call
from sagaline.errors import MemberIdInUse

_log = logging.getLogger("sagaline.kafka")
_POLL_S = 0.1
_STALLED_S = 4.0
_EXCUSED_FOR_S = 30.0
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
    ) -> None:
        self._config, self._topic, self._member_id = config, topic, member_id
        self._loop, self._listener = loop, listener
        self._positions: dict[int, int] = {}
        self._assigned: set[int] = set()
        self._excused_until = 0.0
        self._stopped = threading.Event()
        self._suspended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sagaline-membership", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            consumer = Consumer(self._config)
            fenced = self._poll(consumer)
            consumer.close()
            if self._stopped.is_set():
                return
            self._drop(sorted(self._assigned))
            if not fenced:
                self._wait_for_resume()
                continue
            if time.monotonic() > self._excused_until:
                failure = MemberIdInUse(
                    f"Expected a member id of its own but another worker has joined as {self._member_id!r}: this one "
                    f"stops. Give each worker an id of its own (--id)."
                )
                call(self._loop, self._listener.on_failed, failure)
                return
            _log.warning("Membership of %s ended while it could not be kept up: it joins again", self._member_id)

    def _poll(self, consumer: Consumer) -> bool:
        """Keeps one consumer in the group until it is suspended or closed, or, which is True, fenced."""
        consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
        last = time.monotonic()
        while not self._stopped.is_set() and not self._suspended.is_set():
            try:
                message = consumer.poll(_POLL_S)
                error = None if message is None else message.error()
                if time.monotonic() - last > _STALLED_S:
                    self._excuse()
                last = time.monotonic()
                if error is None:
                    self._commit(consumer)
            except KafkaException as raised:
                error = raised.args[0]
            if error is not None and (error.fatal() or error.code() in _FENCED):
                return True
            if error is not None:
                _log.warning("Membership of %s: %s", self._member_id, error.str())
                self._stopped.wait(0.5)
        return False

    def _wait_for_resume(self) -> None:
        _log.warning("Membership of %s is suspended: its session ends, and other workers take over", self._member_id)
        while self._suspended.is_set() and not self._stopped.is_set():
            self._stopped.wait(_POLL_S)
        self._excuse()  # its session ended meanwhile, and nobody is to blame

    def _excuse(self) -> None:
        self._excused_until = time.monotonic() + _EXCUSED_FOR_S

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self._assigned |= {one.partition for one in partitions}
        call(self._loop, self._listener.on_assigned, [one.partition for one in partitions])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop([one.partition for one in partitions])
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

    def report(self, positions: dict[int, int]) -> None:
        self._positions = positions

    def _commit(self, consumer: Consumer) -> None:
        positions, self._positions = self._positions, {}
        offsets = [
            TopicPartition(self._topic, one, offset) for one, offset in positions.items() if one in self._assigned
        ]
        if offsets:
            consumer.commit(offsets=offsets, asynchronous=True)

    def released(self, partition: int) -> None:
        pass

    def suspend(self) -> None:
        self._suspended.set()

    def resume(self) -> None:
        self._suspended.clear()

    async def close(self) -> None:
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, 10)
