"""Opening a store: in a thread, believed only when it is what it says, and closed whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from virtual_time import virtual

from sagaline._engine.meta import FORMAT, META_KEY, Meta, encode_meta
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._host.recovery.restore import Recovery
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._store import Identity, StoreUnavailable
from sagaline._store.memory import MemoryStore, MemoryStores


async def log_of(name: str) -> MemoryLog:
    log = MemoryLog(parse_url(f"memory://restore-{name}?partitions=1"))
    await log.open()
    return log


class Stubborn(MemoryStores):
    """``wipe`` leaves what it does not like to lose."""

    def __init__(self, leaves: list[bytes]) -> None:
        super().__init__()
        self.leaves = leaves
        self.store = MemoryStore()

    def open(self, partition: int, identity: Identity) -> MemoryStore:
        return self.store

    def wipe(self, partition: int) -> None:
        kept = [(key, value) for key in self.leaves if (value := self.store.get(key)) is not None]
        self.store = MemoryStore()
        self.store.write(kept)


@pytest.mark.parametrize("left", [[b"r/w"], [b"r/w", META_KEY], [b"h/run/00000001/0"]])
def test_a_wipe_that_left_rows_is_not_believed(left: list[bytes]) -> None:
    """The store has seen more than history has; wiping it fails in part at first."""

    @virtual
    async def check() -> None:
        log = await log_of("wipe")
        stores = Stubborn(left)
        stores.store.write([(b"r/w", b"row"), (b"h/run/00000001/0", b"row"), (META_KEY, encode_meta(Meta(1_000)))])
        recovery = Recovery(log, stores, 0, HostOptions("w"), Pools())
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="could not be wiped"):
                await recovery.follow()
            await recovery.close()
        stores.leaves = []
        restored = await recovery.follow()
        assert restored.meta.next_offset == 0
        assert restored.store.get(b"r/w") is None
        await recovery.close()

    check()


class Watched(MemoryStores):
    """Remembers in which threads it was called, and closes nothing in the loop's."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: dict[str, int] = {}

    def open(self, partition: int, identity: Identity) -> MemoryStore:
        self.threads["open"] = threading.get_ident()
        store = super().open(partition, identity)
        store.close = lambda: self.threads.update(close=threading.get_ident())  # type: ignore[method-assign]
        return store

    def wipe(self, partition: int) -> None:
        self.threads["wipe"] = threading.get_ident()
        super().wipe(partition)


async def test_stores_are_opened_wiped_and_closed_in_other_threads() -> None:
    log, stores = await log_of("threads"), Watched()
    identity = Identity(log.identity, log.namespace, FORMAT)
    stores.open(0, identity).write([(b"r/w", b"row"), (META_KEY, encode_meta(Meta(1_000)))])  # more than there is
    stores.threads.clear()
    recovery = Recovery(log, stores, 0, HostOptions("w"), Pools())
    assert (await recovery.follow()).meta.next_offset == 0
    await recovery.close()
    assert stores.threads.keys() == {"open", "wipe", "close"}
    assert threading.get_ident() not in stores.threads.values()


class Slow(MemoryStores):
    """Opening takes until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.may_open, self.opening = threading.Event(), threading.Event()
        self.closed: list[Any] = []

    def open(self, partition: int, identity: Identity) -> MemoryStore:
        self.opening.set()
        assert self.may_open.wait(20)
        store = super().open(partition, identity)
        store.close = lambda: self.closed.append(store)  # type: ignore[method-assign]
        return store


async def test_a_store_that_opens_slowly_stops_nobody() -> None:
    log, stores = await log_of("slow"), Slow()
    recovery = Recovery(log, stores, 0, HostOptions("w"), Pools())
    following = asyncio.create_task(recovery.follow())
    turns = 0
    while not stores.opening.is_set():  # the loop goes on
        await asyncio.sleep(0.001)
        turns += 1
    assert turns
    stores.may_open.set()
    assert (await following).meta.next_offset == 0
    await recovery.close()
    assert len(stores.closed) == 1


async def test_a_store_whose_owner_leaves_while_it_opens_is_closed() -> None:
    log, stores = await log_of("leaves"), Slow()
    recovery = Recovery(log, stores, 0, HostOptions("w"), Pools())
    following = asyncio.create_task(recovery.follow())
    while not stores.opening.is_set():
        await asyncio.sleep(0.001)
    following.cancel()
    await asyncio.wait([following])
    closing = asyncio.create_task(recovery.close())
    await asyncio.sleep(0.01)
    assert not closing.done(), "it waits for the thread"
    stores.may_open.set()
    await closing
    assert len(stores.closed) == 1
