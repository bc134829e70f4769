"""What must hold of activities that wait for a person, and of the attempts of all, by the raw log alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from sagaline._model import events as e
from sagaline._model.activities import ACTIONS, DONE, EDIT, RETRY, SKIP
from sagaline._model.records import RepairActivity


class Parked(NamedTuple):
    """A step that waits."""

    workflow_id: str
    run_id: str
    step: int
    input: str


@dataclass
class _Attempts:
    """Those of an activity: the number of the one that is under way, and whether none is, for it waits."""

    scheduled: e.ActivityScheduled
    attempt: int = 1
    is_parked: bool = False
    is_cancelled: bool = False
    due: str = ""  # the outcome that a person has given


class ParkingChecks:
    """Attempts are numbered without a gap or a repeat; what is parked stays as it is until a person says otherwise;
    each request of a person is done once, or refused."""

    def __init__(self, violations: list[str], marks: Counter[str]) -> None:
        self._violations, self._marks = violations, marks
        self._runs: dict[str, dict[int, _Attempts]] = {}
        self._ids: dict[str, str] = {}  # workflow ids by run
        self._asked: set[str] = set()
        self._done: dict[str, str] = {}  # by request: the run
        self._gone: set[str] = set()  # requests done by runs that are retired: nobody knows them any more

    def asked(self, request: object) -> None:
        """A request is in the log."""
        if isinstance(request, RepairActivity):
            self._asked.add(request.request_id)

    def waiting(self) -> list[Parked]:
        """The steps that wait for a person."""
        return [
            Parked(self._ids[run_id], run_id, step, one.scheduled.input.decode())
            for run_id, steps in self._runs.items()
            for step, one in steps.items()
            if one.is_parked
        ]

    def copied(self, run_id: str, workflow_id: str, events: list[e.Event]) -> None:
        """A reset has begun a run with events of another."""
        for event in events:
            self._happened(run_id, workflow_id, event, is_copy=True)

    def happened(self, run_id: str, workflow_id: str, event: e.Event) -> None:
        """A valid event."""
        self._happened(run_id, workflow_id, event, is_copy=False)

    def _happened(self, run_id: str, workflow_id: str, event: e.Event, is_copy: bool) -> None:
        match event:
            case e.ActivityScheduled():
                self._ids[run_id] = workflow_id
                self._runs.setdefault(run_id, {})[event.step] = _Attempts(event)
            case e.ActivityAttemptFailed() | e.ActivityParked() | e.ActivityCompleted() | e.ActivityFailed():
                self._attempt(run_id, workflow_id, event)
            case e.ActivityCancelRequested():
                self._runs[run_id][event.step].is_cancelled = True
            case e.ActivityRepaired():
                self._repaired(run_id, workflow_id, event, is_copy)
            case _:
                pass

    def _attempt(
        self,
        run_id: str,
        workflow_id: str,
        event: e.ActivityAttemptFailed | e.ActivityParked | e.ActivityCompleted | e.ActivityFailed,
    ) -> None:
        where, one = f"step {event.step} of {workflow_id}", self._runs.get(run_id, {}).get(event.step)
        if one is None:
            self._violations.append(f"an attempt of {where}, which nobody has asked for")
            return
        if one.is_parked and not one.is_cancelled:
            self._violations.append(f"{type(event).__name__} of {where} while it waits for a person")
        if event.attempt != one.attempt:
            self._violations.append(f"attempt {event.attempt} of {where} where {one.attempt} was under way")
        if one.due and type(event).__name__ not in one.due:
            self._violations.append(f"{type(event).__name__} of {where} where a person has said {one.due}")
        match event:
            case e.ActivityAttemptFailed():
                one.attempt += 1
            case e.ActivityParked():
                one.is_parked = True
                kind = "compensation" if one.scheduled.compensates is not None else "step"
                saga = one.scheduled.saga
                self._marks[f"a {saga.kind if saga is not None and saga.kind else kind} is parked"] += 1
            case _:
                del self._runs[run_id][event.step]

    def _repaired(self, run_id: str, workflow_id: str, event: e.ActivityRepaired, is_copy: bool) -> None:
        where, one = f"step {event.step} of {workflow_id}", self._runs.get(run_id, {}).get(event.step)
        if one is None or not one.is_parked:
            self._violations.append(f"a person has repaired {where}, which was not parked")
            return
        if event.action not in ACTIONS:
            self._violations.append(f"a person has done what there is not to {where}: {event.action}")
        if not is_copy:
            if event.request_id in self._done.keys() - self._gone:
                self._violations.append(f"{event.request_id} was done twice, to {where}")
            self._done[event.request_id] = run_id
            self._marks[f"repaired: {event.action}"] += 1
        one.is_parked = False
        if event.action in (RETRY, EDIT):
            one.attempt += 1
        elif event.action == DONE or (event.action == SKIP and one.scheduled.compensates is not None):
            one.due = "ActivityCompleted"
        else:
            one.due = "ActivityFailed"

    def ended(self, run_id: str, workflow_id: str, event: e.Event) -> None:
        """A run's end. Nothing of it waits any more: of a run that was not ended from outside, nothing that it has to
        undo, nor a pivot, may have."""
        steps = self._runs.pop(run_id, {})
        forced = e.RunTerminated | e.RunReplaced | e.RunReset
        for step, one in steps.items():
            saga = one.scheduled.saga
            matters = one.scheduled.compensates is not None or (saga is not None and saga.kind == "pivot")
            if one.is_parked and matters and not isinstance(event, forced):
                self._violations.append(f"{workflow_id} has ended while its step {step} waited for a person")

    def retired(self, run_id: str) -> None:
        """A run is gone; should it come again, it may be asked for the same."""
        self._gone |= {request for request, of_run in self._done.items() if of_run == run_id}
        self._runs.pop(run_id, None)

    def finish(self, refused: set[str]) -> None:
        """No request is lost."""
        self._violations += [f"{request} was lost" for request in sorted(self._asked - self._done.keys() - refused)]
        self._marks["a repair is refused"] += len(self._asked & refused)
