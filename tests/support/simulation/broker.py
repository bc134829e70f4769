"""A broker with partitions, a group and a log cleaner, and the log port of one process over a bad network.

What a process has sent may land long after it died; an append may fail, or land without its acknowledgement; a
publish may be doubled; the cleaner may run at any moment. Records land in the order in which one process sent them
to one partition, as an idempotent producer keeps them.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice
from typing import Any, ClassVar

from compaction import compacted

from sagaline._log import HISTORY, Ack, Inspection, Record
from sagaline._log.port import MembershipListener
from sagaline._log.topics import TopicPlan
from sagaline._model.keys import partition_of
from sagaline.errors import LogUnavailable
from simulation.loop import OUTSIDE, Process, VirtualLoop

SESSION_S = 6.0


class Faults:
    """Shares of calls that go wrong, drawn for each seed; all of it ends with ``heal``."""

    CHOICES: ClassVar[dict[str, tuple[float, ...]]] = {
        "lost_ack": (0, 0, 0.01, 0.05),
        "failed": (0, 0, 0.01, 0.05),
        "doubled": (0, 0.02, 0.1),
        "not_published": (0, 0.05, 0.3),
        "slow": (0, 0, 0.02),
        "unavailable": (0, 0, 0.05),
        "crash_point": (0, 0.0005, 0.002, 0.01),
        "leader_lost": (0, 0, 0.005, 0.02),
        "blobs_down": (0, 0.01, 0.05),
    }

    def __init__(self, draw: random.Random, without: frozenset[str]) -> None:
        self._shares = {name: draw.choice(shares) for name, shares in self.CHOICES.items()}
        for name in without & set(self._shares):
            self._shares[name] = 0

    def __getattr__(self, name: str) -> float:
        return self._shares[name]

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._shares = dict.fromkeys(self._shares, 0.0)


class Broker:
    """Topics of partitions. ``landed`` hears of every record."""

    def __init__(
        self, loop: VirtualLoop, draw: random.Random, partitions: int, without: frozenset[str] = frozenset()
    ) -> None:
        self.loop, self.draw, self.partitions = loop, draw, partitions
        self.faults = Faults(draw, without)
        self.tombstones_kept_s = draw.choice([5.0, 12.0, 40.0])
        self.marks: Counter[str] = Counter()
        self.full: dict[tuple[str, int], list[Record]] = {}
        self.led: Counter[int] = Counter()  # by partition: how often its leader was lost
        self.cleaned: dict[int, tuple[int, int]] = {}
        self._passes: dict[int, list[tuple[float, int]]] = {}  # by partition: when the cleaner ran, and up to where
        self.on_landed: Callable[[Record], None] = lambda record: None
        self._readers: list[SimReader] = []
        self.members: dict[str, SimMembership] = {}

    def later(self, delay_s: float, callback: Callable[..., Any], *args: Any) -> None:
        """Something happens outside all processes."""
        self.loop.call_later(delay_s, callback, *args, context=OUTSIDE)

    def delay_s(self) -> float:
        """How long a message is on its way."""
        if self.draw.random() < self.faults.slow:
            return self.draw.uniform(0.5, 5.0)
        return self.draw.uniform(0.0002, 0.004)

    def records(self, topic: str, partition: int) -> list[Record]:
        return self.full.setdefault((topic, partition), [])

    def fetch(self, topic: str, partition: int, start: int, end: int, size: int) -> list[Record]:
        """Up to ``size`` records from ``start`` on, as a reader finds them after what the cleaner has done."""
        records = self.records(topic, partition)
        below, dropped = self.cleaned.get(partition, (0, 0))
        if topic != HISTORY or start >= below:
            return records[start : min(end, start + size)]
        left = compacted(records, below, dropped)
        return list(islice((record for record in left if start <= record.offset < end), size))

    def land(self, topic: str, partition: int, key: bytes, value: bytes | None) -> int:
        """Appends a record; returns its offset."""
        records = self.records(topic, partition)
        record = Record(topic, partition, len(records), key, value)
        records.append(record)
        self.on_landed(record)
        for reader in self._readers:
            reader.wake()
        return record.offset

    def clean(self) -> None:
        """The cleaner runs on every partition, up to anywhere; tombstones that an earlier pass has seen may go (KIP-534)."""
        for partition in range(self.partitions):
            before, dropped = self.cleaned.get(partition, (0, 0))
            below = self.draw.randint(before, len(self.records(HISTORY, partition)))
            passes = self._passes.setdefault(partition, [])
            old = max((to for at_s, to in passes if at_s < self.loop.now_s - self.tombstones_kept_s), default=0)
            dropped = max(dropped, self.draw.choice([old, self.draw.randint(0, old)]))
            if below > before:
                self.marks["compaction"] += 1
                passes.append((self.loop.now_s, below))
            self.cleaned[partition] = (below, dropped)

    def lose_leader(self, partition: int) -> None:
        """What the leader has taken and no replica has is truncated: none of it was ever visible or acknowledged."""
        self.led[partition] += 1
        self.marks["leader lost"] += 1

    def rebalance(self) -> None:
        """Shares the partitions among the members that are there."""
        members = [self.members[name] for name in sorted(self.members)]
        for number, member in enumerate(members):
            member.take(set(range(number, self.partitions, len(members))))

    def attach(self, reader: SimReader) -> None:
        self._readers.append(reader)

    def detach(self, reader: SimReader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)


class SimBlobs:
    """A store of large payloads that all processes see; sometimes it does not answer."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.kept: dict[str, dict[str, bytes]] = {}

    def _reach(self) -> None:
        if self._broker.draw.random() < self._broker.faults.blobs_down:
            self._broker.marks["blobs down"] += 1
            raise OSError("the store of blobs does not answer (simulation)")

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        self._reach()
        self._broker.marks["blob"] += 1
        self.kept.setdefault(run_id, {})[digest] = data

    def get(self, run_id: str, digest: str) -> bytes:
        self._reach()
        try:
            return self.kept[run_id][digest]
        except KeyError:
            raise FileNotFoundError(digest) from None

    def delete_run(self, run_id: str) -> None:
        self._reach()
        self.kept.pop(run_id, None)


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

    async def open(self, create: bool = True) -> None: ...

    async def close(self) -> None: ...

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        return []

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None: ...

    async def inspect(self) -> Inspection:
        return Inspection("simulation", 0, {})

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        await self._round_trip()
        return 0, len(self.broker.records(topic, partition))

    async def _round_trip(self) -> None:
        await asyncio.sleep(self.broker.draw.uniform(0.0005, 0.005))
        if self.broker.draw.random() < self.broker.faults.unavailable:
            self.broker.marks["unavailable"] += 1
            raise LogUnavailable("Expected a broker but the simulation says no.")

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        size = self.broker.draw.choice([1, 3, 50])
        while start < end:
            await self._round_trip()
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
        await self._round_trip()
        return list(self.broker.members)

    def join(self, member_id: str, listener: MembershipListener) -> SimMembership:
        return SimMembership(self.broker, self.process, member_id, listener)


class SimAppender:
    """Appends of one producer: they land, and are acknowledged, in order in each partition."""

    def __init__(self, broker: Broker, process: Process, on_acks: Callable[[list[Ack]], None]) -> None:
        self._broker, self._process, self._on_acks = broker, process, on_acks
        self._closed = False
        self._lands_at: dict[int, float] = {}
        self._broken: set[int] = set()  # partitions that have missed one: nothing later may land (no gap)
        self._told_at = 0.0

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        broker = self._broker
        if self._closed or not self._process.alive:
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
        self._scheduled = self._paused = False
        broker.attach(self)

    def wake(self) -> None:
        if not self._scheduled and not self._paused and self._process.alive:
            self._scheduled = True
            delay_s = self._broker.draw.uniform(0.0002, 0.003)
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
        self._next[topic, partition] = offset
        self.wake()

    def remove(self, topic: str, partition: int) -> None:
        self._next.pop((topic, partition), None)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.wake()

    async def close(self) -> None:
        self._broker.detach(self)


class SimMembership:
    """A member: the broker believes in it until its session ends, and it believes what it heard last."""

    def __init__(self, broker: Broker, process: Process, member_id: str, listener: MembershipListener) -> None:
        self._broker, self._process, self._id, self._listener = broker, process, member_id, listener
        self._heard: set[int] = set()
        self._told_at = 0.0
        self._suspended = False
        broker.later(broker.delay_s(), self._join)

    def _join(self) -> None:
        if self._process.alive:
            self._broker.members[self._id] = self
            self._broker.rebalance()
            self._expire()

    def _expire(self) -> None:
        """Looks every now and then whether the process still sends heartbeats."""
        if self._broker.members.get(self._id) is not self:
            return
        if self._is_silent():
            self._broker.later(SESSION_S, self._end)
        else:
            self._broker.later(1.0, self._expire)

    def _is_silent(self) -> bool:
        return self._suspended or self._process.stopped or not self._process.alive

    def _end(self) -> None:
        if not self._is_silent():
            self._expire()
        elif self._broker.members.get(self._id) is self:
            del self._broker.members[self._id]
            self._broker.marks["session ended"] += 1
            if self._broker.members:
                self._broker.rebalance()
            self._rejoin()

    def _rejoin(self) -> None:
        """A member that wakes finds that it is out, and joins again."""
        if not self._process.alive:
            return
        if self._is_silent():
            self._broker.later(0.5, self._rejoin)
            return
        self.take(set())
        self._join()

    def take(self, wanted: set[int]) -> None:
        """The group has shared out the partitions anew; the process hears of it later."""
        lost, gained = sorted(self._heard - wanted), sorted(wanted - self._heard)
        self._heard = wanted
        for listener, partitions in ((self._listener.on_revoked, lost), (self._listener.on_assigned, gained)):
            if partitions:  # in order, as one consumer hears them
                self._told_at = max(self._told_at + 1e-9, self._broker.loop.now_s + self._broker.delay_s())
                self._broker.loop.call_at(
                    self._told_at, self._tell, listener, partitions, context=self._process.context
                )

    def _tell(self, listener: Callable[[list[int]], None], partitions: list[int]) -> None:
        warm: dict[int, int] = getattr(self._listener, "standing_by", {})
        if listener == self._listener.on_assigned:
            self._broker.marks["warm takeover"] += sum(1 for one in partitions if warm.get(one, 0) > 1)
        listener(partitions)

    def report(self, positions: dict[int, int]) -> None: ...

    def released(self, partition: int) -> None: ...

    def suspend(self) -> None:
        self._suspended = True

    def resume(self) -> None:
        self._suspended = False

    async def close(self) -> None: ...
