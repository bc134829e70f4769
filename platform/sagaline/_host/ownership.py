"""The partitions that membership assigns: each is claimed, worked on until it is lost, and claimed again."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable, Sequence

from sagaline._host.namespace import Namespace
from sagaline._host.partition.guard import ENDS_OF_TASKS, loss_of
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.partition import Partition
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.recovery.restore import ClaimFailed, Recovery
from sagaline._host.recovery.standbys import Standbys
from sagaline._log import COMMANDS, RESULTS
from sagaline._model.records import ActivityResult, Heartbeat

_log = logging.getLogger("sagaline.host")
_LONG_ENOUGH_S = 60.0
"""A partition that has worked for so long is as good as new."""
_REOPENED = frozenset({Kind.STORE, Kind.ENGINE})
"""After these nothing in memory is believed, the store's handle neither."""


class Backoff:
    """Waits before a partition is claimed again: twice as long each time, and never in step with others."""

    def __init__(self, name: str, first_s: float, most_s: float) -> None:
        self._name, self._first_s, self._most_s = name, first_s, most_s
        self._failures = 0

    def wait_s(self, lost: Lost, worked_s: float) -> float:
        """Seconds to wait after a loss; ``worked_s`` is for how long the partition worked before it."""
        if lost.kind in (Kind.INPUT, Kind.RUN):
            return self._first_s  # who is to blame is set aside: it goes on better than before
        if worked_s >= _LONG_ENOUGH_S:
            self._failures = 0
        self._failures += 1
        wait_s = min(self._most_s, self._first_s * 2.0 ** min(self._failures - 1, 30))
        spread = zlib.crc32(f"{self._name}/{self._failures}".encode()) % 1_000 / 1_000
        return wait_s * (0.5 + 0.5 * spread)


class Slot:
    """One assigned partition. ``partition`` is set while it works; ``results`` came while it was being claimed."""

    def __init__(
        self, number: int, namespace: Namespace, quarantine: Quarantine, on_change: Callable[[], None]
    ) -> None:
        self._number, self._namespace, self._quarantine = number, namespace, quarantine
        self._on_change = on_change
        self.partition: Partition | None = None
        self._results: list[ActivityResult | Heartbeat] = []
        self._worked_s = 0.0

    async def run(self, recovery: Recovery) -> None:
        """Claims and works, again and again; ends by cancellation alone."""
        number, options = self._number, self._namespace.options
        name = f"{options.member_id}/{self._namespace.name}/{number}"
        backoff = Backoff(name, options.claim_retry_s, options.claim_retry_max_s)
        while True:
            self._worked_s = 0.0
            lost = await self._tenure(recovery)
            wait_s = backoff.wait_s(lost, self._worked_s)
            if lost.kind is Kind.SUPERSEDED:
                wait_s = max(wait_s, options.superseded_wait_s)
            _log.warning("Partition %d: %s; it is claimed anew in %.1f s", number, lost, wait_s)
            if lost.kind in _REOPENED:
                await recovery.close()  # opened anew, and repaired or rebuilt if need be
            await asyncio.sleep(wait_s)

    async def _tenure(self, recovery: Recovery) -> Lost:
        try:
            return await self._work(recovery)
        except ClaimFailed as error:
            return Lost(Kind.PRODUCER, f"it could not be claimed ({error})")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return loss_of(error)
        except GeneratorExit:
            raise  # its loop is gone: nothing goes on
        except BaseException as error:
            return loss_of(error)

    async def _work(self, recovery: Recovery) -> Lost:
        """Claims the partition and works on it until it is lost."""
        number, namespace = self._number, self._namespace
        claimed = await recovery.run(namespace.producer.claim)
        loop = asyncio.get_running_loop()
        began = loop.time()
        services = namespace.services()
        partition = Partition(number, claimed, services, self._quarantine)
        reader = namespace.reader
        try:
            partition.guard.run(partition.begin)
            self.partition = partition
            results, self._results = self._results, []
            partition.on_results(results)
            commands, results_offset = partition.progress.consumed
            reader.add(COMMANDS, number, commands)
            reader.add(RESULTS, number, results_offset)
            self._on_change()
            partition.guard.run(partition.go_on)
            _log.info("Partition %d: claimed at offset %d", number, partition.epoch)
            lost = await partition.lost
            if lost.kind is Kind.PRODUCER:
                namespace.producer.renew(services.appender)
            return lost
        finally:
            self._worked_s = loop.time() - began
            if self.partition is partition:
                self.partition = None
                partition.guard.run(self._on_change)
                partition.guard.run(reader.remove, COMMANDS, number)
                partition.guard.run(reader.remove, RESULTS, number)
            partition.close()

    def on_results(self, results: list[ActivityResult | Heartbeat]) -> None:
        """Results of local activities: they wait while the partition is being claimed."""
        if self.partition is None:
            self._results += results
        else:
            self.partition.on_results(results)


class Ownership:
    """The slots of a namespace. ``on_released`` hears when one that was revoked has let go."""

    def __init__(self, namespace: Namespace, on_change: Callable[[], None], on_released: Callable[[int], None]) -> None:
        self._namespace, self._on_change, self._on_released = namespace, on_change, on_released
        self._slots: dict[int, Slot] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._leaving: dict[int, asyncio.Task[None]] = {}  # of revoked partitions, while they let go
        self._quarantines: dict[int, Quarantine] = {}
        self.standbys: Standbys | None = None

    @property
    def live(self) -> list[Partition]:
        """The partitions that are claimed and working."""
        return [slot.partition for slot in self._slots.values() if slot.partition is not None]

    def slot(self, number: int) -> Slot | None:
        """An assigned partition."""
        return self._slots.get(number)

    def is_free(self, number: int) -> bool:
        """True when nothing here uses the partition's state."""
        leaving = self._leaving.get(number)
        return number not in self._slots and (leaving is None or leaving.done())

    def assign(self, partitions: Sequence[int]) -> None:
        """These are this member's now."""
        for number in partitions:
            if number not in self._slots:
                quarantine = self._quarantines.setdefault(number, Quarantine())
                slot = self._slots[number] = Slot(number, self._namespace, quarantine, self._on_change)
                self._tasks[number] = asyncio.get_running_loop().create_task(self._own(number, slot))

    def revoke(self, partitions: Sequence[int]) -> None:
        """These are not this member's any more."""
        for number in partitions:
            if self._slots.pop(number, None) is not None:
                task = self._leaving[number] = self._tasks.pop(number)
                task.cancel()
                self._namespace.process.activities.abandon((self._namespace.name, number))

    async def _own(self, number: int, slot: Slot) -> None:
        namespace, recovery = self._namespace, None
        try:
            if (before := self._leaving.pop(number, None)) is not None:
                await asyncio.wait([before])  # it may still have the store open
            recovery = await self._standby(number) or Recovery(
                namespace.log, namespace.stores, number, namespace.options, namespace.process.pools
            )
            await slot.run(recovery)
        except asyncio.CancelledError:  # revoked, or the worker stops
            if recovery is not None:
                await recovery.close()
            self._on_released(number)

    async def _standby(self, number: int) -> Recovery | None:
        try:
            return None if self.standbys is None else await self.standbys.take(number)
        except ENDS_OF_TASKS:
            raise
        except BaseException as error:
            _log.warning("Partition %d: its standby copy is not used (%s)", number, loss_of(error))
            return None

    async def close(self) -> None:
        """Lets go of all partitions."""
        tasks = [*self._tasks.values(), *self._leaving.values()]
        self._slots.clear()
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
