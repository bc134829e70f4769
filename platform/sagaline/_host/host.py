"""One namespace of a worker process: joins its group, owns partitions, routes records to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from sagaline._host import forbidden
from sagaline._host.in_group import InGroup
from sagaline._host.namespace import Namespace
from sagaline._host.options import HostOptions
from sagaline._host.ownership import Ownership
from sagaline._host.partition.guard import await_logged, call_logged, loss_of
from sagaline._host.partition.partition import Partition
from sagaline._host.process import Process
from sagaline._host.producer import Producer
from sagaline._host.recovery.standbys import Standbys
from sagaline._log import Log, Membership, Record
from sagaline._model.records import ActivityResult, Heartbeat
from sagaline._runtime.definitions import Registry
from sagaline._store import Stores

_log = logging.getLogger("sagaline.host")
_REPORT_EVERY_S = 5.0
_SETTLE_S = 2.0


class _Setup(NamedTuple):
    """What a host was made with."""

    log: Log
    stores: Stores
    registry: Registry
    options: HostOptions
    process: Process | None


class Host(InGroup[Membership]):
    """Runs until ``stop``.

    ``process`` is shared by the hosts of several namespaces; whoever made it closes it. Without one the host has one
    of its own.
    """

    def __init__(
        self, log: Log, stores: Stores, registry: Registry, options: HostOptions, process: Process | None = None
    ) -> None:
        self._setup = _Setup(log, stores, registry, options, process)
        self._membership: Membership | None = None
        self._reporter: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Connects and joins; partitions are taken over in the background."""
        loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[Exception] = loop.create_future()
        self._changed = asyncio.Event()
        log, stores, registry, options, process = self._setup
        forbidden.watch(registry)
        self.process = process or Process(registry, options)
        name = f"{log.identity}/{log.namespace}"
        reader = log.reader(self._on_records)
        producer = Producer(log, options, lambda: self.live, self.process.backpressure.check)
        self._namespace = Namespace(name, log, stores, options, self.process, producer, reader)
        self._ownership = Ownership(self._namespace, self._on_change, self._on_released)
        self.process.join(name, self)
        self.process.backpressure.add(reader)
        self._membership = log.join(options.member_id, self)
        if options.standbys:
            pools, is_free = self.process.pools, self._ownership.is_free
            self._ownership.standbys = Standbys(log, stores, options, pools, is_free)
        self._reporter = loop.create_task(self._report())

    @property
    def standing_by(self) -> dict[int, int]:
        """The partitions that this worker keeps a warm copy of, and how far each has come."""
        standbys = self._ownership.standbys
        return {} if standbys is None else standbys.warm

    @property
    def live(self) -> list[Partition]:
        """The partitions that are claimed and working."""
        return self._ownership.live

    async def wait_live(self, count: int) -> None:
        """Waits until this worker works on ``count`` partitions."""
        while len(self.live) < count:
            self._changed.clear()
            await self._changed.wait()

    def _on_change(self) -> None:
        self._changed.set()
        self.process.share_out()

    # Membership

    def on_assigned(self, partitions: Sequence[int]) -> None:
        if not self._stopping:
            self._ownership.assign(partitions)

    def on_revoked(self, partitions: Sequence[int]) -> None:
        self._ownership.revoke(partitions)

    def _on_released(self, number: int) -> None:
        if self._membership is not None:
            call_logged("Membership", self._membership.released, number)

    # Routes

    def _on_records(self, records: list[Record]) -> None:
        start = 0
        for end in range(1, len(records) + 1):
            if end == len(records) or records[end].partition != records[start].partition:
                slot = self._ownership.slot(records[start].partition)
                if slot is not None and slot.partition is not None:
                    slot.partition.on_records(records[start:end])
                start = end
        self.process.backpressure.check()

    def on_results(self, number: int, results: list[ActivityResult | Heartbeat]) -> None:
        """What attempts of a partition's activities came to."""
        slot = self._ownership.slot(number)
        if slot is not None:
            slot.on_results(results)

    def on_room(self, number: int) -> None:
        """Attempts of a partition that were left to the store have room again."""
        slot = self._ownership.slot(number)
        if slot is not None and slot.partition is not None:
            slot.partition.start_left(self._setup.options.clock())

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            try:
                self._check()
            except BaseException as error:  # the next look is as good as this one
                _log.error("A look at the partitions failed: %s", loss_of(error))

    def _check(self) -> None:
        options = self._setup.options
        self.process.backpressure.check()
        for partition in self.live:
            partition.guard.run(partition.give_up_late, options.clock(), options.append_timeout_s)
        if self._membership is not None:
            self._membership.report({one.number: one.progress.consumed[0] for one in self.live})

    # The end

    async def stop(self) -> None:
        """Takes nothing new, lets running activities finish within the grace, records what they did, and leaves.

        In a process that goes on without it attempts are given up instead: they are made again elsewhere.
        """
        self._stopping = True
        if self._membership is None:
            return
        namespace = self._namespace
        self.process.backpressure.remove(namespace.reader)
        call_logged("Stopping", namespace.reader.pause)
        if self._setup.process is None:
            await self.process.drain()
        await self._settle()
        if self._reporter is not None:
            self._reporter.cancel()
        await self._ownership.close()
        if self._ownership.standbys is not None:
            await await_logged("Stopping", self._ownership.standbys.close())
        for number in range(self._setup.log.partitions):
            self.process.activities.abandon((namespace.name, number))
        self.process.leave(namespace.name)
        call_logged("Stopping", namespace.producer.close)
        await await_logged("Stopping", namespace.reader.close())
        await await_logged("Stopping", self._membership.close())
        if self._setup.process is None:
            self.process.close()

    async def _settle(self) -> None:
        """Waits, for a bounded time, until what was decided is acknowledged."""
        until = asyncio.get_running_loop().time() + _SETTLE_S
        while asyncio.get_running_loop().time() < until:
            if not any(partition.in_flight and not partition.lost.done() for partition in self.live):
                return
            await asyncio.sleep(0.01)
