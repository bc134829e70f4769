"""Appends tombstones: of retired runs, of records that are not valid, of what an earlier owner has left half done.

Many at once are appended a few at a time: everything else of the partition gets its turn between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sagaline._engine.state import State
from sagaline._host import crash_points
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.recorder import Recorder
from sagaline._model.keys import positions_key, refusals_key

_IN_FLIGHT = 500
_WAIT_S = 0.02


class Tombstones:
    """``decided`` is the state above all appends: what has its tombstone is gone from it."""

    def __init__(self, decided: State, recorder: Recorder, progress: Progress, guard: Guard) -> None:
        self._decided, self._recorder, self._progress, self._guard = decided, recorder, progress, guard
        self._tidying: asyncio.Task[None] | None = None

    async def retire_run(self, workflow_id: str, run_id: str) -> None:
        """Retires a run, from its first record to its last: with the first one the run is gone."""
        await self._append(self._decided.history.keys(workflow_id, run_id))

    async def retire_refusals(self, records: Iterable[tuple[int, int]]) -> None:
        """Retires records of refusals, by epoch and number."""
        await self._append(refusals_key(*record) for record in records)

    async def retire_positions(self, epoch: int, number: int) -> None:
        """Retires all records of positions before this one, which is durable."""
        older = [record for record in self._decided.positions.all() if record < (epoch, number)]
        await self._append(positions_key(*record) for record in older)

    def tidy(self) -> None:
        """Begins to retire what reading has found: records that are not valid, and runs that are retired in part."""
        if self._tidying is None or self._tidying.done():
            self._tidying = self._guard.task(self._tidy(), "tidy")

    async def _tidy(self) -> None:
        while True:
            appended = await self._append(list(self._decided.invalid.keys()))
            for workflow_id, run_id in list(self._decided.remnants.runs()):
                appended += await self._append(self._decided.history.keys(workflow_id, run_id))
            if not appended:
                return

    async def _append(self, keys: Iterable[bytes]) -> int:
        """Appends a tombstone for each key; returns how many."""
        count = 0
        for key in keys:
            while self._progress.in_flight >= _IN_FLIGHT:  # noqa: ASYNC110  # acknowledgements ring no bell
                await asyncio.sleep(_WAIT_S)
            self._recorder.tombstone(key)
            count += 1
            if crash_points.armed:
                crash_points.reach("after-tombstone")
        return count
