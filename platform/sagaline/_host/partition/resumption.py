"""What a new owner takes up: it is found in the rows, for effects are lost with the process that released them.

What has to come before any input comes first: activations that were cut off, runs that made the engine fail. Then
the partition is live, and the rest follows beside its work: attempts as there is room, parked runs a few at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from itertools import islice

from sagaline._engine.effects import StartActivity
from sagaline._host.partition.deciding import Deciding
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.releasing import Attempts
from sagaline._host.partition.rows import Rows
from sagaline._host.runs.activations import Activations
from sagaline._host.runs.stalled import is_stalled
from sagaline._host.watchdog.marks import Marks
from sagaline._model.records import PARKED

_PAGE = 200


class Resumption:
    """``begin`` before the first input, ``go_on`` when the partition is live. Whoever holds ``turn`` replays one parked
    run; it is shared by all partitions of the process, so that other work has every other turn of the loop."""

    def __init__(
        self,
        rows: Rows,
        activations: Activations,
        deciding: Deciding,
        attempts: Attempts,
        quarantine: Quarantine,
        guard: Guard,
        marks: Marks,
        turn: asyncio.Lock,
    ) -> None:
        self._decided, self._durable = rows.decided, rows.durable
        self._activations, self._deciding, self._attempts = activations, deciding, attempts
        self._quarantine, self._guard, self._marks, self._turn = quarantine, guard, marks, turn

    def begin(self) -> None:
        """Finishes what was cut off, parks what made the engine fail, and starts the attempts that were open."""
        open_activities = self._durable.activities.all()  # as of now: all of them are durable
        for mark in self._marks.all():
            marked = self._decided.run_by_id(mark.workflow_id, mark.run_id)
            if marked is not None:
                self._deciding.take_up(marked, partial(self._activations.park_marked, mark))
        for run in list(self._decided.runs.cut_off()):
            if run.held:
                continue
            if (cause := self._quarantine.skips(run.run_id)) is None:  # before any input of it can come
                self._deciding.take_up(run, self._activations.finish_writing)
            elif run.more:  # nothing of it may come behind what is cut off
                self._deciding.take_up(run, partial(self._activations.quarantine, cause=cause))
        for workflow_id, cause in self._quarantine.take_runs_to_park().items():
            parked = self._decided.run(workflow_id)
            if parked is not None:
                self._deciding.take_up(parked, partial(self._activations.quarantine, cause=cause))
        first = (effect for effect in open_activities if not effect.row.retry_at)  # the others are with the timers
        self._guard.task(self._start_attempts(first), "open activities")

    def go_on(self) -> None:
        """Tries the parked runs again: this worker's code may be the right one."""
        self._guard.task(self._resume_parked(), "parked runs")

    def start_left(self, now_ms: int) -> None:
        """The runner left attempts to the store, and has room for them again."""
        left = (effect for effect in self._durable.activities.all() if effect.row.retry_at <= now_ms)
        self._guard.task(self._start_attempts(left), "activities that were left")

    async def _start_attempts(self, effects: Iterable[StartActivity]) -> None:
        """No more at once than there is room for."""
        for effect in effects:
            if not self._quarantine.leaves_alone(effect.row.workflow_id):
                await self._attempts.room()
                self._attempts.start_if_open(effect.run_id, effect.row)

    async def _resume_parked(self) -> None:
        page = list(islice(self._durable.attention.parked(), _PAGE))
        while page:
            for workflow_id in page:
                async with self._turn:
                    await asyncio.sleep(0)
                    self._resume(workflow_id)
            page = list(islice(self._durable.attention.parked(page[-1]), _PAGE))

    def _resume(self, workflow_id: str) -> None:
        run = self._decided.run(workflow_id)
        if run is None or run.status != PARKED or run.held or is_stalled(run) or run.paused_at is not None:
            return  # the two latter wait for a person
        if not self._quarantine.leaves_alone(workflow_id) and not self._quarantine.skips(run.run_id):
            self._deciding.take_up(run, self._activations.resume)
