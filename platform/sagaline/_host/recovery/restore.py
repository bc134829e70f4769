"""Brings a partition's store to the end of history, and claims the partition.

Applying is all there is to it: no code of a workflow runs and nothing is decided.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sagaline._engine.held import can_go_on
from sagaline._engine.meta import CURRENT_KEY, FORMAT, META_KEY, Meta, decode_meta, encode_meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.reader import HistoryReader
from sagaline._engine.state import State
from sagaline._host import crash_points
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import await_logged
from sagaline._host.pools import Pools
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._host.recovery.write_back import unavailable
from sagaline._log import COMMANDS, HISTORY, RESULTS, Ack, Log, Record
from sagaline._model.codec import UnreadableRecord, encode
from sagaline._model.keys import claim_key
from sagaline._model.records import Claim
from sagaline._store import Identity, Store, Stores, StoreUnavailable

_logger = logging.getLogger("sagaline.recovery")


_FIRST_BYTES = [bytes([first]) for first in range(0x21, 0x7F) if first != CURRENT_KEY[0]]
"""Of the keys of rows that stand for history."""
_SAFE_SHARE = 0.8  # clocks differ
T = TypeVar("T")
AppendClaim = Callable[[int, bytes, bytes], Awaitable[Ack]]


class ClaimFailed(Exception):
    """The claim was not acknowledged; it may be there or not. Try again."""


class Claimed(NamedTuple):
    """A partition that is ours: its store holds all of history up to the claim."""

    store: Store
    meta: Meta


def load_meta(store: Store) -> Meta:
    """How far the store has come."""
    data = store.get(META_KEY)
    return Meta() if data is None else decode_meta(data)


def _is_empty(store: Store) -> bool:
    return not any(True for prefix in _FIRST_BYTES for _ in islice(store.scan(prefix), 1))


class Restore:
    """Applies history to a store, from where it stands, a batch in one write."""

    def __init__(self, store: Store, on_unreadable: Callable[[Record, str], None]) -> None:
        self.store, self._on_unreadable = store, on_unreadable
        self._overlay = Overlay(store)
        meta = load_meta(store)
        self._state = State(self._overlay, meta, cached_runs=1_000)
        self._reader = HistoryReader(self._state, meta)

    @property
    def meta(self) -> Meta:
        """How far it has come."""
        return self._reader.meta

    def apply(self, records: list[Record]) -> None:
        """Applies a batch. Contract: offsets continue; gaps are what compaction has removed."""
        for record in records:
            try:
                self._reader.read(record.offset, record.key, record.value)
            except UnreadableRecord as error:
                self._on_unreadable(record, str(error))
            self._state.drain_effects()
        writes = [*self._state.drain_writes().items(), (META_KEY, encode_meta(self.meta))]
        self.store.write(writes)
        self._overlay.clear()
        if crash_points.armed:
            crash_points.reach("after-restore-write")

    def note_current(self, at_ms: int) -> None:
        """Notes that the store holds all of history as it was at ``at_ms``."""
        self.store.write([(CURRENT_KEY, str(at_ms).encode())])


class Recovery:
    """Restores one partition and claims it. ``run`` may be called again after a claim that failed."""

    def __init__(self, log: Log, stores: Stores, partition: int, options: HostOptions, pools: Pools) -> None:
        self._log, self._stores, self._partition, self._options = log, stores, partition, options
        self._pools = pools
        self._store: Store | None = None
        self._opening: asyncio.Task[Store] | None = None

    async def run(self, append: AppendClaim) -> Claimed:
        """1. restore to the end; 2. claim; 3. restore to the claim. Raises ClaimFailed."""
        restore = await self._catch_up(self._unreadable)
        epoch = await self._claim(append)
        await self._apply(restore, epoch + 1)
        if self._may_have_missed_tombstones(restore.store):
            raise ClaimFailed("the worker stood still for too long before it could read up to its claim")
        if restore.meta.epoch != epoch:
            raise RuntimeError(f"Expected the claim at {epoch} to be the latest but it is {restore.meta.epoch}")
        await self._warn_of_lost_inputs(restore.meta)
        return Claimed(restore.store, restore.meta)

    async def follow(self) -> Restore:
        """Restores to the end, for a standby that goes on from there. ``run`` may follow, once that has stopped."""
        return await self._catch_up(lambda record, cause: None)  # its owner has reported it

    async def _catch_up(self, on_unreadable: Callable[[Record, str], None]) -> Restore:
        """Applies history to its end. Reading has to overtake the cleaner: else a tombstone may be gone before it
        is read, while the record that it belongs to was still there."""
        while True:
            restore = Restore(await self._open(), on_unreadable)
            began = self._options.clock()
            _, end = await self._log.bounds(HISTORY, self._partition)
            await self._apply(restore, end)
            if not self._may_have_missed_tombstones(restore.store):
                restore.note_current(began)
                return restore

    def is_too_old(self, restore: Restore) -> bool:
        """True for a standby that has stood still for too long: it is to be opened anew."""
        return self._may_have_missed_tombstones(restore.store)

    def _may_have_missed_tombstones(self, store: Store) -> bool:
        return self._age_s(store) > _SAFE_SHARE * self._log.tombstones_kept_s

    def _age_s(self, store: Store) -> float:
        """Seconds since the store surely was up to date."""
        return (self._options.clock() - int(store.get(CURRENT_KEY) or 0)) / 1_000

    async def _open(self) -> Store:
        store = self._store
        if store is None:
            store = await self._in_thread(self._open_store())
        _, end = await self._log.bounds(HISTORY, self._partition)
        known = load_meta(store).next_offset
        if known > end:
            _logger.error(
                "Partition %d: history ends at %d but this worker has seen it up to %d: records are lost "
                "(an unclean leader election, or the topic was made anew). The state is rebuilt from what is there.",
                self._partition,
                end,
                known,
            )
            return await self._in_thread(self._rebuild())
        if not known and not _is_empty(store):
            _logger.warning("Partition %d: the state was wiped in part, so it is wiped again.", self._partition)
            return await self._in_thread(self._rebuild())
        if not known:  # an empty store is as good as the log from now on
            store.write([(CURRENT_KEY, str(self._options.clock()).encode())])
        elif self._may_have_missed_tombstones(store):
            _logger.warning(
                "Partition %d: the state was last up to date %d s ago and tombstones stay for %d s: it may have missed "
                "some, so it is rebuilt from the log.",
                self._partition,
                self._age_s(store),
                self._log.tombstones_kept_s,
            )
            return await self._in_thread(self._rebuild())
        elif can_go_on(State(Overlay(store), load_meta(store))):
            _logger.warning(
                "Partition %d: runs were held because their history was written by newer code, which this is: the "
                "state is rebuilt from the log.",
                self._partition,
            )
            return await self._in_thread(self._rebuild())
        return store

    async def _in_thread(self, opening: Coroutine[Any, Any, Store]) -> Store:
        """Opens the store. Whoever is cancelled meanwhile leaves at once; ``close`` waits for the thread."""
        self._opening = asyncio.get_running_loop().create_task(opening)
        return await asyncio.shield(self._opening)

    async def _open_store(self) -> Store:
        self._store = await self._io(self._stores.open, self._partition, self._identity())
        return self._store

    async def _io(self, fn: Callable[..., T], *args: object) -> T:
        try:
            return await self._pools.io(fn, *args)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            raise unavailable(error) from error

    async def _rebuild(self) -> Store:
        """An empty store in the place of one that cannot be believed. Raises StoreUnavailable."""
        before, self._store = self._store, None
        if before is not None:
            await self._io(before.close)
        await self._io(self._stores.wipe, self._partition)
        store = await self._open_store()
        if not _is_empty(store):
            raise StoreUnavailable("the state could not be wiped: rows of before are still there")
        store.write([(CURRENT_KEY, str(self._options.clock()).encode())])
        return store

    def _identity(self) -> Identity:
        return Identity(self._log.identity, self._log.namespace, FORMAT)

    async def _apply(self, restore: Restore, end: int) -> None:
        begin = restore.meta.next_offset
        async for batch in self._log.read(HISTORY, self._partition, begin, end):
            restore.apply(batch)
            await asyncio.sleep(0)  # other partitions stay live
        if end - begin > 1:
            _logger.info("Partition %d: applied history from %d to %d", self._partition, begin, end)

    async def _claim(self, append: AppendClaim) -> int:
        claim = Claim(self._options.member_id, uuid.uuid4().hex, self._options.clock())
        ack = await append(self._partition, claim_key(claim.claim_id), encode(claim))
        if ack.error is not None or ack.offset < 0:
            raise ClaimFailed(ack.error or "no offset")
        if crash_points.armed:
            crash_points.reach("after-claim")
        return ack.offset

    def _unreadable(self, record: Record, cause: str) -> None:
        send_to_dead_letters(self._log, record, cause, self._options.clock)

    async def _warn_of_lost_inputs(self, meta: Meta) -> None:
        for topic, position in ((COMMANDS, meta.commands_position), (RESULTS, meta.results_position)):
            low, _ = await self._log.bounds(topic, self._partition)
            if position < low:
                _logger.error(
                    "Partition %d: %s from %d to %d were deleted by retention before any worker read them.",
                    self._partition,
                    topic,
                    position,
                    low - 1,
                )

    async def close(self) -> None:
        """Lets go of the store."""
        opening, self._opening = self._opening, None
        if opening is not None and not opening.done():
            await asyncio.wait([opening])
        if opening is not None and not opening.cancelled():
            opening.exception()  # whoever waited for it has heard of it, or has left
        store, self._store = self._store, None
        if store is not None:  # one that stays open is no store to those that open it: it is tried again
            await await_logged(f"Partition {self._partition}: closing its store", self._io(store.close))
