"""Starts: a run begins, the request is answered with one that is there, or it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sagaline._engine.beginning_rows import new_run
from sagaline._engine.decide import Joined, Rejected, Replaced, decide, run_id_of
from sagaline._engine.emit import Emitter
from sagaline._host.partition.admission import Admission
from sagaline._host.partition.guard import ProtocolError
from sagaline._host.partition.messages import Messages
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.rows import Rows
from sagaline._host.runs.activations import Activations
from sagaline._model.events import AttributesGiven, Event, RunStarted
from sagaline._model.failure import Failure
from sagaline._model.records import StartRun


class Starting:
    """``ask`` answers a request with a run, when it is proven that the answer holds."""

    def __init__(
        self,
        rows: Rows,
        recorder: Recorder,
        activations: Activations,
        admission: Admission,
        messages: Messages,
        progress: Progress,
        ask: Callable[[StartRun, str], None],
        clock: Callable[[], int],
    ) -> None:
        self._decided, self._recorder, self._activations = rows.decided, recorder, activations
        self._admission, self._messages = admission, messages
        self._progress, self._ask, self._clock = progress, ask, clock

    def start(self, request: StartRun) -> None:
        """Starts a run, answers with the one that is there, or refuses."""
        if request.parent_run_id:
            self._recorder.refusals()  # one of them may be what stops it
        decision = decide(self._decided, request, self._clock())
        if isinstance(decision, Joined):
            self._join(request, decision)
        elif isinstance(decision, Rejected):
            self._recorder.refuse(decision, request)
        elif (failure := self._admission.why_not(request)) is not None:
            self._refuse(request, failure)
        elif isinstance(received := self._messages.of_start(request), Rejected):
            self._recorder.refuse(received, request)
        elif isinstance(decision, Replaced):
            self._replace(request, decision, received)
        else:
            self._begin(request, [*decision, *received])

    def _join(self, request: StartRun, decision: Joined) -> None:
        failure = decision.unless_same
        if failure is not None and not self._admission.is_same(request, decision.run_id):
            self._refuse(request, failure)
        elif (refusal := self._messages.of_joined(request, decision.run_id)) is not None:
            self._recorder.refuse(refusal, request)
        elif request.update:
            self._messages.update_with(request, decision.run_id)
        elif request.reply_to:
            self._ask(request, decision.run_id)

    def _replace(self, request: StartRun, decision: Replaced, received: Sequence[Event]) -> None:
        """Two records of one input: the first carries the positions from before it, for a crash between them."""
        self._recorder.refusals()
        self._activations.complete(request.workflow_id, self._progress.before)
        run = self._decided.run(request.workflow_id)
        if run is None:
            raise ProtocolError("a run is to be replaced that is not there")
        if run.closed:  # it had not begun, and its code ended it at once
            self.start(request)
            return
        emitter = Emitter(self._decided, run, max(self._clock(), run.last_at))
        emitter.emit(decision.replaced)
        self._activations.activate(emitter, self._progress.before)
        self._begin(request, [decision.started, *received])

    def _begin(self, request: StartRun, events: Sequence[Event]) -> None:
        """An update is another record of the same input, so the first carries the positions from before it here too:
        the start that is read again finds its own run, and gives it the update."""
        self._recorder.refusals()
        before = self._decided.run(request.workflow_id)
        now = self._clock() if before is None else max(self._clock(), before.last_at + 1)  # runs of an id are in order
        started, *received = events
        if not isinstance(started, RunStarted):
            raise ProtocolError(f"a run is to begin with {type(started).__name__}")
        emitter = Emitter(self._decided, new_run(request.workflow_id, run_id_of(request), started, now), now)
        emitter.emit(self._admission.admitted(started))
        if request.memo or request.search_attributes:
            emitter.emit(AttributesGiven(request.memo, request.search_attributes))
        for event in received:
            emitter.emit(event)
        self._activations.activate(emitter, self._progress.before if request.update else None)
        if request.update:
            self._messages.update_with(request, run_id_of(request))

    def _refuse(self, request: StartRun, failure: Failure) -> None:
        self._recorder.refuse(Rejected(request.request_id, request.workflow_id, failure), request)
