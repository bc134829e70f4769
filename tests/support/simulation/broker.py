"""A broker with partitions, a group and a log cleaner, on a bad network.

What a process has sent may land long after it died; an append may fail, or land without its acknowledgement; a
publish may be doubled; the cleaner may run at any moment. Records land in the order in which one process sent them
to one partition, as an idempotent producer keeps them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any, ClassVar, Protocol

from compaction import compacted

from sagaline._log import HISTORY, Record
from simulation.loop import OUTSIDE, VirtualLoop

INJECTED = "unexpected (simulation)"
UNEXPECTED = (RuntimeError, OSError, KeyError, ValueError, MemoryError, RecursionError, AssertionError)


class Tail(Protocol):
    """A reader that waits for more."""

    def wake(self) -> None: ...


class Member(Protocol):
    """Who shares the partitions."""

    def take(self, wanted: set[int]) -> None: ...


class Faults:
    """Shares of calls that go wrong, drawn for each seed; all of it ends with ``heal``."""

    CHOICES: ClassVar[dict[str, tuple[float, ...]]] = {
        "lost_ack": (0, 0, 0.01, 0.05),
        "failed": (0, 0, 0.01, 0.05),
        "doubled": (0, 0.02, 0.1),
        "not_published": (0, 0.05, 0.3),
        "slow": (0, 0, 0.02),
        "slow_reads": (0, 0.01),
        "unavailable": (0, 0, 0.05),
        "crash_point": (0, 0.0005, 0.002, 0.01),
        "leader_lost": (0, 0, 0.005, 0.02),
        "blobs_down": (0, 0.01, 0.05),
        "blobs_slow": (0, 0, 0.05, 0.3),
        "store_read": (0, 0, 0.0002, 0.002),
        "store_write": (0, 0, 0.002, 0.02),
        "unexpected": (0, 0, 0.0003, 0.002),
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


class Group:
    """Members that share the partitions of a topic, and how far they are done."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self.members: dict[str, Member] = {}
        self.dark: set[int] = set()  # partitions that nobody is given
        self.positions: dict[int, Any] = {}

    def rebalance(self) -> None:
        """Shares the partitions among the members that are there."""
        members = [self.members[name] for name in sorted(self.members)]
        for number, member in enumerate(members):
            member.take(set(range(number, self._partitions, len(members))) - self.dark)


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
        self.version = ""  # of the code whose record of history lands
        self._readers: list[Tail] = []
        self.workers = Group(partitions)
        self.queues: dict[str, Group] = {}

    def later(self, delay_s: float, callback: Callable[..., Any], *args: Any) -> None:
        """Something happens outside all processes."""
        self.loop.call_later(delay_s, callback, *args, context=OUTSIDE)

    def delay_s(self) -> float:
        """How long a message is on its way."""
        if self.draw.random() < self.faults.slow:
            return self.draw.uniform(0.5, 5.0)
        return self.draw.uniform(0.0002, 0.004)

    def unexpected(self) -> None:
        """Raises what no caller of a log or a store has reason to expect."""
        if self.faults.unexpected and self.draw.random() < self.faults.unexpected:
            self.marks["unexpected error"] += 1
            raise self.draw.choice(UNEXPECTED)(INJECTED)

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

    def attach(self, reader: Tail) -> None:
        self._readers.append(reader)

    def detach(self, reader: Tail) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
