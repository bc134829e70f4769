"""A log in memory, for tests and simulation: seeded faults, nothing on disk.

``memory://name?seed=7&lost_ack=0.01&failed_append=0.01&latency_ms=2`` — of the appends, the share ``lost_ack``
lands but is reported as timed out, the share ``failed_append`` does not land; acknowledgements are late by up
to ``latency_ms``. All logs of one name in a process share their records.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sagaline._log.inspection import Inspection
from sagaline._log.port import Ack, MembershipListener, Record
from sagaline._log.sizes import RECORD_LIMIT, size_error
from sagaline._log.threads import call
from sagaline._log.topics import NAMES_SHOWN, NOT_MADE_HERE, TOPICS, TopicPlan
from sagaline._log.urls import LogUrl
from sagaline._model.keys import partition_of
from sagaline.errors import MemberIdInUse, NamespaceNotFound

_ids = itertools.count(1)
_GIVEN_UP = "its appender was given up"
_RECORDS_A_BATCH = 500


class MemoryBroker:
    """What the logs of one name share."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.identity = f"memory-{next(_ids)}"
        self.records: dict[tuple[str, int], list[Record]] = {}
        self.readers: list[MemoryReader] = []
        self.members: dict[str, MemoryMembership] = {}
        self.group = threading.RLock()
        """Held while members come and go: ``suspend`` is called from other threads."""

    def write(self, topic: str, partition: int, key: bytes, value: bytes | None) -> int:
        """Appends a record; returns its offset."""
        records = self.records.setdefault((topic, partition), [])
        records.append(Record(topic, partition, len(records), key, value))
        for reader in self.readers:
            reader.wake()
        return len(records) - 1

    def enter(self, member_id: str, member: MemoryMembership) -> bool:
        """Adds a member; False when another one has its id."""
        with self.group:
            if self.members.setdefault(member_id, member) is not member:
                return False
            self.rebalance()
            return True

    def leave(self, member_id: str, member: MemoryMembership) -> None:
        """Takes a member out."""
        with self.group:
            if self.members.get(member_id) is member:
                del self.members[member_id]
                self.rebalance()

    def rebalance(self) -> None:
        """Shares the partitions among the members, in the order of their ids."""
        members = [self.members[name] for name in sorted(self.members)]
        shares = {member: set(range(number, self.partitions, len(members))) for number, member in enumerate(members)}
        for member in members:
            member.assign(member.owned - shares[member], set())
        for member in members:
            member.assign(set(), shares[member] - member.owned)


_brokers: dict[tuple[str, str], MemoryBroker] = {}


class MemoryLog:
    """The log port over a MemoryBroker."""

    def __init__(self, url: LogUrl) -> None:
        self._url = url
        self.namespace = url.namespace
        self._random = random.Random(int(url.number("seed", 0)))
        self._lost_ack = url.number("lost_ack", 0)
        self._failed_append = url.number("failed_append", 0)
        self._latency_s = url.number("latency_ms", 0) / 1000
        self._broker = MemoryBroker(0)

    @property
    def partitions(self) -> int:
        return self._broker.partitions

    @property
    def identity(self) -> str:
        return self._broker.identity

    @property
    def tombstones_kept_s(self) -> float:
        return math.inf

    @property
    def record_limit(self) -> int:
        return RECORD_LIMIT

    async def open(self, create: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        name = (self._url.place, self.namespace)
        broker = _brokers.get(name)
        if broker is None and not create:
            raise NamespaceNotFound(
                f"Expected namespace {self.namespace!r} of {self._url.place!r} in the memory of this process but "
                f"{self._what_is_there()}. {NOT_MADE_HERE}"
            )
        if broker is None:
            broker = _brokers[name] = MemoryBroker(int(self._url.number("partitions", 4)))
        self._broker = broker

    def _what_is_there(self) -> str:
        names = [repr(namespace) for _, namespace in sorted(_brokers)[:NAMES_SHOWN]]
        return f"there is {', '.join(names)}" if names else "it has none"

    async def close(self) -> None:
        pass

    async def plan_topics(self, partitions: int | None, replication: int | None) -> list[TopicPlan]:
        count = self._broker.partitions
        return [TopicPlan(spec.name, "nothing", count, 1, {}) for spec in TOPICS]

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        pass

    async def inspect(self) -> Inspection:
        return Inspection("memory", 0, {})

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return 0, len(self._broker.records.get((topic, partition), ()))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        for first in range(start, end, _RECORDS_A_BATCH):
            yield self._broker.records.get((topic, partition), [])[first : min(first + _RECORDS_A_BATCH, end)]

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> MemoryAppender:
        return MemoryAppender(self._broker, self._fate, self._loop, on_acks)

    def _fate(self) -> tuple[bool, bool, float]:
        """Whether an append lands, whether its acknowledgement is lost, and how late it comes."""
        draw = self._random.random() if self._lost_ack or self._failed_append else 1.0
        late = self._random.random() * self._latency_s if self._latency_s else 0.0
        lands = draw >= self._failed_append
        return lands, lands and draw < self._failed_append + self._lost_ack, late

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        error = size_error(RECORD_LIMIT, key, value, headers)
        if error is None:
            if partition is None:
                partition = partition_of(key.decode(errors="replace"), self.partitions)
            self._broker.write(topic, partition, key, value)
        if on_done is not None:
            self._loop.call_soon(on_done, error)

    def reader(self, sink: Callable[[list[Record]], None]) -> MemoryReader:
        return MemoryReader(self._broker, self._loop, sink)

    async def members(self) -> list[str]:
        return list(self._broker.members)

    def join(self, member_id: str, listener: MembershipListener) -> MemoryMembership:
        return MemoryMembership(self._broker, self._loop, member_id, listener)


class MemoryAppender:
    """Appends in order; with latency, acknowledgements come later but in order too."""

    def __init__(
        self,
        broker: MemoryBroker,
        fate: Callable[[], tuple[bool, bool, float]],
        loop: asyncio.AbstractEventLoop,
        on_acks: Callable[[list[Ack]], None],
    ) -> None:
        self._broker, self._fate, self._loop, self._on_acks = broker, fate, loop, on_acks
        self._acks: deque[Ack] = deque()
        self._broken: set[int] = set()
        self._failed = False  # as a whole, as Kafka's producer is
        self._closed = False
        self._due = 0.0

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        if self._closed:
            return
        too_large = size_error(RECORD_LIMIT, key, value)
        self._failed = self._failed or too_large is not None
        lands, ack_lost, late = self._fate()
        if not lands:
            self._broken.add(partition)
        lands = lands and partition not in self._broken and not self._failed
        offset = self._broker.write("history", partition, key, value) if lands else -1
        if lands and not ack_lost:
            self._acks.append(Ack(token, offset, None))
        else:
            self._acks.append(Ack(token, -1, too_large or (_GIVEN_UP if self._failed else "timed out (injected)")))
        if late:
            self._due = max(self._due, self._loop.time() + late)
            self._loop.call_at(self._due, self._deliver, 1)
        elif len(self._acks) == 1:
            self._loop.call_soon(self._deliver, None)

    def _deliver(self, count: int | None) -> None:
        """Timers of the same time come in any order; acknowledgements do not. None: all that are there."""
        acks = [self._acks.popleft() for _ in range(len(self._acks) if count is None else min(count, len(self._acks)))]
        if acks and not self._closed:
            self._on_acks(acks)

    def close(self) -> None:
        self._closed = True


class MemoryReader:
    """Tails partitions; a wake-up a turn of the loop."""

    def __init__(
        self, broker: MemoryBroker, loop: asyncio.AbstractEventLoop, sink: Callable[[list[Record]], None]
    ) -> None:
        self._broker, self._loop, self._sink = broker, loop, sink
        self._next: dict[tuple[str, int], int] = {}
        self._scheduled = self._paused = False
        broker.readers.append(self)

    def wake(self) -> None:
        """There is something new."""
        if not self._scheduled and not self._paused:
            self._scheduled = True
            call(self._loop, self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self._paused:
            return
        batch: list[Record] = []
        for place, start in self._next.items():
            records = self._broker.records.get(place, [])[start : start + _RECORDS_A_BATCH]
            self._next[place] = start + len(records)
            batch += records
        if batch:
            self.wake()  # first, for the sink may raise
            self._sink(batch)

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
        self._next.clear()
        if self in self._broker.readers:
            self._broker.readers.remove(self)


class MemoryMembership:
    """A member of the broker's only group."""

    def __init__(
        self, broker: MemoryBroker, loop: asyncio.AbstractEventLoop, member_id: str, listener: MembershipListener
    ) -> None:
        self._broker, self._loop, self._id, self._listener = broker, loop, member_id, listener
        self._outside = False  # suspended or closed
        self.owned: set[int] = set()
        loop.call_soon(self._enter)

    def _enter(self) -> None:
        if not self._outside and not self._broker.enter(self._id, self):
            error = MemberIdInUse(f"Expected a member id of its own but {self._id!r} is in use by another worker.")
            call(self._loop, self._listener.on_failed, error)

    def assign(self, lost: set[int], gained: set[int]) -> None:
        """The group has shared out the partitions anew."""
        self.owned = (self.owned - lost) | gained
        if lost:
            call(self._loop, self._listener.on_revoked, sorted(lost))
        if gained:
            call(self._loop, self._listener.on_assigned, sorted(gained))

    def report(self, positions: dict[int, int]) -> None:
        pass

    def released(self, partition: int) -> None:
        pass

    def suspend(self) -> None:
        self._outside = True
        self._broker.leave(self._id, self)
        self.assign(self.owned, set())

    def resume(self) -> None:
        self._outside = False
        self._enter()

    async def close(self) -> None:
        self._outside = True
        self._broker.leave(self._id, self)
