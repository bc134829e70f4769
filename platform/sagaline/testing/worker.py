"""The worker of an environment: the production host on the environment's log and clock, stopped and started at will."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._log import Log
from sagaline._payloads import Payloads, Sealer
from sagaline._runtime.definitions import Registry
from sagaline._store.memory import MemoryStores
from sagaline.testing.clock import Clock

_RETENTION_MS = 100 * 365 * 86_400_000
_CACHED_INSTANCES = 1_000
_GRACE_S = 0.2


class HostedWorker:
    """At most one host at a time. ``host`` is None while there is none."""

    def __init__(self, clock: Clock, payloads: Payloads, replay_always: bool) -> None:
        self._clock, self._payloads = clock, payloads
        self._cached = 0 if replay_always else _CACHED_INSTANCES
        self.host: Host | None = None

    async def start(self, log: Log, registry: Registry) -> None:
        """Starts a host with nothing on its disk, and waits until it works on all partitions. Raises what stops it."""
        options = HostOptions(
            f"test-{uuid.uuid4().hex[:8]}",
            cached_instances=self._cached,
            stop_grace_s=_GRACE_S,
            retention_ms=_RETENTION_MS,
            payloads=Sealer(self._payloads),
            clock=self._clock,
        )
        host = Host(log, MemoryStores(), registry, options)
        await host.start()
        live: asyncio.Future[None] = asyncio.ensure_future(host.wait_live(log.partitions))
        waiting: list[asyncio.Future[Any]] = [live, host.failed]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        live.cancel()
        if host.failed.done():
            raise host.failed.result()
        self.host = host

    async def stop(self, *, kills: bool = False) -> None:
        """Lets activities that run have a moment, then leaves the rest to the next one; ``kills``: leaves all of it."""
        host, self.host = self.host, None
        if host is not None:
            if kills:
                host.process.activities.close()
            await host.stop()

    def expire(self, run_id: str, step: int) -> None:
        """The time of an attempt is over."""
        if self.host is not None:
            self.host.process.activities.expire(run_id, step)

    def jump(self, to_ms: int) -> None:
        """Sets the clock forward; timers that are due fire."""
        self._clock.set(to_ms)
        for partition in () if self.host is None else self.host.live:
            partition.rooms.timers.look()
