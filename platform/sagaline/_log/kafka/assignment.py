"""The partitions that the group has given a member: who hears of them, and how far each one is read."""

from __future__ import annotations

import asyncio
import logging
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sagaline._log.port import Committed, MembershipListener, TaskListener
from sagaline._log.threads import call

_log = logging.getLogger("sagaline.kafka")
_ANSWER_S = 10.0
_COMMIT_EVERY_S = 0.3


class KafkaAssignment:
    """What one member has; the callbacks of its consumer. All but ``report`` in the thread that polls."""

    def __init__(
        self, topic: str, loop: asyncio.AbstractEventLoop, listener: MembershipListener | TaskListener
    ) -> None:
        self._topic, self._loop, self._listener = topic, loop, listener
        self._positions: dict[int, Committed] = {}
        self._partitions: set[int] = set()

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group gives these, too. Nothing of them is fetched."""
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self._partitions |= {place.partition for place in partitions}
        self.tell(consumer, partitions)

    def tell(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Who listens hears of new ones."""
        call(self._loop, self._listener.on_assigned, [place.partition for place in partitions])

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

    def report(self, positions: dict[int, Committed]) -> None:
        """Positions for the next ``commit``; from any thread."""
        self._positions = positions

    def commit(self, consumer: Consumer) -> None:
        """Publishes the positions that were reported, of what is still this member's."""
        offsets = self._take()
        if offsets:
            consumer.commit(offsets=offsets, asynchronous=True)

    def flush(self, consumer: Consumer) -> None:
        """The same for the last time, before the member leaves; not of what lag monitors alone read."""

    def _take(self) -> list[TopicPartition]:
        positions, self._positions = self._positions, {}
        return [
            TopicPartition(self._topic, number, position.offset, position.metadata)
            for number, position in positions.items()
            if number in self._partitions
        ]


class TaskAssignment(KafkaAssignment):
    """That of a member which works a queue: what is committed says where the next one goes on."""

    _committed_at = 0.0

    def tell(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        positions: dict[int, Committed] = {}
        for place in consumer.committed(partitions, timeout=_ANSWER_S):
            if place.error is not None:
                raise KafkaException(place.error)  # joins again with another consumer
            positions[place.partition] = Committed(max(0, place.offset), place.metadata or "")
        call(self._loop, self._listener.on_assigned, positions)

    def on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.flush(consumer)
        super().on_revoke(consumer, partitions)

    def report(self, positions: dict[int, Committed]) -> None:
        self._positions = self._positions | positions

    def commit(self, consumer: Consumer) -> None:
        now_s = time.monotonic()
        if self._positions and now_s > self._committed_at + _COMMIT_EVERY_S:
            self._committed_at = now_s
            super().commit(consumer)

    def flush(self, consumer: Consumer) -> None:
        offsets = self._take()
        try:
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:  # whoever has the partitions now repeats a little
            _log.info("Committing what is done of %s: %s", self._topic, error)
