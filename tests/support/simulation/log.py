"""The log port of one process over the simulated broker: it lands late, twice, or without its acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sagaline._log import HISTORY, Ack, Inspection, QueueFacts, Record
from sagaline._log.port import Committed, MembershipListener, TaskListener
from sagaline._log.sizes import size_error
from sagaline._log.task_groups import TaskGroupMember
from sagaline._log.topics import TopicPlan
from sagaline._model.keys import partition_of
from sagaline._model.limits import RECORD_LIMIT
from sagaline.errors import LogUnavailable
from simulation.broker import Broker, Group
from simulation.loop import OUTSIDE, Process
from simulation.membership import SimMembership


class SimPositions:
    """How far a queue is done, as the broker knows it: reading and writing take a round trip, which may fail."""

    def __init__(self, log: SimLog, group: Group) -> None:
        self._log, self._group = log, group

    async def read(self, partitions: Sequence[int]) -> dict[int, Committed]:
        await self._log.round_trip()
        return {number: self._group.positions[number] for number in partitions if number in self._group.positions}

    async def write(self, positions: dict[int, Committed]) -> None:
        await self._log.round_trip()
        self._group.positions |= positions


class SimQueues:
    """The task queues, as one process sees them."""

    def __init__(self, log: SimLog) -> None:
        self._log = log

    async def make(self, queue: str) -> None:
        await self._log.round_trip()

    async def facts(self) -> list[QueueFacts]:
        return []  # only the doctor asks

    def join(self, queue: str, member_id: str | None, listener: TaskListener) -> TaskGroupMember:
        broker, process = self._log.broker, self._log.process
        group = broker.queues.setdefault(queue, Group(broker.partitions))
        member = TaskGroupMember(SimPositions(self._log, group), listener, broker.loop)
        member.membership = SimMembership(broker, group, process, member_id or process.name, member)
        return member


class SimLog:
    """The log port as one process sees it."""

    namespace = "sim"
    identity = "sim"

    def __init__(self, broker: Broker, process: Process) -> None:
        self.broker, self.process = broker, process

    @property
    def partitions(self) -> int:
        return self.broker.partitions

    @property
    def tombstones_kept_s(self) -> float:
        return self.broker.tombstones_kept_s

    @property
    def record_limit(self) -> int:
        return RECORD_LIMIT

    async def open(self, create: bool = True) -> None: ...

    async def close(self) -> None: ...

    async def plan_topics(
        self, partitions: int | None, replication: int | None, queues: Sequence[str] = ()
    ) -> list[TopicPlan]:
        return []

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None: ...

    async def inspect(self) -> Inspection:
        return Inspection("simulation", 0, {})

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        await self.round_trip()
        return 0, len(self.broker.records(topic, partition))

    async def round_trip(self) -> None:
        self.broker.unexpected()
        await asyncio.sleep(self.broker.draw.uniform(0.0005, 0.005))
        if self.broker.draw.random() < self.broker.faults.unavailable:
            self.broker.marks["unavailable"] += 1
            raise LogUnavailable("Expected a broker but the simulation says no.")

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        size = self.broker.draw.choice([1, 3, 50])
        while start < end:
            await self.round_trip()
            batch = self.broker.fetch(topic, partition, start, end, size)
            start = batch[-1].offset + 1 if batch else end
            if batch:
                yield batch

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> SimAppender:
        return SimAppender(self.broker, self.process, on_acks)

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        broker = self.broker
        if not self.process.alive:
            return
        broker.unexpected()
        error = size_error(RECORD_LIMIT, key, value, headers)
        if error is not None:
            broker.marks["publish too large"] += 1
            self._tell(broker.delay_s(), on_done, error)
            return
        if partition is None:
            partition = partition_of(key.decode(), broker.partitions)
        if broker.draw.random() < broker.faults.not_published:
            broker.marks["publish failed"] += 1
            self._tell(broker.delay_s(), on_done, "not published (simulation)")
            return
        copies = 2 if broker.draw.random() < broker.faults.doubled else 1
        delays_s = [broker.delay_s() for _ in range(copies)]
        for delay_s in delays_s:
            broker.later(delay_s, broker.land, topic, partition, key, value)
        self._tell(min(delays_s) + 0.005, on_done, None)

    def _tell(self, delay_s: float, on_done: Callable[[str | None], None] | None, error: str | None) -> None:
        if on_done is not None:
            self.broker.loop.call_later(delay_s, on_done, error, context=self.process.context)

    def reader(self, sink: Callable[[list[Record]], None]) -> SimReader:
        return SimReader(self.broker, self.process, sink)

    async def members(self) -> list[str]:
        await self.round_trip()
        return list(self.broker.workers.members)

    def join(self, member_id: str, listener: MembershipListener) -> SimMembership:
        return SimMembership(self.broker, self.broker.workers, self.process, member_id, listener)

    @property
    def queues(self) -> SimQueues:
        return SimQueues(self)


class SimAppender:
    """Appends of one producer: they land, and are acknowledged, in order in each partition."""

    def __init__(self, broker: Broker, process: Process, on_acks: Callable[[list[Ack]], None]) -> None:
        self._broker, self._process, self._on_acks = broker, process, on_acks
        self._closed = False
        self._lands_at: dict[int, float] = {}
        self._broken: set[int] = set()  # partitions that have missed one: nothing later may land (no gap)
        self._told_at = 0.0
        self._failed: str | None = None

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        broker = self._broker
        if self._closed or not self._process.alive:
            return
        broker.unexpected()
        self._failed = self._failed or size_error(RECORD_LIMIT, key, value)
        if self._failed:  # the producer is given up as a whole
            broker.marks["append too large"] += 1
            self._tell(Ack(token, -1, self._failed))
            return
        at = max(self._lands_at.get(partition, 0.0) + 1e-9, broker.loop.now_s + broker.delay_s())
        self._lands_at[partition] = at
        if broker.draw.random() < broker.faults.leader_lost:
            broker.later(broker.delay_s(), broker.lose_leader, partition)
        leader = broker.led[partition]
        broker.loop.call_at(at, self._land, partition, key, value, token, leader, context=OUTSIDE)

    def _land(self, partition: int, key: bytes, value: bytes | None, token: Any, leader: int) -> None:
        broker, faults = self._broker, self._broker.faults
        if self._closed and (partition in self._broken or broker.draw.random() < 0.5):
            self._broken.add(partition)
            return  # given up: it may land or not, but nothing lands behind one that did not
        if leader != broker.led[partition] and partition not in self._broken:
            broker.marks["truncated"] += 1
            self._broken.add(partition)
        if partition in self._broken or broker.draw.random() < faults.failed:
            broker.marks["append failed"] += 1
            self._broken.add(partition)
            self._tell(Ack(token, -1, "failed (simulation)"))
            return
        broker.version = self._process.version
        offset = broker.land(HISTORY, partition, key, value)
        if broker.draw.random() < faults.lost_ack:
            broker.marks["acknowledgement lost"] += 1
            self._tell(Ack(token, -1, "timed out (simulation)"))
        else:
            self._tell(Ack(token, offset, None))

    def _tell(self, ack: Ack) -> None:
        self._told_at = max(self._told_at + 1e-9, self._broker.loop.now_s + self._broker.delay_s())
        self._broker.loop.call_at(self._told_at, self._hear, ack, context=self._process.context)

    def _hear(self, ack: Ack) -> None:
        if not self._closed:
            self._on_acks([ack])

    def close(self) -> None:
        self._closed = True


class SimReader:
    """Tails partitions."""

    def __init__(self, broker: Broker, process: Process, sink: Callable[[list[Record]], None]) -> None:
        self._broker, self._process, self._sink = broker, process, sink
        self._next: dict[tuple[str, int], int] = {}
        self._begins_late: dict[tuple[str, int], asyncio.Handle] = {}
        self._scheduled = self._paused = False
        broker.attach(self)

    def wake(self) -> None:
        if not self._scheduled and not self._paused and self._process.alive:
            self._scheduled = True
            draw, share = self._broker.draw, self._broker.faults.slow_reads
            is_slow = share and draw.random() < share
            delay_s = draw.uniform(0.5, 5.0) if is_slow else draw.uniform(0.0002, 0.003)
            self._broker.loop.call_later(delay_s, self._deliver, context=self._process.context)

    def _deliver(self) -> None:
        self._scheduled = False
        if self._paused:
            return
        batch: list[Record] = []
        for (topic, partition), start in self._next.items():
            found = self._broker.fetch(topic, partition, start, 2**60, 20)
            if found:
                self._next[topic, partition] = found[-1].offset + 1
                batch += found
        if batch:
            self._sink(batch)
            self.wake()

    def add(self, topic: str, partition: int, offset: int) -> None:
        draw = self._broker.draw
        if draw.random() < 50 * self._broker.faults.slow_reads:
            self._broker.marks["read late"] += 1
            self._begins_late[topic, partition] = self._broker.loop.call_later(
                draw.uniform(0.5, 5.0), self._begin, topic, partition, offset, context=self._process.context
            )
        else:
            self._begin(topic, partition, offset)

    def _begin(self, topic: str, partition: int, offset: int) -> None:
        self._next[topic, partition] = offset
        self.wake()

    def remove(self, topic: str, partition: int) -> None:
        late = self._begins_late.pop((topic, partition), None)
        if late is not None:
            late.cancel()
        self._next.pop((topic, partition), None)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.wake()

    async def close(self) -> None:
        self._broker.detach(self)
