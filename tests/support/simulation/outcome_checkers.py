"""What must hold of the topic of outcomes: each end of a saga, and each time that one waits for a person or goes on, is
told at least once; nothing else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sagaline._host.partition.partition import Partition
from sagaline._log import Record
from sagaline._model import events as e
from sagaline._model.codec import decode
from sagaline._model.records import SagaOutcome
from sagaline.telemetry.metrics import PartitionMetrics

_ENDS: dict[type[e.Event], Callable[[e.Event], str]] = {
    e.RunCompleted: lambda event: "completed",
    e.RunFailed: lambda event: "compensated" if isinstance(event, e.RunFailed) and event.rolled_back else "failed",
    e.RunCancelled: lambda event: "cancelled",
    e.RunTerminated: lambda event: "terminated",
    e.RunReplaced: lambda event: "terminated",
}


@dataclass
class _Saga:
    """A run whose outcomes are told, as its events tell it."""

    workflow_id: str
    told: int = 0
    steps: int = 0
    undone: int = 0
    compensations: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)  # parked steps; 0 for the run itself


class OutcomeChecks:
    """Hears of valid events, and of records of the topic. A run that comes again after it was retired is another."""

    def __init__(self, violations: list[str], marks: Counter[str]) -> None:
        self._violations, self._marks = violations, marks
        self._sagas: dict[str, _Saga] = {}
        self._expected: dict[str, set[tuple[object, ...]]] = {}  # by id
        self._seen: dict[str, set[tuple[object, ...]]] = {}

    def copied(self, run_id: str, workflow_id: str, events: list[e.Event]) -> None:
        """A reset has begun a run with events of another: those are told no more."""
        for event in events:
            self._happened(run_id, workflow_id, event, is_copy=True)

    def happened(self, run_id: str, workflow_id: str, event: e.Event) -> None:
        """A valid event."""
        self._happened(run_id, workflow_id, event, is_copy=False)

    def _happened(self, run_id: str, workflow_id: str, event: e.Event, is_copy: bool) -> None:
        if isinstance(event, e.RunStarted):
            self._sagas.pop(run_id, None)
            if event.outcomes is not None:
                self._sagas[run_id] = _Saga(workflow_id, 0, event.outcomes.steps, event.outcomes.undone)
        elif isinstance(event, e.SagaBegan):
            self._sagas.setdefault(run_id, _Saga(workflow_id))
        elif (saga := self._sagas.get(run_id)) is not None:
            self._of_saga(run_id, saga, event, is_copy)
        elif isinstance(event, e.ActivityScheduled) and event.saga is not None:
            self._violations.append(f"{workflow_id} ({run_id}) is a saga, and nobody is told what becomes of it")

    def _of_saga(self, run_id: str, saga: _Saga, event: e.Event, is_copy: bool) -> None:
        outcome, step = "", 0
        match event:
            case e.ActivityScheduled():
                saga.steps += event.compensates is None and event.saga is not None
                saga.compensations |= {event.step} if event.compensates is not None else set()
            case e.ActivityCompleted():
                saga.undone += event.step in saga.compensations
                saga.waiting.discard(event.step)
            case e.ActivityFailed():
                saga.waiting.discard(event.step)
            case e.ActivityParked():
                outcome, step = "parked", event.step
                saga.waiting.add(step)
            case e.ActivityRepaired():
                outcome, step = "resumed", event.step
                saga.waiting.discard(step)
            case e.RunParked():
                outcome = "parked"
                saga.waiting.add(0)
            case e.RunResumed():
                outcome = "resumed"
                saga.waiting.discard(0)
            case e.RunReset() | e.RunContinued():
                outcome = "resumed" if saga.waiting else ""
                saga.waiting.clear()
            case _ if (end := _ENDS.get(type(event))) is not None:
                outcome = end(event)
                saga.waiting.clear()
            case _:
                pass
        if outcome:
            saga.told += 1
        if outcome and not is_copy:
            told = (saga.workflow_id, outcome, step, saga.steps, saga.undone, bool(saga.waiting))
            self._expected.setdefault(f"outcome/{run_id}/{saga.told}", set()).add(told)

    def landed(self, record: Record) -> None:
        """A record is on the topic."""
        told = decode(record.value)
        assert isinstance(told, SagaOutcome)
        self._marks[f"told: {told.outcome}"] += 1
        said = (told.workflow_id, told.outcome, told.step, told.steps, told.undone, told.is_parked)
        if said not in self._expected.get(told.id, ()):
            known = self._expected.get(told.id)
            self._violations.append(f"{told.id} tells {said} of what did not happen; known: {known}")
        if record.key != told.workflow_id.encode():
            self._violations.append(f"{told.id} has the key {record.key!r}")
        self._seen.setdefault(told.id, set()).add(said)

    def finish(self) -> None:
        """None is missing."""
        for name, expected in self._expected.items():
            missing = expected - self._seen.get(name, set())
            self._violations += [f"{name} was not told: {one}" for one in sorted(missing, key=str)]


def left_standing(owners: Iterable[Partition]) -> list[str]:
    """When all runs have ended, no metric says that one is open or parked: whatever has died and was taken over."""
    left: list[str] = []
    for partition in owners:
        hooks = None if partition.telling is None else partition.telling.hooks
        if isinstance(hooks, PartitionMetrics):
            numbers = (hooks.open_runs, hooks.parked_runs, hooks.parked_steps)
            left += [f"metrics of {partition.number}: {one}" for one in numbers if any(one.values())]
    return left
