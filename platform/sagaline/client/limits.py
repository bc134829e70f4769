"""Limits of the namespace: who has slots of one and who waits, and why: ``client.limits``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from sagaline._model.flow import FLOW, RATE, SLOTS, FlowState, flow_id, short_key
from sagaline._model.limits import NAME_BYTES, size
from sagaline._model.locks import asked_by
from sagaline._runtime.durations import Duration
from sagaline._system.flow.table import FlowTable
from sagaline.client import checks
from sagaline.client.descriptions import limit_name
from sagaline.client.events import at_ms
from sagaline.client.link import Link
from sagaline.client.messages import ask_query
from sagaline.client.runs import list_runs
from sagaline.client.types import Description, LimitName, Status
from sagaline.errors import InvalidInput, RequestRefused

_AT_ONCE = 16
DEFAULT_TIMEOUT: Duration = "30s"
LimitKind = Literal["concurrency", "rate"]
_KINDS: dict[str, str] = {"concurrency": SLOTS, "rate": RATE}


@dataclass(frozen=True)
class LimitHolder:
    """A run that has a slot: its workflow id, since when, and the key, of a limit that keys share."""

    workflow_id: str
    since: datetime
    key: str | None = None


@dataclass(frozen=True)
class LimitWaiter:
    """A run that waits: its workflow id, since when, its priority, and the key, of a limit that keys share."""

    workflow_id: str
    since: datetime
    priority: int
    key: str | None = None


@dataclass(frozen=True)
class LimitDescription:
    """A limit as it stands, or one key of it. ``limit`` at once, of each key; ``total`` of all keys; ``rate`` as it was
    written, with ``burst`` at once; None where there is none. ``waiters`` are in the order in which they are served, as
    things stand."""

    name: LimitName
    limit: int | None = None
    total: int | None = None
    rate: str | None = None
    burst: int | None = None
    holders: tuple[LimitHolder, ...] = ()
    waiters: tuple[LimitWaiter, ...] = ()

    def places(self, workflow_id: str) -> tuple[int, ...]:
        """The places of a run in the queue, from 1."""
        return tuple(place for place, one in enumerate(self.waiters, 1) if one.workflow_id == workflow_id)


class Limits:
    """The limits of a namespace: ``await client.limits.list()``, ``.describe("charge.customer", "ann")``."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def describe(
        self,
        name: str,
        key: str | None = None,
        *,
        kind: LimitKind = "concurrency",
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> LimitDescription:
        """One limit, or one key of it. ``name``: that of the limit, or the activity's or workflow's with a dot and the
        path of the key: "charge.customer". One that nobody has used is a limit that is free. Raises InvalidInput,
        RequestTimeout."""
        if not isinstance(name, str) or not 0 < size(name) <= NAME_BYTES or kind not in _KINDS:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(
                f'Expected the name of a limit, 1 to {NAME_BYTES} bytes, and "concurrency" or "rate" as its kind, but '
                f"got {str(name)[:80]!r} and {str(kind)[:80]!r}."
            )
        if key is not None and not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(f"Expected the key of a limit to be text, or None, but got {str(key)[:80]!r}.")
        shown = LimitName(kind, name, None if key is None else short_key(key))
        return await self._describe(shown, flow_id(_KINDS[kind], name, key), checks.seconds(timeout))

    async def of(self, run: Description, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> list[LimitDescription]:
        """The limits that a run has slots of or waits for, as they stand. Raises RequestTimeout."""
        seconds = checks.seconds(timeout)
        names = [(name, flow_id(_KINDS[name.kind], name.name, name.key)) for name in run.limits]
        return list(await asyncio.gather(*(self._describe(name, limit_id, seconds) for name, limit_id in names)))

    async def list(self, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> list[LimitDescription]:
        """The limits that were used within about a day, by name and key. Raises RequestTimeout."""
        self._link.requests.check_open()
        seconds = checks.seconds(timeout)
        runs = await list_runs(self._link.reads, None, FLOW, (), seconds)
        ids = sorted({run.workflow_id for run in runs if run.status in (Status.RUNNING, Status.PARKED)})
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(name: LimitName, limit_id: str) -> LimitDescription:
            async with gate:
                return await self._describe(name, limit_id, seconds)

        named = [(name, limit_id) for limit_id in ids if (name := limit_name(limit_id)) is not None]
        return list(await asyncio.gather(*(one(*pair) for pair in named)))

    async def _describe(self, name: LimitName, limit_id: str, seconds: float | None) -> LimitDescription:
        try:
            found: Any = await ask_query(self._link, (limit_id, ""), "state", (), seconds)
        except RequestRefused as error:
            if error.type == "WorkflowNotFound":
                return LimitDescription(name)
            raise
        return _described(name, msgspec.convert(found, FlowState))


def _described(name: LimitName, state: FlowState) -> LimitDescription:
    rules = state.rules
    is_rate = rules.interval_us > 0
    holders = tuple(
        LimitHolder(asked_by(request), at_ms(slot.since_ms), slot.group or None)
        for request, slot in state.slots.items()
        if not is_rate
    )
    waiters = tuple(
        LimitWaiter(asked_by(one.request), at_ms(one.arrived_ms), one.priority, one.group or None)
        for one in FlowTable(state).in_order()
    )
    burst = rules.burst if is_rate else None
    return LimitDescription(name, rules.limit or None, rules.total or None, rules.rate or None, burst, holders, waiters)
