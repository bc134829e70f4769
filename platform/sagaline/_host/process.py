"""What the namespaces of one process share: attempts of activities, threads, memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from sagaline._host.activities.runner import Place
from sagaline._host.activities.telling import runner_of
from sagaline._host.backpressure import Backpressure, Load
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.records import ActivityResult, Heartbeat
from sagaline._runtime.definitions import Registry
from sagaline.errors import ConfigurationError


class LivePartition(Load, Protocol):
    """A partition that works."""

    def resize(self, share: float) -> None:
        """How much of what the process may keep in memory is for this partition."""
        ...


class Member(Protocol):
    """A namespace, as its process sees it."""

    @property
    def live(self) -> Sequence[LivePartition]:
        """Its partitions that work."""
        ...

    def on_results(self, number: int, results: list[ActivityResult | Heartbeat]) -> None:
        """What attempts of a partition's activities came to."""
        ...

    def on_room(self, number: int) -> None:
        """Attempts of a partition that were left to the store have room again."""
        ...


class Process:
    """Make it on the event loop that its namespaces run on; ``options`` bounds all of them together."""

    def __init__(self, registry: Registry, options: HostOptions) -> None:
        self.registry, self.options = registry, options
        self.pools = Pools()
        self.resuming = asyncio.Lock()
        """Held by the partition that replays a parked run: one of the process a turn of the loop."""
        self.activities = runner_of(registry, options, self.pools, self._on_results, self._on_room)
        self._members: dict[str, Member] = {}
        self.backpressure = Backpressure(options, lambda: self._live, lambda: self.activities.load.is_full)

    def join(self, name: str, member: Member) -> None:
        """A namespace begins. Raises ConfigurationError when it is there already."""
        if name in self._members:
            raise ConfigurationError(f"Expected each namespace once in a process but got {name!r} twice.")
        self._members[name] = member

    def leave(self, name: str) -> None:
        """A namespace has ended."""
        self._members.pop(name, None)
        self.share_out()

    @property
    def _live(self) -> list[LivePartition]:
        return [partition for member in self._members.values() for partition in member.live]

    def share_out(self) -> None:
        """What may be kept in memory is shared by the partitions that are live."""
        live = self._live
        for partition in live:
            partition.resize(1 / len(live))

    def _on_results(self, place: Place, results: list[ActivityResult | Heartbeat]) -> None:
        name, number = place
        member = self._members.get(name)
        if member is not None:
            member.on_results(number, results)

    def _on_room(self, place: Place) -> None:
        name, number = place
        member = self._members.get(name)
        if member is not None:
            member.on_room(number)

    async def drain(self) -> None:
        """Starts no attempt any more, and waits for those that run, within their grace."""
        await self.activities.drain(self.options.stop_grace_s)

    def close(self) -> None:
        """Stops what still runs; it is attempted again elsewhere."""
        self.activities.close()
        self.pools.close()
