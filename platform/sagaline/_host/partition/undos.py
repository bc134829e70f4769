"""Undoing: of a run that has ended by another of its id, of an open one in place of its code."""

from __future__ import annotations

from typing import Protocol

from sagaline._engine.beginning_rows import new_run
from sagaline._engine.decide import Joined, Rejected, Undone, decide
from sagaline._engine.emit import Emitter
from sagaline._host.partition.guard import ProtocolError
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.releasing import Releasing
from sagaline._host.partition.rows import Rows
from sagaline._host.partition.unfit import bounded
from sagaline._host.runs.activations import Activations
from sagaline._host.runs.heritage import Heritage
from sagaline._model.events import RunStarted, UndoRequested
from sagaline._model.failure import Failure
from sagaline._model.ids import undo_run_of
from sagaline._model.records import UndoRun


class Ask(Protocol):
    """Answers a request when what was decided for it is durable."""

    def __call__(self, request: UndoRun, run_id: str) -> None: ...


class Undos:
    """Nothing is recorded before all payloads that it takes are in memory: what waits for them is decided anew."""

    def __init__(
        self,
        rows: Rows,
        recorder: Recorder,
        activations: Activations,
        heritage: Heritage,
        quarantine: Quarantine,
        releasing: Releasing,
        progress: Progress,
        ask: Ask,
    ) -> None:
        self._decided, self._durable, self._recorder = rows.decided, rows.durable, recorder
        self._activations, self._heritage, self._quarantine = activations, heritage, quarantine
        self._releasing, self._progress, self._ask = releasing, progress, ask

    def undo(self, request: UndoRun) -> None:
        """Undoes a run, answers with the run that undoes it, or refuses."""
        self._recorder.refusals()
        self._activations.complete(request.workflow_id, self._progress.before)
        request = bounded(request)
        decision = decide(self._decided, request, self._heritage.options.clock())
        run_id = ""
        match decision:
            case Rejected():
                self._recorder.refuse(decision, request)
            case Joined():
                run_id = decision.run_id
            case Undone():
                run_id = self._begin(request, decision)
            case [UndoRequested() as requested]:
                run_id = self._take_over(request, requested)
            case _:
                raise ProtocolError("an undo is decided that is none")
        if run_id and request.reply_to:
            self._ask(request, run_id)

    def _begin(self, request: UndoRun, decision: Undone) -> str:
        """Begins the run that undoes another; its id, or "" when it is refused."""
        run = self._decided.run_by_id(request.workflow_id, decision.run_id)
        newest = self._decided.run(request.workflow_id)
        if run is None or newest is None:
            raise ProtocolError("a run is to be undone that is not there")
        first = self._heritage.first_events(request, decision, run)
        if isinstance(first, Failure):
            self._recorder.refuse(Rejected(request.request_id, request.workflow_id, first), request)
            return ""
        started, *events = first
        if not isinstance(started, RunStarted):
            raise ProtocolError(f"a run is to begin with {type(started).__name__}")
        run_id, at_ms = undo_run_of(run.run_id), max(self._heritage.options.clock(), newest.last_at + 1)
        emitter = Emitter(self._decided, new_run(run.workflow_id, run_id, started, at_ms), at_ms)
        for event in (started, *events):
            emitter.emit(event)
        self._activations.activate(emitter)
        return run_id

    def _take_over(self, request: UndoRun, requested: UndoRequested) -> str:
        """The code of an open run is called no more, whatever has become of it. Raises NotResident."""
        run = self._decided.run(request.workflow_id)
        if run is None:
            raise ProtocolError("a run is to be undone that is not there")
        instances, options = self._heritage.instances, self._heritage.options
        if self._activations.has_blobs:
            instances.ready(run, anew=True, undoes=True)
        instances.forget(run.run_id)
        options.marks.clear(run.run_id)
        self._quarantine.release(run.workflow_id, run.run_id)
        emitter = Emitter(self._decided, run, max(options.clock(), run.last_at))
        emitter.emit(requested)
        self._activations.activate(emitter)
        for effect in self._durable.open_steps(run):  # what came of them while it was left alone was not heard
            self._releasing.effect(effect)
        return run.run_id
