"""Members of the group that works a queue, over a membership that keeps no positions: for the embedded logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from sagaline._log.port import Committed, Membership, TaskListener

_log = logging.getLogger("sagaline.log")
_PAUSE_S = 0.2


class Positions(Protocol):
    """Where a queue's positions are kept."""

    async def read(self, partitions: Sequence[int]) -> dict[int, Committed]:
        """Those that are known."""
        ...

    async def write(self, positions: dict[int, Committed]) -> None:
        """These are the newest of theirs."""
        ...


class TaskGroupMember:
    """``membership`` is set before anything is heard of it. Positions are written one batch at a time, and before a
    partition that is revoked is let go of."""

    membership: Membership

    def __init__(self, positions: Positions, listener: TaskListener, loop: asyncio.AbstractEventLoop) -> None:
        self._positions, self._listener, self._loop = positions, listener, loop
        self._owned: set[int] = set()
        self._waiting: dict[int, Committed] = {}
        self._writer: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # What membership tells

    def on_assigned(self, partitions: Sequence[int]) -> None:
        self._owned |= set(partitions)
        self._begin(self._assign(partitions))

    def on_revoked(self, partitions: Sequence[int]) -> None:
        self._owned -= set(partitions)
        self._listener.on_revoked(partitions)
        self._begin(self._release(partitions))

    def on_failed(self, error: Exception) -> None:
        self._listener.on_failed(error)

    async def _assign(self, partitions: Sequence[int]) -> None:
        while True:
            try:
                known = await self._positions.read(partitions)
                break
            except Exception:
                _log.exception("Reading the positions of a queue; trying again in %g s", _PAUSE_S)
                await asyncio.sleep(_PAUSE_S)
        mine = {number: known.get(number, Committed(0, "")) for number in partitions if number in self._owned}
        if mine:
            self._listener.on_assigned(mine)

    async def _release(self, partitions: Sequence[int]) -> None:
        await self._written()
        for number in partitions:
            self.membership.released(number)

    def _begin(self, coro: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What the worker tells

    def commit(self, positions: dict[int, Committed]) -> None:
        self._waiting |= positions
        if self._writer is None or self._writer.done():
            self._writer = self._loop.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            positions, self._waiting = self._waiting, {}
            try:
                await self._positions.write(positions)
            except Exception:
                _log.exception("Writing the positions of a queue; trying again in %g s", _PAUSE_S)
                self._waiting = positions | self._waiting
                await asyncio.sleep(_PAUSE_S)

    async def _written(self) -> None:
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=5.0)

    def suspend(self) -> None:
        self.membership.suspend()

    def resume(self) -> None:
        self.membership.resume()

    async def close(self) -> None:
        await self._written()
        await self.membership.close()
        for task in (self._writer, *self._tasks):
            if task is not None:
                task.cancel()
