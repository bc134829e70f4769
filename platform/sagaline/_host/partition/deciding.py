"""What an input means: inputs of one run that come together are one activation, and one record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sagaline._engine.decide import ActivityDue, Rejected, TimerDue, decide
from sagaline._engine.effects import Answer, SetTimer
from sagaline._engine.emit import Emitter
from sagaline._engine.tables.runs import RunView
from sagaline._host.partition.admission import Admission
from sagaline._host.partition.guard import Guard, ProtocolError
from sagaline._host.partition.inputs import Input
from sagaline._host.partition.outside import Outside
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.repairs import FromOutside
from sagaline._host.partition.rows import Rows
from sagaline._host.partition.unfit import bounded, bounded_heartbeat, bounded_result, is_answerable
from sagaline._host.runs.activations import Activations, concern_code
from sagaline._host.runs.weights import in_parts
from sagaline._model import limits
from sagaline._model.codec import encode
from sagaline._model.failure import Failure
from sagaline._model.records import (
    PARKED,
    RUNNING,
    ActivityResult,
    CancelRun,
    ChildReport,
    Heartbeat,
    PauseRun,
    QueryRun,
    ReadRun,
    RepairActivity,
    Reply,
    ResetRun,
    RetryRun,
    RunControl,
    SettleActivity,
    SignalRun,
    StartRun,
    TerminateRun,
    UndoRun,
    UnpauseRun,
    UpdateRun,
)
from sagaline._payloads import NotResident
from sagaline._runtime.generators import InARow

RunInput = RunControl | ActivityResult | Heartbeat | ChildReport | TimerDue | ActivityDue


class Deciding:
    """Takes inputs of the log, of local activities and of timers."""

    def __init__(
        self,
        rows: Rows,
        recorder: Recorder,
        activations: Activations,
        admission: Admission,
        quarantine: Quarantine,
        outside: Outside,
        guard: Guard,
        clock: Callable[[], int],
    ) -> None:
        self._decided, self._durable = rows.decided, rows.durable
        self._recorder, self._activations, self._admission = recorder, activations, admission
        self._quarantine, self._outside, self._guard, self._clock = quarantine, outside, guard, clock

    # Inputs of the log

    def handle(self, request: Input) -> None:
        """One input of the log."""
        _HANDLERS[type(request)](self, request)

    def end_batch(self) -> None:
        """The refusals among the inputs that came together are recorded, and answered when that is durable."""
        self._recorder.refusals()

    def start(self, request: StartRun) -> None:
        """Starts a run, answers with the one that is there, or refuses."""
        self._outside.start(request)

    def read(self, request: ReadRun | Reply) -> None:
        """Answers what needs no record, when it is proven that it may; or hears what another owner has answered."""
        if isinstance(request, Reply):
            self._outside.heard(request)
        else:
            self._outside.ask(request, request.run_id)

    def message(self, request: QueryRun | UpdateRun | ResetRun | UndoRun) -> None:
        """Asks a run's code a question, or to change something and to answer; or begins a run from its history."""
        match request:
            case QueryRun():
                self._outside.query(request)
            case UpdateRun():
                self._outside.messages.update(request)
            case ResetRun():
                self._outside.resets.reset(request)
            case UndoRun():
                self._outside.undos.undo(request)

    def control(self, request: RunControl) -> None:
        """Cancels, terminates, pauses a run, lets it go on, or repairs a step; whoever asked is told once that is on
        record."""
        if isinstance(request, FromOutside) and (unfit := self._admission.why_unfit(request)) is not None:
            self._recorder.refuse(Rejected(request.request_id, request.workflow_id, unfit), request)
            return
        run = self._decided.run(request.workflow_id)
        if self._decide(request.workflow_id, [bounded(request)]) and run is not None and request.reply_to:
            self._outside.ask(request, request.run_id or run.run_id)

    def result(self, result: ActivityResult | Heartbeat | ChildReport) -> None:
        """What an attempt that another worker makes came to or how far, or a run that one of this partition began."""
        if isinstance(result, ChildReport):
            report = self._outside.resets.addressed(result)
            self._ready(report.workflow_id, [report])
            self._decide(report.workflow_id, [self._admission.own_report(report)])
        elif isinstance(result, Heartbeat):
            self._decide(result.workflow_id, [bounded_heartbeat(result)])
        else:
            self._decide(result.workflow_id, [bounded_result(result)])

    def retry(self, request: RetryRun) -> None:
        """A person asks for a parked run to be tried again, e.g. when what it lacked is there now."""
        decision = decide(self._decided, request, self._clock())
        if isinstance(decision, Rejected):
            self._recorder.refuse(decision, request)
            return
        if not decision:  # it was done before
            if request.reply_to:
                self._outside.ask(request, request.run_id)
            return
        run = self._decided.run(request.workflow_id)
        if run is None:
            raise ProtocolError("a run is to be retried that is not there")
        self._recorder.refusals()
        self._activations.ready_to_resume(run)
        self._quarantine.release(run.workflow_id, run.run_id)
        reply = Reply(request.request_id, run.workflow_id, run.run_id, "accepted", RUNNING)
        answer = Answer(request.reply_partition, request.reply_to, encode(reply)) if request.reply_to else None
        self.take_up(run, lambda run: self._activations.resume(run, request.request_id, answer))
        for effect in self._durable.open_steps(run):  # what came of them while it was left alone was not heard
            self._outside.releasing.effect(effect)
        if run.status == PARKED and run.failure is not None:
            message = f"Expected the run of {run.workflow_id!r} to go on but: {run.failure.message}"
            failure = Failure("StillParked", message, retryable=False)
            self._recorder.refuse(Rejected(request.request_id, run.workflow_id, failure), request)

    def refuse(self, request: Input | SignalRun, cause: str) -> None:
        """The request is a dead letter: whoever waits for an answer is told so."""
        if isinstance(request, ActivityResult | Heartbeat | ChildReport | Reply) or not is_answerable(request):
            return
        message = f"Expected a request that can be handled but it was put aside as a dead letter: {cause}"
        failure = Failure("DeadLetter", limits.cut(message), retryable=False)
        workflow_id = limits.cut(request.workflow_id, limits.NAME_BYTES)
        if not isinstance(request, ReadRun | QueryRun):
            self._recorder.refuse(Rejected(request.request_id, workflow_id, failure), request)
        elif request.reply_to:
            reply = Reply(request.request_id, workflow_id, "", "refused", "", None, failure)
            self._outside.releasing.answer(Answer(request.reply_partition, request.reply_to, encode(reply)))

    # Inputs of this process

    def on_results(self, results: Sequence[ActivityResult | Heartbeat]) -> None:
        """Results of local activities: those of one run are one activation."""
        by_run: dict[str, list[RunInput]] = {}
        for result in results:
            by_run.setdefault(result.workflow_id, []).append(result)
        with InARow():
            for workflow_id, of_run in by_run.items():
                self._decide_guarded(workflow_id, in_parts(of_run) if len(of_run) > 1 else (of_run,))

    def on_due(self, due: Sequence[SetTimer]) -> None:
        """Timers of code, of retries, and of activities that may take too long."""
        by_run: dict[str, list[RunInput]] = {}
        for item in due:
            row = self._durable.activity(item.run_id, item.step)
            if row is None or row.scheduled.queue:
                timer = TimerDue(item.workflow_id, item.run_id, item.step)
                by_run.setdefault(item.workflow_id, []).append(timer)
            elif row.retry_at == item.due_at and not self._quarantine.leaves_alone(row.workflow_id):
                self._outside.attempts.start_if_open(item.run_id, row)
            if row is not None and row.watched is not None:
                has_begun = self._outside.attempts.has_begun(item.run_id, item.step)
                late = ActivityDue(item.workflow_id, item.run_id, item.step, has_begun)
                by_run.setdefault(item.workflow_id, []).append(late)
        with InARow():
            for workflow_id, of_run in by_run.items():
                self._decide_guarded(workflow_id, [of_run])

    def on_gone_on(self, workflow_id: str) -> None:
        """It is durable that a run goes on: the next begins, so that of those that go on at once, for ever, no more is
        decided than the log takes; each in a turn of the loop of its own, so that they hold nobody up."""
        asyncio.get_running_loop().call_soon(self._guard.wrap(self._activations.begin_next), workflow_id)

    def _decide_guarded(self, workflow_id: str, parts: Sequence[Sequence[RunInput]]) -> None:
        """A bug of the engine's costs the run, not the partition: it is claimed anew, and the run quarantined."""
        if self._quarantine.leaves_alone(workflow_id):
            return  # what is open stays open: a fixed worker attempts it again
        try:
            for part in parts:
                self._decide(workflow_id, part)
        except NotResident as missing:  # parts that were decided lead to nothing more
            self._outside.later(missing, partial(self._decide_guarded, workflow_id, parts))
        except BaseException as error:
            self._guard.caught(error, self._quarantine.run(workflow_id))

    def take_up(self, run: RunView, how: Callable[[RunView], None]) -> None:
        """One run that cannot be taken up is left as it is, until another worker tries."""
        if self._guard.given_up:
            return
        try:
            how(run)
        except NotResident as missing:
            self._outside.later(missing, partial(self._take_up_later, run.workflow_id, run.run_id, how))
        except BaseException as error:
            self._guard.caught(error, self._quarantine.resumption(run.workflow_id, run.run_id))

    def _take_up_later(self, workflow_id: str, run_id: str, how: Callable[[RunView], None]) -> None:
        run = self._decided.run_by_id(workflow_id, run_id)
        if run is not None and not run.closed and not run.held:
            self.take_up(run, how)

    # One activation

    def _ready(self, workflow_id: str, inputs: Sequence[RunInput]) -> None:
        """What comes before the inputs is done, and what deciding on them needs is in memory. Raises NotResident."""
        self._activations.complete(workflow_id, self._outside.progress.before)
        if self._activations.has_blobs and self._calls_code(workflow_id, inputs):
            self._activations.ready(workflow_id, inputs)

    def _calls_code(self, workflow_id: str, inputs: Sequence[RunInput]) -> bool:
        if len(inputs) > 1:
            return True
        run = self._decided.run(workflow_id)
        decision = decide(self._decided, inputs[0], max(self._clock(), 0 if run is None else run.last_at))
        return not isinstance(decision, Rejected) and concern_code(decision)

    def _decide(self, workflow_id: str, inputs: Sequence[RunInput]) -> bool:
        """True when none of the inputs was refused."""
        if self._guard.given_up:
            return False
        self._recorder.refusals()  # a later record must not say that they were read while they are nowhere
        run = self._decided.run(workflow_id)
        if self._activations.has_blobs or self._guard.given_up or (run is not None and run.is_unfinished):
            self._ready(workflow_id, inputs)
        now = self._clock()
        emitter: Emitter | None = None
        accepted = True
        for item in inputs:
            run = self._decided.run(workflow_id)
            at_ms = now if run is None or run.last_at < now else run.last_at
            decision = decide(self._decided, item, at_ms)
            if isinstance(decision, Rejected):
                self._reject(decision, item)
                accepted = False
                continue
            for event in decision:
                if emitter is None:
                    if run is None:
                        raise ProtocolError(f"{type(event).__name__} of {type(item).__name__} has no run")
                    emitter = Emitter(self._decided, run, at_ms)
                if emitter.run.closed_at is None:
                    emitter.emit(event)
        if emitter is not None:
            self._activations.activate(emitter)
        return accepted

    def _reject(self, decision: Rejected, item: RunInput) -> None:
        if not isinstance(item, RunControl):
            raise ProtocolError(f"a {type(item).__name__} cannot be refused")
        self._recorder.refuse(decision, item)


_HANDLERS: dict[type[Any], Callable[[Deciding, Any], None]] = {
    StartRun: Deciding.start,
    ReadRun: Deciding.read,
    QueryRun: Deciding.message,
    UpdateRun: Deciding.message,
    CancelRun: Deciding.control,
    TerminateRun: Deciding.control,
    PauseRun: Deciding.control,
    UnpauseRun: Deciding.control,
    RepairActivity: Deciding.control,
    ResetRun: Deciding.message,
    UndoRun: Deciding.message,
    RetryRun: Deciding.retry,
    SettleActivity: Deciding.control,
    ActivityResult: Deciding.result,
    Heartbeat: Deciding.result,
    ChildReport: Deciding.result,
    Reply: Deciding.read,
}
