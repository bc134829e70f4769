"""Warm copies of partitions that other members own: history is tailed and applied, nothing is decided.

Who stands by for what is agreed on without a word: every member ranks all members for a partition by a hash
(rendezvous hashing, Thaler and Ravishankar 1998), and the first ``copies + 1`` keep a copy, so that at least
``copies`` are there beside the owner's. Whoever is given a partition takes its copy over and reads only the tail.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence

from sagaline._host import crash_points
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import ENDS_OF_TASKS, loss_of
from sagaline._host.pools import Pools
from sagaline._host.recovery.restore import Recovery, Restore
from sagaline._log import HISTORY, Log, Record
from sagaline._store import Stores, StoreUnavailable
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.standby")


def keepers(partition: int, members: Sequence[str], copies: int) -> list[str]:
    """The members that keep a copy of a partition, the first of them most surely."""

    def rank(member: str) -> bytes:
        return hashlib.sha256(f"{partition}/{member}".encode()).digest()

    return sorted(members, key=rank)[: copies + 1] if copies else []


class _Standby:
    """One copy; ``restore`` is there once it has caught up."""

    def __init__(self, recovery: Recovery) -> None:
        self.recovery = recovery
        self.restore: Restore | None = None
        self.task: asyncio.Task[None] | None = None


class Standbys:
    """``is_free`` says whether a partition's state directory is not in use by its owner's part of this process."""

    def __init__(
        self, log: Log, stores: Stores, options: HostOptions, pools: Pools, is_free: Callable[[int], bool]
    ) -> None:
        self._log, self._stores, self._options, self._pools = log, stores, options, pools
        self._is_free = is_free
        self._copies: dict[int, _Standby] = {}
        self._closing: dict[int, asyncio.Task[None]] = {}  # of copies that are given up, while they let go
        self._reader = log.reader(self._on_records)
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def warm(self) -> dict[int, int]:
        """Next offset of each copy that has caught up."""
        return {number: copy.restore.meta.next_offset for number, copy in self._copies.items() if copy.restore}

    async def take(self, number: int) -> Recovery | None:
        """Hands a copy over to the one that is to own the partition; None when there is none."""
        if (closing := self._closing.get(number)) is not None:
            await asyncio.wait([closing])  # it has the store open
        copy = self._copies.pop(number, None)
        if copy is None:
            return None
        try:
            await self._halt(number, copy)
        except BaseException:  # the partition is taken away again, or the reader has failed
            await copy.recovery.close()
            raise
        return copy.recovery

    async def close(self) -> None:
        """Ends all copies; their state stays on disk."""
        self._task.cancel()
        for number, copy in list(self._copies.items()):
            self._end(number, copy)
        if self._closing:
            await asyncio.wait(list(self._closing.values()))
        await self._reader.close()

    # Which copies there are

    async def _run(self) -> None:
        while True:
            try:
                await self._adjust()
            except LogUnavailable as error:
                _log.debug("Standbys stay as they are: %s", error)
            except ENDS_OF_TASKS:
                raise
            except BaseException as error:  # the next look is as good as this one
                _log.warning("Standbys stay as they are: %s", loss_of(error))
            await asyncio.sleep(self._options.standby_check_s)

    async def _adjust(self) -> None:
        members = await self._log.members()
        for number in range(self._log.partitions):
            wanted = self._options.member_id in keepers(number, members, self._options.standbys)
            copy = self._copies.get(number)
            if copy is not None and not wanted:
                self._end(number, copy)
            elif copy is None and wanted and number not in self._closing and self._is_free(number):
                copy = _Standby(Recovery(self._log, self._stores, number, self._options, self._pools))
                self._copies[number] = copy
                copy.task = asyncio.get_running_loop().create_task(self._follow(number, copy))
        for number, copy in list(self._copies.items()):
            try:
                await self._note_current(number, copy)
            except ENDS_OF_TASKS:
                raise
            except BaseException as error:
                self._give_up(number, copy, error)

    async def _follow(self, number: int, copy: _Standby) -> None:
        try:
            copy.restore = await copy.recovery.follow()
            if self._copies.get(number) is copy:
                self._reader.add(HISTORY, number, copy.restore.meta.next_offset)
                _log.info("Partition %d: standing by from offset %d", number, copy.restore.meta.next_offset)
        except ENDS_OF_TASKS:
            raise
        except BaseException as error:
            self._give_up(number, copy, error)

    async def _note_current(self, number: int, copy: _Standby) -> None:
        """Notes that the copy is as new as the log is now: a later rebuild for its age is not needed."""
        began = self._options.clock()
        _, end = await self._log.bounds(HISTORY, number)
        if self._copies.get(number) is not copy or copy.restore is None or copy.restore.meta.next_offset < end:
            return
        if copy.recovery.is_too_old(copy.restore):
            raise StoreUnavailable("it stood still for too long and may have missed tombstones")
        copy.restore.note_current(began)

    def _on_records(self, records: list[Record]) -> None:
        start = 0
        for end in range(1, len(records) + 1):
            if end == len(records) or records[end].partition != records[start].partition:
                self._apply(records[start].partition, records[start:end])
                start = end

    def _apply(self, number: int, records: list[Record]) -> None:
        copy = self._copies.get(number)
        if copy is None or copy.restore is None:
            return  # on its way when the copy was handed over
        known = copy.restore.meta.next_offset
        try:
            copy.restore.apply([record for record in records if record.offset >= known])
        except BaseException as error:
            self._give_up(number, copy, error)
        if crash_points.armed:
            crash_points.reach("after-standby-write")

    # The end of a copy

    def _give_up(self, number: int, copy: _Standby, error: BaseException) -> None:
        """Tried again at a later look."""
        _log.warning("Partition %d: the standby copy is given up (%s)", number, loss_of(error))
        if self._copies.get(number) is copy:
            self._end(number, copy)

    def _end(self, number: int, copy: _Standby) -> None:
        del self._copies[number]
        task = self._closing[number] = asyncio.get_running_loop().create_task(self._let_go(number, copy))
        task.add_done_callback(lambda _: self._closing.pop(number))

    async def _let_go(self, number: int, copy: _Standby) -> None:
        try:
            try:
                await self._halt(number, copy)
            finally:
                await copy.recovery.close()
        except ENDS_OF_TASKS:
            raise
        except BaseException as error:
            _log.warning("Partition %d: the standby copy could not be closed (%s)", number, loss_of(error))

    async def _halt(self, number: int, copy: _Standby) -> None:
        if copy.task is not None:
            copy.task.cancel()
            await asyncio.wait([copy.task])
        if copy.restore is not None:
            self._reader.remove(HISTORY, number)
