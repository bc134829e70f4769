"""Retires what is needed no more: closed runs, old refusals and positions.

Compaction is garbage collection by explicit tombstones, nothing else. A tombstone is written only for what an
acknowledged, valid, later record has made unneeded: before runs are retired, a record of positions says what they
said. A run is retired from its first record to its last (docs/decisions/0011). And not before every command that was
waiting when its time was over has been taken: a start that is repeated within the retention finds its run, however
late it is read (docs/decisions/0013).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard, describe
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.recorder import Recorder
from sagaline._host.publishing.backoff import wait_s
from sagaline._host.retention.due import RunIds, Search
from sagaline._host.retention.positions import DurablePositions
from sagaline._host.retention.senders import Senders
from sagaline._host.retention.tombstones import Tombstones

_log = logging.getLogger("sagaline.retention")
_SOON_S = 0.1
_RECHECK_S = 1.0
_LOOK_UP_S = 30.0


@dataclass(frozen=True)
class Surroundings:
    """What retention asks of the others."""

    commands_end: Callable[[], Awaitable[int]]
    """Looks up the end of the commands topic."""
    is_behind: Callable[[], bool]
    """True when something was consumed, or has left, that no record says yet."""
    runs_in_use: Callable[[], set[str]]
    """Ids of runs that somebody is being answered with."""
    kept_ms: Callable[[str], int]
    """For how long closed runs of a workflow are kept."""
    delete_blobs: Callable[[str], Awaitable[None]] | None
    """Deletes the payloads of a run that are stored elsewhere; None when there are none."""
    senders: Senders
    """Asks the partitions of those who may ask for a run again."""


class Retention:
    """``decided`` is the state above all appends, ``durable`` that of what is acknowledged.

    Whatever goes wrong before something is appended is logged, and tried again with backoff. What goes wrong in
    appending gives the partition up: the state above all appends may be ahead of them.
    """

    def __init__(
        self,
        decided: State,
        durable: State,
        recorder: Recorder,
        progress: Progress,
        surroundings: Surroundings,
        options: HostOptions,
        guard: Guard,
    ) -> None:
        self._decided, self._durable = decided, durable
        self._progress, self._surroundings = progress, surroundings
        self._options, self._guard = options, guard
        self._tombstones = Tombstones(decided, recorder, progress, guard)
        self._positions = DurablePositions(recorder, self._tombstones)
        self._search = Search(decided, durable, progress, surroundings.senders, surroundings.kept_ms, options)
        self._sweeping: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Finishes what another owner has begun, and sweeps from now on."""
        self.tidy()
        self._sweeping = self._guard.task(self._sweep_for_ever(), "retention")

    def close(self) -> None:
        """Sweeps no more."""
        if self._sweeping is not None:
            self._sweeping.cancel()

    def tidy(self) -> None:
        """Retires what reading has found: invalid records, and runs that somebody else has begun to retire."""
        self._tombstones.tidy()

    def on_positions(self, epoch: int, number: int) -> None:
        """A record of positions is durable."""
        self._positions.on_durable(number)

    async def _sweep_for_ever(self) -> None:
        delay_s, failures = self._options.sweep_s, 0
        while True:
            await asyncio.sleep(delay_s)
            try:
                is_full = await self._sweep()
            except _NotNow as reason:
                failures += 1
                delay_s = max(self._options.sweep_s, wait_s(failures))
                _log.warning("Nothing is retired for now: %s; trying again in %g s", reason, delay_s)
                continue
            failures, delay_s = 0, _SOON_S if is_full else self._options.sweep_s

    async def _sweep(self) -> bool:
        """Retires what is due; returns whether there is more. Raises _NotNow.

        1. What is due, and no other run can ask for again; 2. every command that waits by now is settled; 3. positions
        that say so are durable; 4. of each run blobs go, then 5. tombstones: blobs that a crash would leave behind
        would belong to no run.
        """
        with _tried_again("looking for what is due"):
            due = self._search.find()
            if not due and not self._surroundings.is_behind():
                return False
        if due:
            await self._commands_settled()
        await self._positions.record()
        retired = len(due.refusals)
        for run in due.runs:
            if self._may_go(run):
                await self._delete_blobs(run)
            if self._may_go(run):  # asked again: somebody may have come while blobs were deleted
                await self._tombstones.retire_run(*run)
                retired += 1
        await self._tombstones.retire_refusals(due.refusals)
        return due.is_full and retired > 0

    # 1. Who may go

    def _may_go(self, run: RunIds) -> bool:
        """Whether a run is still there, and nobody is being answered with it."""
        with _tried_again("looking for who is being answered"):
            row = self._decided.run_by_id(*run)
            return row is not None and run[1] not in self._surroundings.runs_in_use() and self._in_order(row)

    def _in_order(self, run: RunView) -> bool:
        """Runs that go on one as the other go from the first to the last, and none before the next has begun, or before
        its signals have been received by the last. A fork takes over from earlier runs of its id first."""
        ids = (run.continued_from, "" if run.fork is None else run.fork.ended)
        if any(before and self._decided.run_by_id(run.workflow_id, before) is not None for before in ids):
            return False
        newest = self._decided.run(run.workflow_id)
        if newest is not None and (run.run_id in newest.inherits or (newest.fork is not None and newest.is_unfinished)):
            return False
        behind = self._decided.run_by_id(run.workflow_id, run.continued_to) if run.continued_to else None
        return behind is None or not behind.is_unfinished

    # 2. Commands are settled

    async def _commands_settled(self) -> None:
        """Waits until every command that is waiting now has been taken, and is recorded or a dead letter."""
        with _tried_again("looking up the end of commands"):
            async with asyncio.timeout(_LOOK_UP_S):
                end = await self._surroundings.commands_end()
        while self._progress.settled[0] < end:
            if self._surroundings.is_behind():
                await self._positions.record()
            await asyncio.sleep(min(_RECHECK_S, self._options.sweep_s))

    # 4. Blobs

    async def _delete_blobs(self, run: RunIds) -> None:
        delete = self._surroundings.delete_blobs
        if delete is not None:
            with _tried_again(f"deleting the stored payloads of {run[0]}"):
                await delete(run[1])


class _NotNow(Exception):
    """Something did not work; nothing was appended for it."""


@contextmanager
def _tried_again(what: str) -> Generator[None, None, None]:
    """Whatever is raised here is tried again in a later sweep."""
    try:
        yield
    except Exception as error:
        raise _NotNow(f"{what} failed ({type(error).__name__}: {describe(error)})") from error
