"""One worker process: joins the group, owns partitions, routes records and acknowledgements to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from sagaline._host.activities.runner import ActivityRunner, Place
from sagaline._host.options import HostOptions
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.partition import Partition, Services
from sagaline._host.partition.pipeline import Pending, Pipeline
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.pools import Pools
from sagaline._host.recovery.restore import ClaimFailed, Recovery
from sagaline._host.recovery.standbys import Standbys
from sagaline._log import COMMANDS, RESULTS, Ack, Appender, Log, Membership, Reader, Record
from sagaline._model.records import ActivityResult
from sagaline._runtime.definitions import Registry
from sagaline._store import Stores, StoreUnavailable
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.host")
_RETRY_S = 0.2
_REPORT_EVERY_S = 5.0


@dataclass
class _Slot:
    """A partition that membership has assigned: its task, and what came while it was being claimed."""

    task: asyncio.Task[None]
    partition: Partition | None = None
    results: list[ActivityResult] = field(default_factory=list[ActivityResult])


class Host:
    """Runs until ``stop``. ``failed`` is set with an error when the worker cannot go on by itself."""

    def __init__(self, log: Log, stores: Stores, registry: Registry, options: HostOptions) -> None:
        self._log, self._stores, self._registry, self._options = log, stores, registry, options
        self.pools = Pools()
        self._resuming = asyncio.Lock()
        self._slots: dict[int, _Slot] = {}
        self._leaving: dict[int, asyncio.Task[None]] = {}  # of revoked partitions, while they let go
        self._standbys: Standbys | None = None
        self._claims: dict[asyncio.Future[Ack], None] = {}  # in order
        self._quarantines: dict[int, Quarantine] = {}
        self._paused = self._stopping = False
        self._membership: Membership | None = None
        self._reporter: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects and joins; partitions are taken over in the background."""
        loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[Exception] = loop.create_future()
        self._changed = asyncio.Event()
        self._activities = ActivityRunner(self._registry, self._options, self.pools, self._on_results, self._on_room)
        self._appender: Appender = self._log.appender(self._on_acks)
        self._reader: Reader = self._log.reader(self._on_records)
        self._membership = self._log.join(self._options.member_id, self)
        if self._options.standbys:
            self._standbys = Standbys(self._log, self._stores, self._options, self._is_free)
        self._reporter = loop.create_task(self._report())

    @property
    def standing_by(self) -> dict[int, int]:
        """The partitions that this worker keeps a warm copy of, and how far each has come."""
        return {} if self._standbys is None else self._standbys.warm

    @property
    def live(self) -> list[Partition]:
        """The partitions that are claimed and working."""
        return [slot.partition for slot in self._slots.values() if slot.partition is not None]

    async def wait_live(self, count: int) -> None:
        """Waits until this worker works on ``count`` partitions."""
        while len(self.live) < count:
            self._changed.clear()
            await self._changed.wait()

    # Membership

    def on_assigned(self, partitions: Sequence[int]) -> None:
        for number in partitions:
            if number not in self._slots and not self._stopping:
                task = asyncio.get_running_loop().create_task(self._own(number))
                self._slots[number] = _Slot(task)

    def on_revoked(self, partitions: Sequence[int]) -> None:
        for number in partitions:
            slot = self._slots.pop(number, None)
            if slot is not None:
                slot.task.cancel()
                self._leaving[number] = slot.task
                self._activities.abandon((self._log.namespace, number))

    def on_failed(self, error: Exception) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    def suspend(self) -> None:
        """Leaves the group, from any thread: the loop stands still, others are to take over."""
        if self._membership is not None:
            self._membership.suspend()

    def rejoin(self) -> None:
        """Takes part in the group again, from any thread."""
        if self._membership is not None:
            self._membership.resume()

    # One partition, as long as it is assigned

    def _is_free(self, number: int) -> bool:
        """True when nothing here uses the partition's state."""
        leaving = self._leaving.get(number)
        return number not in self._slots and (leaving is None or leaving.done())

    async def _own(self, number: int) -> None:
        recovery: Recovery | None = None
        try:
            if (before := self._leaving.pop(number, None)) is not None:
                await asyncio.wait([before])  # it may still have the store open
            if self._standbys is not None:
                recovery = await self._standbys.take(number)
            recovery = recovery or Recovery(self._log, self._stores, number, self._options)
            while True:
                lost = await self._work(number, recovery)
                _log.warning("Partition %d: %s; it is claimed anew", number, lost)
                if lost.kind is Kind.STORE:
                    recovery.close()  # opened anew, and repaired or rebuilt if need be
                superseded = lost.kind is Kind.SUPERSEDED
                await asyncio.sleep(self._options.superseded_wait_s if superseded else _RETRY_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a bug of ours: the worker stops, its supervisor starts another
            _log.exception("Partition %d", number)
            self.on_failed(error)
        finally:
            if recovery is not None:
                recovery.close()
            if self._membership is not None:
                self._membership.released(number)

    async def _work(self, number: int, recovery: Recovery) -> Lost:
        """Claims the partition and works on it until it is lost."""
        try:
            claimed = await recovery.run(self._append_claim)
        except StoreUnavailable as error:
            return Lost(Kind.STORE, f"it could not be restored ({error})")
        except ClaimFailed as error:
            self._renew_appender()
            return Lost(Kind.PRODUCER, f"it could not be claimed ({error})")
        except LogUnavailable as error:
            return Lost(Kind.LOG, f"it could not be claimed ({error})")
        services = Services(
            self._log.namespace,
            self._log,
            self._appender,
            self._registry,
            self._activities,
            self.pools,
            self._options,
            self._resuming,
        )
        quarantine = self._quarantines.setdefault(number, Quarantine())
        partition = Partition(number, claimed, services, quarantine)
        slot = self._slots[number]
        try:
            partition.guard.run(partition.begin)
            slot.partition = partition
            results, slot.results = slot.results, []
            partition.on_results(results)
            self._reader.add(COMMANDS, number, partition.progress.consumed[0])
            self._reader.add(RESULTS, number, partition.progress.consumed[1])
            self._changed.set()
            self._share_out()
            partition.guard.run(partition.go_on)
            _log.info("Partition %d: claimed at offset %d", number, partition.epoch)
            lost = await partition.lost
            if lost.kind is Kind.PRODUCER and partition.uses(self._appender):
                self._renew_appender()
            return lost
        finally:
            if slot.partition is partition:
                slot.partition = None
                self._share_out()
                self._reader.remove(COMMANDS, number)
                self._reader.remove(RESULTS, number)
            partition.close()

    def _share_out(self) -> None:
        """What may be kept in memory is shared by the partitions that are live."""
        live = self.live
        for partition in live:
            partition.resize(1 / len(live))

    async def _append_claim(self, number: int, key: bytes, value: bytes) -> Ack:
        """Appends a claim and waits for its fate."""
        done: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._claims[done] = None
        try:
            self._appender.append(number, key, value, done)
            async with asyncio.timeout(self._options.append_timeout_s):
                return await done
        except TimeoutError:
            return Ack(done, -1, f"no acknowledgement within {self._options.append_timeout_s:g} s")
        finally:
            del self._claims[done]

    def _renew_appender(self) -> None:
        """A producer in doubt is given up; everything that still waits for it is claimed anew."""
        old, self._appender = self._appender, self._log.appender(self._on_acks)
        for claim in self._claims:
            if not claim.done():
                claim.set_result(Ack(claim, -1, "its producer was given up"))
        for partition in self.live:
            if not partition.lost.done() and partition.uses(old):
                partition.guard.lose(Lost(Kind.PRODUCER, "its producer was given up"))
        old.close()

    # Routes

    def _on_records(self, records: list[Record]) -> None:
        start = 0
        for end in range(1, len(records) + 1):
            if end == len(records) or records[end].partition != records[start].partition:
                slot = self._slots.get(records[start].partition)
                if slot is not None and slot.partition is not None:
                    slot.partition.on_records(records[start:end])
                start = end
        self._press_back()

    def _on_acks(self, acks: list[Ack]) -> None:
        by_partition: dict[Pipeline, list[Ack]] = {}
        for ack in acks:
            token = ack.token
            if isinstance(token, Pending):
                by_partition.setdefault(token.owner, []).append(ack)
            elif token in self._claims and not token.done():
                token.set_result(ack)
        for pipeline, found in by_partition.items():
            pipeline.guard.run(pipeline.on_acks, found)
        self._press_back()

    def _on_results(self, place: Place, results: list[ActivityResult]) -> None:
        slot = self._slots.get(place[1])
        if slot is None:
            return
        if slot.partition is None:
            slot.results += results
        else:
            slot.partition.on_results(results)

    def _on_room(self, place: Place) -> None:
        slot = self._slots.get(place[1])
        if slot is not None and slot.partition is not None:
            slot.partition.start_left(self._options.clock())

    def _press_back(self) -> None:
        """Stops reading while too much is under way, goes on when half of it is done."""
        options = self._options
        load = max(
            sum(partition.in_flight for partition in self.live) / options.appends_in_flight,
            sum(partition.bytes_in_flight for partition in self.live) / options.bytes_in_flight,
        )
        busy = self._activities.is_full
        if not self._paused and (load > 1 or busy):
            self._paused = True
            self._reader.pause()
        elif self._paused and load < 0.5 and not busy:
            self._paused = False
            self._reader.resume()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            self._press_back()
            for partition in self.live:
                partition.give_up_late(self._options.clock(), self._options.append_timeout_s)
            if self._membership is not None:
                self._membership.report({one.number: one.progress.consumed[0] for one in self.live})

    # The end

    async def stop(self) -> None:
        """Takes nothing new, lets running activities finish within the grace, records what they did, and leaves."""
        self._stopping = True
        if self._membership is None:
            return
        self._reader.pause()
        await self._activities.drain(self._options.stop_grace_s)
        await self._settle()
        if self._reporter is not None:
            self._reporter.cancel()
        tasks = [slot.task for slot in self._slots.values()]
        self._slots.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._standbys is not None:
            await self._standbys.close()
        self._activities.close()
        self._appender.close()
        await self._reader.close()
        await self._membership.close()
        self.pools.close()

    async def _settle(self) -> None:
        """Waits, for a bounded time, until what was decided is acknowledged."""
        for _ in range(200):
            if not any(partition.in_flight and not partition.lost.done() for partition in self.live):
                return
            await asyncio.sleep(0.01)
