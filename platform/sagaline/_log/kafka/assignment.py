"""The partitions that the group has given a member: who hears of them, and how far each one is read."""

from __future__ import annotations

import asyncio
import logging

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sagaline._log.port import MembershipListener
from sagaline._log.threads import call

_log = logging.getLogger("sagaline.kafka")


class KafkaAssignment:
    """What one member has; the callbacks of its consumer. All but ``report`` in the thread that polls."""

    def __init__(self, topic: str, loop: asyncio.AbstractEventLoop, listener: MembershipListener) -> None:
        self._topic, self._loop, self._listener = topic, loop, listener
        self._positions: dict[int, int] = {}
        self._partitions: set[int] = set()

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group gives these, too. Nothing of them is fetched."""
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        numbers = [place.partition for place in partitions]
        self._partitions |= set(numbers)
        call(self._loop, self._listener.on_assigned, numbers)

    def on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group takes these."""
        self._drop([place.partition for place in partitions])
        try:
            consumer.incremental_unassign(partitions)
        except KafkaException as error:
            _log.debug("Membership in the group of %s: %s", self._topic, error)

    def drop_all(self) -> None:
        """Nothing is this member's any more."""
        self._drop(sorted(self._partitions))

    def _drop(self, partitions: list[int]) -> None:
        self._partitions -= set(partitions)
        if partitions:
            call(self._loop, self._listener.on_revoked, partitions)

    def report(self, positions: dict[int, int]) -> None:
        """Positions for the next ``commit``; from any thread."""
        self._positions = positions

    def commit(self, consumer: Consumer) -> None:
        """Publishes the positions that were reported, of what is still this member's."""
        positions, self._positions = self._positions, {}
        offsets = [
            TopicPartition(self._topic, number, offset)
            for number, offset in positions.items()
            if number in self._partitions
        ]
        if offsets:
            consumer.commit(offsets=offsets, asynchronous=True)
