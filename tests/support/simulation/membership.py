"""A member of the simulated group: the broker believes in it until its session ends."""

from __future__ import annotations

from collections.abc import Callable

from sagaline._log.port import MembershipListener
from simulation.broker import Broker, Group
from simulation.loop import Process

SESSION_S = 6.0


class SimMembership:
    """A member: the broker believes in it until its session ends, and it believes what it heard last."""

    def __init__(
        self, broker: Broker, group: Group, process: Process, member_id: str, listener: MembershipListener
    ) -> None:
        self._broker, self._group, self._process = broker, group, process
        self._id, self._listener = member_id, listener
        self._heard: set[int] = set()
        self._told_at = 0.0
        self._suspended = False
        broker.later(broker.delay_s(), self._join)

    def _join(self) -> None:
        if self._process.alive:
            self._group.members[self._id] = self
            self._group.rebalance()
            self._expire()

    def _expire(self) -> None:
        """Looks every now and then whether the process still sends heartbeats."""
        if self._group.members.get(self._id) is not self:
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
        elif self._group.members.get(self._id) is self:
            del self._group.members[self._id]
            self._broker.marks["session ended"] += 1
            if self._group.members:
                self._group.rebalance()
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
        """The group has shared out the partitions anew; the process hears of it later. One that is suspended has none."""
        if self._suspended:
            wanted = set()
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
        self.take(set())

    def resume(self) -> None:
        self._suspended = False

    async def close(self) -> None: ...
