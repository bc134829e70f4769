"""What must hold of cancellations: of runs by clients, by other runs and by parents; of timers."""

from __future__ import annotations

from collections import Counter, defaultdict

from sagaline._model import events as e
from sagaline._model.records import CancelRun

_OBEDIENT = frozenset({"plain", "undoing", "waiting"})
"""Workflows whose code lets a cancellation out."""


class CancelChecks:
    """A request to stop is on record once, or refused; code that was asked to stop does not end well, nor goes on as
    another run; a timer that was cancelled does not fire."""

    def __init__(self, violations: list[str], marks: Counter[str]) -> None:
        self._violations, self._marks = violations, marks
        self._asked: dict[str, str] = {}  # workflow ids by request
        self._on_record: set[str] = set()  # requests, and the workflow ids that were asked to stop
        self._receivers: dict[str, str] = {}  # by request: the run that has received it
        self.gone: set[str] = set()  # requests that runs have received which are retired: nobody knows them any more
        self._stopping: set[str] = set()  # run ids
        self._obedient: set[str] = set()
        self._cancelled: dict[str, set[int]] = defaultdict(set)  # timers by run id

    def asked(self, request: object) -> None:
        """A request is in the log."""
        if isinstance(request, CancelRun):
            self._asked[request.request_id] = request.workflow_id

    def happened(self, run_id: str, workflow_id: str, event: e.Event) -> None:
        """A valid event."""
        match event:
            case e.RunStarted():
                if event.workflow in _OBEDIENT:
                    self._obedient.add(run_id)
            case e.CancelRequested():
                self._request(run_id, workflow_id, event)
            case e.RunTimedOut():  # its time is over: another cancellation adds nothing
                self._on_record.add(workflow_id)
                self._stopping.add(run_id)
            case e.TimerCancelled():
                self._cancelled[run_id].add(event.step)
            case e.TimerFired():
                if event.step in self._cancelled[run_id]:
                    self._violations.append(f"timer {event.step} of {workflow_id} fired although it was cancelled")
            case e.RunCompleted() | e.RunContinued():
                if run_id in self._stopping and run_id in self._obedient:
                    self._violations.append(f"{workflow_id} ({run_id}) was asked to stop and went on: {event}")
            case _:
                pass

    def _request(self, run_id: str, workflow_id: str, event: e.CancelRequested) -> None:
        if event.request_id in self._receivers:
            self._violations.append(f"{event.request_id} has cancelled {workflow_id} twice")
        self._receivers[event.request_id] = run_id
        self._on_record |= {event.request_id, workflow_id}
        self._stopping.add(run_id)
        kinds = {"cancel": "a child is cancelled", "close": "a child is cancelled by its parent's end"}
        kind = kinds.get(event.request_id.rpartition("/")[2], "a run is cancelled by a client")
        self._marks["a run is cancelled by another" if event.sender_run_id else kind] += 1

    def copied(self, run_id: str, events: list[e.Event]) -> None:
        """A reset has begun a run with events of another: what it was asked before stands."""
        for event in events:
            match event:
                case e.RunStarted() if event.workflow in _OBEDIENT:
                    self._obedient.add(run_id)
                case e.CancelRequested() | e.RunTimedOut():
                    self._stopping.add(run_id)
                case e.TimerCancelled():
                    self._cancelled[run_id].add(event.step)
                case _:
                    pass

    def retired(self, run_id: str) -> None:
        """A run is gone. Whoever asks for it later than that begins it again, under the same id: it has children of the
        same ids, and asks them to stop by the same requests."""
        self.gone |= {request for request, of_run in self._receivers.items() if of_run == run_id}
        self._receivers = {request: of_run for request, of_run in self._receivers.items() if of_run != run_id}
        self._stopping.discard(run_id)
        self._cancelled.pop(run_id, None)

    def finish(self, refused: set[str]) -> None:
        """No request is lost."""
        for request_id, workflow_id in self._asked.items():
            if not {request_id, workflow_id} & self._on_record and request_id not in refused:
                self._violations.append(f"{request_id}, a cancellation of {workflow_id}, was lost")
