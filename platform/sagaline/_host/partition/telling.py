"""The recorder of a partition that somebody listens to: it tells of what matters, and of what stood before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from sagaline._engine.effects import Effect
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.hooks import PartitionHooks, Recorded, facts_of
from sagaline._host.partition.pipeline import Pipeline
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.recorder import Recorder
from sagaline._model import events
from sagaline._model.events import Event
from sagaline._model.records import PARKED, Decided, History

_TOLD = frozenset(
    {
        *(events.RunStarted, events.RunCompleted, events.RunFailed, events.RunCancelled, events.RunTerminated),
        *(events.RunReplaced, events.RunContinued, events.RunReset, events.SagaBegan),
        *(events.RunParked, events.RunResumed, events.ActivityParked, events.ActivityRepaired),
    }
)
_PAGE = 200


class TellingRecorder(Recorder):
    """As any, and what it records has an effect more: ``Recorded``, for ``hooks``."""

    def __init__(
        self,
        epoch: int,
        decided: State,
        progress: Progress,
        pipeline: Pipeline,
        clock: Callable[[], int],
        hooks: PartitionHooks,
    ) -> None:
        super().__init__(epoch, decided, progress, pipeline, clock)
        self.hooks = hooks
        self._parked: set[str] = set()  # runs: what they record next may have changed that

    def _send(self, key: bytes, record: Decided | None, value: bytes | None, effects: list[Effect]) -> None:
        if type(record) is History:
            told = [event for event in record.events if type(event) in _TOLD]
            if told or record.run_id in self._parked:
                run = self._decided.run_by_id(record.workflow_id, record.run_id)
                if run is not None:
                    effects.append(self._recorded(record, told, run))
        super()._send(key, record, value, effects)

    def _recorded(self, record: History, happened: Sequence[Event], run: RunView) -> Recorded:
        facts = facts_of(self._decided, run)
        if facts.parked_at:
            self._parked.add(run.run_id)
        elif self._parked:
            self._parked.discard(run.run_id)
        if run.fork is not None and record.first_event_id <= run.fork.event_id:  # copied: but the run begins
            happened = happened[:1] if record.first_event_id == 1 else ()
        return Recorded(record.at, happened, facts)

    async def survey(self, state: State) -> None:
        """Tells of what stands as of the claim, a page a turn of the loop. ``state`` is the durable one: between two
        turns of the loop it is what the hooks have been told."""
        hooks = self.hooks
        page = list(islice(state.attention.parked(), _PAGE))
        while page:
            for workflow_id in page:
                run = state.run(workflow_id)
                if run is not None and run.standing == PARKED:
                    self._parked.add(run.run_id)
                    hooks.parked(facts_of(state, run))
            await asyncio.sleep(0)
            page = list(islice(state.attention.parked(page[-1]), _PAGE))
        rows = list(islice(state.runs.newest_of_all(), _PAGE))
        while rows:
            for _, run in rows:
                if not run.closed and not run.is_pending:
                    hooks.open(run.workflow)
            hooks.surveyed(rows[-1][0])
            await asyncio.sleep(0)
            rows = list(islice(state.runs.newest_of_all(rows[-1][0]), _PAGE))
        hooks.surveyed(b"")
