"""Retires what is needed no more: closed runs, old refusals and positions, a zombie's records, remnants.

Compaction is garbage collection by explicit tombstones, nothing else. A tombstone is written only for what an
acknowledged, valid, later record has made unneeded: before runs are retired, a record of positions says what they
said. A run is retired from its first record to its last (docs/decisions/0011). And not before every command that was
waiting when its time was over has been taken: a start that is repeated within the retention finds its run, however
late it is read (docs/decisions/0013).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import NamedTuple

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host import crash_points
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.keys import positions_key, refusals_key
from sagaline._payloads import BlobsUnavailable
from sagaline._runtime.definitions import Registry
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.retention")
_AT_ONCE = 200
_SOON_S = 0.1


class Actions(NamedTuple):
    """What retention asks of its partition."""

    append_positions: Callable[[], int]
    append_tombstone: Callable[[bytes], None]
    released: Callable[[], int]
    behind: Callable[[], bool]
    commands_end: Callable[[], Awaitable[int]]
    commands_settled: Callable[[], int]
    runs_in_use: Callable[[], set[str]]


class Retention:
    """``decided`` is the state above all appends, ``durable`` that of what is acknowledged."""

    def __init__(
        self, decided: State, durable: State, registry: Registry, options: HostOptions, actions: Actions, pools: Pools
    ) -> None:
        self._decided, self._durable = decided, durable
        self._registry, self._options, self._actions, self._pools = registry, options, actions, pools
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: list[tuple[str, str]] = []  # workflow ids and run ids
        self._due_refusals: list[tuple[int, int]] = []
        self._awaited: int | None = None  # number of the record of positions that has to be durable first
        self._covers = False  # that record lets what is due go
        self._commands_end: int | None = None  # it does when commands are settled up to here
        self._looking: asyncio.Task[None] | None = None
        self._deleting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Finishes what another owner has begun, and sweeps from now on."""
        self.tidy()
        self._schedule(self._options.sweep_s)

    def close(self) -> None:
        """Sweeps no more."""
        for one in (self._timer, self._looking, self._deleting):
            if one is not None:
                one.cancel()

    def tidy(self) -> None:
        """Tombstones for what reading has found: invalid records, and runs that somebody else has begun to retire."""
        for key in list(self._decided.invalid.keys()):
            self._actions.append_tombstone(key)
        for workflow_id, run_id in list(self._decided.remnants.runs()):
            self._retire(workflow_id, run_id)

    def _schedule(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._sweep)

    def _sweep(self) -> None:
        self._schedule(self._options.sweep_s)
        self._advance()

    def _advance(self) -> None:
        if self._awaited is not None or (self._deleting is not None and not self._deleting.done()):
            return
        if not self._due and not self._due_refusals:
            self._due, self._due_refusals = self._find_due(), self._find_due_refusals()
        if (self._due or self._due_refusals) and self._looking is None:
            self._looking = self._loop.create_task(self._look())
        self._covers = self._may_retire()
        if self._covers or self._actions.behind():
            self._awaited = self._actions.append_positions()

    def _may_retire(self) -> bool:
        return self._commands_end is not None and self._actions.commands_settled() >= self._commands_end

    async def _look(self) -> None:
        """Finds out which commands have to be taken before what is due may go."""
        try:
            self._commands_end = await self._actions.commands_end()
        except LogUnavailable as error:
            _log.debug("Nothing is retired for now: %s", error)
            self._looking = None
        else:
            self._advance()

    def on_positions(self, epoch: int, number: int) -> None:
        """A record of positions is durable: what it covers goes, and the older ones."""
        for older in list(self._decided.positions.all()):
            if older < (epoch, number):
                self._actions.append_tombstone(positions_key(*older))
        if number != self._awaited:
            return
        self._awaited = None
        if not self._covers:
            if self._may_retire():
                self._advance()
            return
        runs = self._due_runs()
        if self._options.payloads.has_blobs:
            self._deleting = self._loop.create_task(self._delete_blobs(runs))
        else:
            self._retire_due(runs)

    async def _delete_blobs(self, runs: list[RunView]) -> None:
        """Blobs go first: those that a crash would leave behind would belong to no run."""
        try:
            for run in runs:
                await self._pools.blobs(self._options.payloads.delete_run, run.run_id)
        except BlobsUnavailable as error:
            _log.warning("Nothing is retired for now: %s", error)
            return
        self._retire_due(runs)

    def _retire_due(self, runs: list[RunView]) -> None:
        refusals, is_full = self._due_refusals, max(len(self._due), len(self._due_refusals)) == _AT_ONCE
        self._due, self._due_refusals, self._commands_end, self._looking = [], [], None, None
        for run in runs:
            self._retire(run.workflow_id, run.run_id)
        for refused in refusals:
            self._actions.append_tombstone(refusals_key(*refused))
        if is_full:  # there are more
            self._schedule(_SOON_S)

    def _due_runs(self) -> list[RunView]:
        """The runs that were found due and are still there; none that somebody is being answered with."""
        kept = self._actions.runs_in_use()
        runs = [self._decided.run_by_id(*ids) for ids in self._due if ids[1] not in kept]
        return [run for run in runs if run is not None]

    def _retire(self, workflow_id: str, run_id: str) -> None:
        for key in self._decided.history.keys(workflow_id, run_id):
            self._actions.append_tombstone(key)
            if crash_points.armed:
                crash_points.reach("after-tombstone")

    def _find_due(self) -> list[tuple[str, str]]:
        """Closed runs whose time is over and whose messages have left."""
        now, released = self._options.clock(), self._actions.released()
        due: list[tuple[str, str]] = []
        for name in self._durable.closed.workflows():
            kept_ms = self._kept_ms(name)
            for closed_at, workflow_id, run_id, offset in self._durable.closed.runs(name):
                if closed_at + kept_ms > now or offset >= released or len(due) == _AT_ONCE:
                    break
                if self._decided.run_by_id(workflow_id, run_id) is not None:  # else its tombstones are on their way
                    due.append((workflow_id, run_id))
        return due

    def _find_due_refusals(self) -> list[tuple[int, int]]:
        oldest = self._options.clock() - self._options.retention_ms
        due: list[tuple[int, int]] = []
        for at, epoch, number in islice(self._durable.refusals.records(), _AT_ONCE):
            if at > oldest:
                break
            due.append((epoch, number))
        return due

    def _kept_ms(self, workflow: str) -> int:
        found = self._registry.workflows.get(workflow)
        kept = None if found is None else found.retention_ms
        return self._options.retention_ms if kept is None else kept
