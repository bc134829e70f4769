"""What the logs of one name share: records, readers to be woken, and the members of the group."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Protocol

from sagaline._log.port import Committed, MembershipListener, Record
from sagaline._log.threads import call
from sagaline.errors import MemberIdInUse

_ids = itertools.count(1)


class Sleeper(Protocol):
    """A reader, to be woken when there is something new."""

    def wake(self) -> None: ...


class MemoryGroup:
    """Members that share some partitions. ``positions``: how far those of a queue are done."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self.members: dict[str, MemoryMembership] = {}
        self.positions: dict[int, Committed] = {}
        self._lock = threading.RLock()
        """Held while members come and go: ``suspend`` is called from other threads."""

    def enter(self, member_id: str, member: MemoryMembership) -> bool:
        """Adds a member; False when another one has its id."""
        with self._lock:
            if self.members.setdefault(member_id, member) is not member:
                return False
            self._rebalance()
            return True

    def leave(self, member_id: str, member: MemoryMembership) -> None:
        """Takes a member out."""
        with self._lock:
            if self.members.get(member_id) is member:
                del self.members[member_id]
                self._rebalance()

    def _rebalance(self) -> None:
        """Shares the partitions among the members, in the order of their ids."""
        members = [self.members[name] for name in sorted(self.members)]
        shares = {member: set(range(number, self._partitions, len(members))) for number, member in enumerate(members)}
        for member in members:
            member.assign(member.owned - shares[member], set())
        for member in members:
            member.assign(set(), shares[member] - member.owned)


class MemoryBroker:
    """Topics of partitions, the group of the workers, and one a task queue."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.identity = f"memory-{next(_ids)}"
        self.records: dict[tuple[str, int], list[Record]] = {}
        self.readers: list[Sleeper] = []
        self.workers = MemoryGroup(partitions)
        self.queues: dict[str, MemoryGroup] = {}

    def queue(self, name: str) -> MemoryGroup:
        """The group that works a queue."""
        return self.queues.setdefault(name, MemoryGroup(self.partitions))

    def write(self, topic: str, partition: int, key: bytes, value: bytes | None) -> int:
        """Appends a record; returns its offset."""
        records = self.records.setdefault((topic, partition), [])
        records.append(Record(topic, partition, len(records), key, value))
        for reader in self.readers:
            reader.wake()
        return len(records) - 1


class MemoryMembership:
    """A member of a group."""

    def __init__(
        self, group: MemoryGroup, loop: asyncio.AbstractEventLoop, member_id: str, listener: MembershipListener
    ) -> None:
        self._group, self._loop, self._id, self._listener = group, loop, member_id, listener
        self._outside = False  # suspended or closed
        self.owned: set[int] = set()
        loop.call_soon(self._enter)

    def _enter(self) -> None:
        if not self._outside and not self._group.enter(self._id, self):
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
        self._group.leave(self._id, self)
        self.assign(self.owned, set())

    def resume(self) -> None:
        self._outside = False
        self._enter()

    async def close(self) -> None:
        self._outside = True
        self._group.leave(self._id, self)
