"""Who has which lock, and who waits for it: ``client.locks``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sagaline._model.limits import LOCK_NAME_BYTES, size
from sagaline._model.locks import LOCK, Holder, LockState, asked_by, lock_id, lock_name
from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.events import at_ms
from sagaline.client.link import Link
from sagaline.client.messages import ask_query
from sagaline.client.runs import list_runs
from sagaline.client.types import Description, Status
from sagaline.errors import InvalidInput, RequestRefused

_AT_ONCE = 16
DEFAULT_TIMEOUT: Duration = "30s"


@dataclass(frozen=True)
class LockWaiter:
    """A run that waits for a lock: its workflow id, and since when."""

    workflow_id: str
    since: datetime


@dataclass(frozen=True)
class LockDescription:
    """A lock as it stands. ``held_by`` is the workflow id of the run that has it, None when it is free; ``waiters`` are
    in the order in which they get it."""

    name: str
    held_by: str | None = None
    since: datetime | None = None
    lease_until: datetime | None = None
    fencing_token: int = 0
    waiters: tuple[LockWaiter, ...] = ()


class Locks:
    """The semantic locks of a namespace: ``await client.locks.list()``, ``.describe("account-7")``."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def describe(self, name: str, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> LockDescription:
        """One lock. A name that nobody has used is a free lock. Raises InvalidInput, RequestTimeout."""
        if not isinstance(name, str) or not 0 < size(name) <= LOCK_NAME_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(
                f"Expected the name of a lock, 1 to {LOCK_NAME_BYTES} bytes, but got {str(name)[:80]!r}."
            )
        try:
            found: Any = await ask_query(self._link, (lock_id(name), ""), "state", (), checks.seconds(timeout))
        except RequestRefused as error:
            if error.type == "WorkflowNotFound":
                return LockDescription(name)
            raise
        return _described(name, msgspec.convert(found, LockState))

    async def of(self, run: Description, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> list[LockDescription]:
        """The locks that a run holds or waits for, as they stand: which of the two says ``held_by``. Raises
        RequestTimeout."""
        return list(await asyncio.gather(*(self.describe(name, timeout=timeout) for name in run.locks)))

    async def list(self, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> list[LockDescription]:
        """The locks that were used within about a day, by name; free ones too. Raises RequestTimeout."""
        self._link.requests.check_open()
        runs = await list_runs(self._link.reads, None, LOCK, (), checks.seconds(timeout))
        names = (lock_name(run.workflow_id) for run in runs if run.status in (Status.RUNNING, Status.PARKED))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> LockDescription:
            async with gate:
                return await self.describe(name, timeout=timeout)

        return list(await asyncio.gather(*(one(name) for name in sorted({name for name in names if name}))))


def _described(name: str, state: LockState) -> LockDescription:
    waiters = tuple(LockWaiter(asked_by(waiter.request), at_ms(waiter.arrived_ms)) for waiter in state.waiters)
    holder = state.holder
    if holder is None:
        return LockDescription(name, fencing_token=state.fencing, waiters=waiters)
    until = None if holder.until_ms is None else at_ms(holder.until_ms)
    return LockDescription(name, _held_by(holder), at_ms(holder.since_ms), until, holder.fencing, waiters)


def _held_by(holder: Holder) -> str:
    return asked_by(next(iter(holder.requests), ""))
