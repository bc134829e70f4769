"""The code of a run whose own is called no more: it undoes what the steps have done, and what the run has inherited.

None of the user's code takes part but the compensations. What there is to undo stands in history: of the run itself, up
to ``UndoRequested``; or, in a run that undoes one which has ended, in ``LedgerInherited``. Then a rollback like any
other follows, with fallbacks, and parked steps for people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from sagaline._engine.ledger import RunLedger
from sagaline._engine.ledger_entries import OPEN, PARKED, Entry
from sagaline._engine.undoing import armed, to_undo
from sagaline._model import events
from sagaline._model.events import Event
from sagaline._model.failure import Failure
from sagaline._model.limits import cut
from sagaline._model.records import History
from sagaline._runtime.definitions import Registry, SagaOptions, WorkflowDefinition
from sagaline._runtime.instance import Instance
from sagaline._runtime.loop import WorkflowTask
from sagaline._runtime.replay import Replay
from sagaline._runtime.run import RunInfo
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.sagas import ledger, rollback
from sagaline._runtime.setup import Setup
from sagaline._runtime.signatures import Signature
from sagaline._runtime.steps import INHERITED, HandedLedger
from sagaline.errors import FailureError

_ABANDON = "abandon"


class Undone(FailureError):
    """Why the run ends: somebody has had it undone."""

    def __init__(self, requested: events.UndoRequested) -> None:
        who, run = requested.by or "somebody", f" run {requested.run_id}" if requested.run_id else ""
        super().__init__(cut(f"{who} has had{run or ' the run'} undone: {requested.reason}"))

    @property
    def failure(self) -> Failure:
        """The failure as data."""
        return Failure("Undone", str(self), retryable=False)


class Past:
    """What a run has done before its code was called no more, and what has become of that since."""

    def __init__(self) -> None:
        self.ledger = RunLedger()
        self.children: dict[int, events.ChildRequested] = {}
        self.stopped: set[int] = set()

    def read(self, record: History, event_id: int, event: Event) -> None:
        """The next event of its history."""
        self.ledger.read_event(record, event_id, event)
        if isinstance(event, events.ChildRequested):
            self.children[event.step] = event
        elif isinstance(event, events.ChildCancelRequested):
            self.stopped.add(event.step)
        self.hear(event)

    def hear(self, event: Event) -> None:
        """What has come later."""
        match event:
            case events.ActivityCompleted() | events.ActivityFailed():
                self.ledger.settle(event)
            case events.ChildEnded():
                self.ledger.settle(event)
                self.children.pop(event.step, None)
            case _:
                pass

    def is_settled(self) -> bool:
        """Nothing that is to be undone is under way, nor what undoes it, nor a child."""
        calls = list(self.ledger.undos.values())
        for entry in armed(self.ledger):
            if isinstance(entry, Entry):
                calls += [entry] if entry.undo is None else [entry, entry.undo]
            else:
                calls += entry.undos.values()
        return all(call.outcome not in (OPEN, PARKED) for call in calls) and not self._to_stop()

    def stop(self, loop: RunLoop, reason: str) -> None:
        """What the code had under way is asked to stop; what undoes something goes on."""
        for number, call in self.ledger.calls.items():
            if call.outcome in (OPEN, PARKED) and call.scheduled.compensates is None:
                loop.commands.add(events.ActivityCancelRequested(number))
        for child in self._to_stop():
            if child.step not in self.stopped:
                loop.commands.add(events.ChildCancelRequested(child.step, reason))

    def _to_stop(self) -> list[events.ChildRequested]:
        return [child for child in self.children.values() if child.parent_close != _ABANDON]


class Undoing(Instance):
    """Runs the platform's code in place of a run's own."""

    __slots__ = ("_past",)

    def __init__(self, run: RunInfo, setup: Setup, past: Past) -> None:
        super().__init__(run, setup)
        self._past = past

    def _run(self, jobs: Sequence[Event]) -> bool:
        past = self._past
        own: list[Event] = []
        for job in jobs:
            match job:
                case events.LedgerInherited():
                    past.ledger.inherited, past.ledger.carried = job.ledger, job.steps
                case events.UndoRequested():
                    self._begin(job)
                case events.ActivityCompleted(step=step) | events.ActivityFailed(step=step) if self._asked(step):
                    own.append(job)
                case events.TimerFired(step=step) if self._asked(step):
                    own.append(job)
                case _:
                    past.hear(job)
        return super()._run(own)

    def _asked(self, step: int) -> bool:
        """Whether a step is one of this code's."""
        return step > self._past.ledger.count

    def _begin(self, requested: events.UndoRequested) -> None:
        loop, root = self._loop, self._loop.sagas.root
        if root is None:
            raise TypeError("Expected the scope of a saga")
        loop.table.count = self._past.ledger.count
        code = rollback.run(loop, root, lambda: _ask_for_it(loop, self._past, requested))
        loop.main = cast("WorkflowTask", loop.create_task(code, name="main"))


async def _ask_for_it(loop: RunLoop, past: Past, requested: events.UndoRequested) -> None:
    """Waits until all that is to be undone has happened, or never will; then raises Undone, for the rollback."""
    if (left_ms := requested.begins_at - loop.now_ms) > 0:
        await asyncio.sleep(left_ms / 1_000)
    past.stop(loop, requested.reason)
    await loop.wait_condition(past.is_settled)
    payload, registry = past.ledger.inherited, loop.setup.registry
    inherited = () if payload is None else ledger.read(payload)
    left = to_undo(past.ledger, inherited, lambda name: fallback_of(registry, name))
    loop.table.ledgers[INHERITED] = HandedLedger(INHERITED, left)
    raise Undone(requested)


def fallback_of(registry: Registry, compensation: str) -> str:
    """The name of what takes its place when it has failed for good; "" when it has none, or is not registered."""
    definition = registry.activities.get(compensation)
    fallback = None if definition is None else definition.compensation
    return "" if fallback is None else fallback.name


class UndoReplay(Replay):
    """As ``Replay``, of a run whose code is called no more from some event on: what is before that is read."""

    def __init__(self, instance: Undoing, past: Past) -> None:
        super().__init__(instance)
        self._past: Past | None = past

    def feed(self, record: History) -> None:
        """Reads a record, or replays it."""
        past = self._past
        if past is not None:
            for event_id, event in enumerate(record.events, record.first_event_id):
                if isinstance(event, events.UndoRequested):
                    self._past = None
                    break
                past.read(record, event_id, event)
            else:
                self._event_id = record.first_event_id + len(record.events)
                return
            self._event_id = record.first_event_id
        super().feed(record)


def undoing(setup: Setup, workflow: str, ids: tuple[str, str], past: Past | None = None) -> Undoing:
    """An instance that undoes a run of this workflow; ``ids``: workflow id and run id."""
    definition = WorkflowDefinition(workflow, _no_code, _SIGNATURE, SagaOptions())
    return Undoing(RunInfo(definition, *ids), setup, Past() if past is None else past)


async def _no_code() -> None:
    """The code of a run that is undone is the platform's."""


_SIGNATURE = Signature(_no_code, "undo")
