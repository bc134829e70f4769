"""The store of blobs, off the loop: payloads are fetched before they are needed, and stored before they are named.

What needs a payload that is not in memory is done again, from its beginning, when it has been fetched. A record leaves
when the blobs that were made before it are stored, and no record overtakes another: what lands is a prefix.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sagaline._host.partition.guard import Guard, ProtocolError, loss_of
from sagaline._host.partition.lost import in_doubt
from sagaline._host.pools import Pools
from sagaline._log import Appender
from sagaline._payloads import BlobsUnavailable, LoopSealer, NotResident, Place, Sealed, Sealer
from sagaline.errors import PayloadUnavailable

T = TypeVar("T")
_LIMIT_S = 30.0
"""A call of the store that takes longer has failed: its thread is left behind."""
_AT_ONCE = 4
"""What waits for payloads and is done again: the others wait for their turn, with nothing in memory."""


class Blobs:
    """``sealer`` is for the loop, ``threads`` for threads. Whatever the store does, the partition is given up at worst:
    nothing was decided on what could not be had, and whoever goes on tries again."""

    def __init__(self, threads: Sealer, pools: Pools, guard: Guard) -> None:
        self._threads, self._pools, self._guard = threads, pools, guard
        self._on_loop = LoopSealer(threads, self._put)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._again = False
        self._puts: dict[int, int] = {}  # their numbers, with the bytes, until they are stored
        self._newest_put = 0
        self._behind_puts: deque[tuple[int, Callable[[], None]]] = deque()

    @property
    def sealer(self) -> Sealer:
        """The sealer of the loop: where no payload goes to a store, one that does no I/O anyway."""
        return self._on_loop if self._threads.has_blobs else self._threads

    @property
    def bytes_waiting(self) -> int:
        """Bytes of blobs that are not stored yet."""
        return sum(self._puts.values())

    @property
    def behind(self) -> int:
        """What waits for blobs to be stored: appends, and answers."""
        return len(self._behind_puts)

    # Fetching

    def later(self, missing: NotResident, callback: Callable[[], None]) -> None:
        """Does again what raised ``missing``, when that is in memory. See Later."""
        if self._again:
            raise missing
        self._guard.task(self._do_again(missing, callback), "payloads to fetch")

    async def _do_again(self, missing: NotResident, callback: Callable[[], None]) -> None:
        opened: dict[Sealed, bytes | PayloadUnavailable | BlobsUnavailable] = {}
        async with self._turns:
            while True:
                if not opened.keys().isdisjoint(missing.payloads):
                    raise ProtocolError(f"payloads were fetched, and {missing}")
                wanted = [*missing.payloads, *(payload for payload in missing.ahead if payload not in opened)]
                fetched = await asyncio.gather(*map(self._fetch, wanted))
                if self._guard.given_up:
                    return
                if missing.goes_on:
                    opened.clear()
                opened.update(zip(wanted, fetched, strict=True))
                self._on_loop.hold(opened)
                self._again = True
                try:
                    callback()
                except NotResident as more:
                    missing = more
                else:
                    return
                finally:
                    self._again = False

    async def _fetch(self, payload: Sealed) -> bytes | PayloadUnavailable | BlobsUnavailable:
        """The plain payload, or why there is none: it is raised where the payload is opened."""
        try:
            return await self._within(self._threads.open, *payload)
        except (PayloadUnavailable, BlobsUnavailable) as error:
            return error

    async def _within(self, fn: Callable[..., T], *args: object) -> T:
        try:
            return await self._pools.blobs_within(_LIMIT_S, fn, *args)
        except TimeoutError as error:
            raise BlobsUnavailable(f"the store of blobs did not answer within {_LIMIT_S:g} s") from error

    # Storing

    def _put(self, place: Place, digest: str, data: bytes) -> None:
        self._newest_put += 1
        self._puts[self._newest_put] = len(data)
        self._guard.task(self._store(self._newest_put, place, digest, data), "payload to store")

    async def _store(self, number: int, place: Place, digest: str, data: bytes) -> None:
        await self._within(self._threads.put, place, digest, data)
        self._on_loop.unwritten.pop(f"{place.run_id}/{digest}", None)
        del self._puts[number]
        oldest = next(iter(self._puts), self._newest_put + 1)
        while self._behind_puts and self._behind_puts[0][0] < oldest and not self._guard.given_up:
            self._behind_puts.popleft()[1]()

    def when_stored(self, callback: Callable[[], None]) -> None:
        """Calls back when the blobs that were made so far are stored: at once if they are. In the order of calls."""
        if self._puts or self._behind_puts:
            self._behind_puts.append((self._newest_put, callback))
        else:
            callback()

    # Deleting

    async def delete_run(self, run_id: str) -> None:
        """Deletes the blobs of a run. Raises BlobsUnavailable."""
        await self._within(self._threads.delete_run, run_id)


class AppendsBehindBlobs:
    """An appender whose records wait for the blobs that they name."""

    def __init__(self, appender: Appender, blobs: Blobs, guard: Guard) -> None:
        self._appender, self._blobs, self._guard = appender, blobs, guard

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        """See Appender."""
        self._blobs.when_stored(partial(self._append, partition, key, value, token))

    def _append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        try:
            self._appender.append(partition, key, value, token)
        except BaseException as error:  # nobody knows whether it was sent
            self._guard.lose(in_doubt(loss_of(error).text))

    def close(self) -> None:
        """See Appender."""
        self._appender.close()
