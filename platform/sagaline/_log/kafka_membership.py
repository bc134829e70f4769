"""Membership by a Kafka consumer group: classic protocol, cooperative-sticky, static ids, nothing fetched.

A restarted worker with the same id has its partitions back at once; a takeover waits for the session to end.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sagaline._log.port import MembershipListener
from sagaline._log.threads import call
from sagaline.errors import MemberIdInUse

_log = logging.getLogger("sagaline.kafka")


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
        self._topic, self._member_id = topic, member_id
        self._loop, self._listener = loop, listener
        self._positions: dict[int, int] = {}
        self._stopped = threading.Event()
        self._consumer = Consumer(config)
        self._thread = threading.Thread(target=self._run, name="sagaline-membership", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        consumer = self._consumer
        consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
        while not self._stopped.is_set():
            try:
                message = consumer.poll(0.1)
                error = None if message is None else message.error()
                self._commit()
            except KafkaException as raised:
                error = raised.args[0]
            if error is not None and error.code() == KafkaError._FATAL:
                error = KafkaError(KafkaError.FENCED_INSTANCE_ID)
            if error is not None and error.code() in (KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED):
                return self._fenced()
            if error is not None:
                _log.warning("Membership of %s: %s", self._member_id, error.str())
                self._stopped.wait(0.5)
        consumer.close()

    def _fenced(self) -> None:
        failure = MemberIdInUse(
            f"Expected a member id of its own but another worker has joined as {self._member_id!r}: this one stops. "
            f"Give each worker an id of its own (--id)."
        )
        call(self._loop, self._listener.on_failed, failure)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        call(self._loop, self._listener.on_assigned, [one.partition for one in partitions])

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        call(self._loop, self._listener.on_revoked, [one.partition for one in partitions])
        try:
            consumer.incremental_unassign(partitions)
        except KafkaException as error:
            _log.debug("Membership of %s: %s", self._member_id, error)

    def report(self, positions: dict[int, int]) -> None:
        self._positions = positions

    def _commit(self) -> None:
        positions, self._positions = self._positions, {}
        if positions:
            offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in positions.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def released(self, partition: int) -> None:
        pass

    async def close(self) -> None:
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, 10)
