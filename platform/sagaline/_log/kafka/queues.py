"""The topics of task queues on Kafka: each is made when it is first used, also by a message for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from sagaline._log.inspection import QueueFacts
from sagaline._log.kafka.assignment import TaskAssignment
from sagaline._log.kafka.cluster import KafkaCluster
from sagaline._log.kafka.membership import KafkaMembership
from sagaline._log.kafka.settings import KafkaSettings
from sagaline._log.pool import BlockingCalls
from sagaline._log.port import TaskListener
from sagaline._log.threads import call
from sagaline._log.topics import queue_of
from sagaline._model.tasks import task_topic


class KafkaQueues:
    """Which are known to be there."""

    def __init__(self, settings: KafkaSettings, cluster: KafkaCluster, calls: BlockingCalls) -> None:
        self._settings, self._cluster, self._calls = settings, cluster, calls
        self._made: set[str] = set()
        self._making: dict[str, asyncio.Task[None]] = {}
        self._waiting: set[asyncio.Task[None]] = set()

    def has(self, topic: str) -> bool:
        """Whether a queue's topic is surely there."""
        return queue_of(topic) in self._made

    async def make(self, queue: str) -> None:
        """Makes what is missing, once for all who ask. Raises LogUnavailable, TopicMismatch."""
        if queue in self._made:
            return
        task = self._making.get(queue)
        if task is None:
            task = self._making[queue] = asyncio.ensure_future(self._calls.run(self._cluster.make_queue, queue))
        try:
            await asyncio.shield(task)
            self._made.add(queue)
        finally:
            if task.done():
                self._making.pop(queue, None)

    async def facts(self) -> list[QueueFacts]:
        """Raises LogUnavailable."""
        return await self._calls.run(self._cluster.queues)

    def join(self, queue: str, member_id: str | None, listener: TaskListener) -> KafkaMembership:
        """Joins the group that works a queue."""
        loop, name = asyncio.get_running_loop(), task_topic(queue)
        topic = self._settings.topic(name)
        assignment = TaskAssignment(topic, loop, listener)
        on_failed = partial(call, loop, listener.on_failed)
        config = self._settings.task_member(name, member_id)
        return KafkaMembership(config, assignment, topic, member_id or f"a worker of {queue}", on_failed, self._calls)

    def when_made(self, topic: str, then: Callable[[], None], on_error: Callable[[str | None], None]) -> None:
        """Calls ``then`` when the topic is there, or ``on_error`` with the reason why it is not."""

        async def wait() -> None:
            try:
                await self.make(queue_of(topic))
            except Exception as error:
                on_error(f"{type(error).__name__}: {error}")
            else:
                then()

        task = asyncio.ensure_future(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def close(self) -> None:
        """Nobody waits any more."""
        for task in (*self._waiting, *self._making.values()):
            task.cancel()
