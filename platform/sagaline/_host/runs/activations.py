"""From events to the workflow's code and back: what a run's code asks for goes into the record of its activation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVarTuple

from sagaline._engine.beginning_rows import forked
from sagaline._engine.decide import Forked, ParkRun, decide
from sagaline._engine.effects import Effect, GoOn
from sagaline._engine.emit import Emitter
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import GivenUp, Guard, too_late
from sagaline._host.partition.progress import InputOffsets
from sagaline._host.partition.recorder import Recorder
from sagaline._host.runs.chains import next_events
from sagaline._host.runs.forking import copies
from sagaline._host.runs.hurried import RUNS_AT_ONCE, hurried, is_hurried
from sagaline._host.runs.instances import Instances
from sagaline._host.runs.logged import log_failed, log_parked, log_parked_steps
from sagaline._host.runs.sealing import seal_commands, sealed_of
from sagaline._host.runs.stalled import stalled
from sagaline._host.runs.weights import weight
from sagaline._host.watchdog.marks import Mark
from sagaline._model import limits
from sagaline._model.events import Command, Event, RunFailed, RunParked, RunResumed, RunTimedOut, RunUnpaused
from sagaline._model.failure import BUG, Failure
from sagaline._model.records import PARKED, UnpauseRun
from sagaline._payloads import Later, NotResident
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.jobs import JOBS

QUARANTINED = "quarantined"
Args = TypeVarTuple("Args")


class Activations:
    """A run's code meets its events; what comes of it is recorded through ``recorder``."""

    def __init__(
        self,
        state: State,
        instances: Instances,
        options: HostOptions,
        recorder: Recorder,
        guard: Guard,
        later: Later,
    ) -> None:
        self._state, self._instances, self._options = state, instances, options
        self._recorder, self._guard, self._later = recorder, guard, later
        self.has_blobs = options.payloads.has_blobs

    # Before anything is decided

    def complete(self, workflow_id: str, positions: InputOffsets | None = None) -> None:
        """What was cut off is written, and the run as which another goes on has begun: both come before any input.
        ``positions``: those of before the input that is being decided on, if one is. Raises NotResident, GivenUp."""
        run = self._state.run(workflow_id)
        if run is None or run.held:
            return
        if self.has_blobs and run.more and not run.closed:  # else it was finished before the partition was live
            self.finish_writing(run, positions)
        elif run.is_unfinished:
            self.begin_pending(workflow_id, positions)
        if self._guard.given_up:
            raise GivenUp

    def ready(self, workflow_id: str, inputs: Sequence[object] = ()) -> None:
        """What the code of the newest run will be given is in memory. Raises NotResident."""
        run = self._state.run(workflow_id) if self.has_blobs else None
        if run is None or run.closed or run.held or self._options.marks.find(run.run_id) is not None:
            return
        wakes = any(isinstance(one, UnpauseRun) for one in inputs)
        if wakes or not run.rests:
            self._instances.ready(run, anew=wakes)
        self._options.payloads.require(sealed_of(self._options.payloads, run.run_id, inputs))

    def ready_to_resume(self, run: RunView) -> None:
        """The same for a parked run that is to go on. Raises NotResident."""
        if self.has_blobs:
            self._instances.ready(run, anew=True)

    # Then

    def activate(self, emitter: Emitter, positions: InputOffsets | None = None) -> None:
        """Events have come in: the run's code is given those that concern it, unless it rests or has ended.
        ``positions``: those of its records, when they are not the newest."""
        run = emitter.run
        if (mark := self._options.marks.find(run.run_id)) is not None:
            self._options.marks.clear(run.run_id)
            if not run.closed and run.status != PARKED:
                self._park(emitter, stalled(mark.stack), positions)
                return
        events = emitter.events
        jobs = [event for event in events if type(event) in JOBS]
        if len(jobs) < len(events):
            log_parked_steps(run, events)
        if run.closed_at is not None:
            self._instances.forget(run.run_id)
        elif len(jobs) < len(events) and not run.rests and any(type(event) is RunUnpaused for event in events):
            self._catch_up(emitter, positions)
            return
        elif jobs and not run.rests:
            self._run_code(emitter, positions, self._instances.activate, run, jobs, run.last_at)
            return
        if is_hurried(run):
            self._state.changes.call_for(GoOn(run.workflow_id))
        self._recorder.activation(emitter, positions=positions)

    def _catch_up(self, emitter: Emitter, positions: InputOffsets | None) -> None:
        """The run is paused no more: its code is given what has arrived meanwhile."""
        run = emitter.run
        self._instances.forget(run.run_id)
        try:
            commands = self._caught_up(run, run.last_at)
        except WorkflowBug as bug:
            self._park(emitter, bug, positions)
            return
        except NotResident as missing:
            raise too_late(run.run_id, missing) from missing
        self._run_code(emitter, positions, lambda: commands)

    def _caught_up(self, run: RunView, at_ms: int) -> list[Command]:
        """What is left to write, and what the code asks for when it is given all that has arrived. Raises WorkflowBug,
        BlobsUnavailable: nothing is recorded then, and whoever claims the partition next tries again."""
        found = self._instances.rebuild(run)
        if found.pending:
            return [*found.unwritten, *self._instances.resume(found, run, at_ms)]
        self._instances.keep(found, run)
        return found.unwritten

    def _run_code(
        self,
        emitter: Emitter,
        positions: InputOffsets | None,
        code: Callable[[*Args], list[Command]],
        *args: *Args,
    ) -> None:
        """Runs workflow code and records what it asks for; a bug in it parks the run."""
        try:
            commands = seal_commands(self._options.payloads, emitter.run.run_id, code(*args))
        except WorkflowBug as bug:
            self._park(emitter, bug, positions)
            return
        except NotResident as missing:
            raise too_late(emitter.run.run_id, missing) from missing
        kept = total = sum(map(weight, emitter.events))
        for command in commands:
            grown = weight(command)
            kept += grown
            total += grown
            if total > limits.ACTIVATION_BYTES and emitter.events:
                self._recorder.activation(emitter, more=True, positions=positions)
                emitter = Emitter(self._state, emitter.run, emitter.run.last_at)
                total = grown
            emitter.emit(command)
        self._instances.grow(emitter.run.run_id, kept)
        if commands and type(failed := commands[-1]) is RunFailed:
            log_failed(emitter.run, failed)
        if emitter.run.continued_to:
            self._state.changes.call_for(GoOn(emitter.run.workflow_id))
        self._recorder.activation(emitter, positions=positions)

    def begin_next(self, workflow_id: str) -> None:
        """It is durable that a run goes on, or is parked so that an input had its turn."""
        run = self._state.run(workflow_id)
        try:
            if run is not None and is_hurried(run):
                self.ready_to_resume(run)
                self.resume(run)
            else:
                self.begin_pending(workflow_id, is_turn=True)
        except NotResident as missing:
            self._later(missing, partial(self.begin_next, workflow_id))

    def begin_pending(self, workflow_id: str, positions: InputOffsets | None = None, is_turn: bool = False) -> None:
        """Begins the run as which another goes on, if it has not begun, and gives it what it takes over from that one.
        It may go on at once, as others behind it: with ``is_turn`` they have turns of their own, else one is parked in
        the end for the input that waits. ``positions``: as of ``complete``. Raises NotResident."""
        begun = 0
        while not self._guard.given_up:
            run = self._state.run(workflow_id)
            if run is None or run.held or not run.is_unfinished or (is_turn and begun and run.is_pending):
                return
            if run.copies:
                self._copy(run, positions)
                continue
            begun += run.is_pending
            if run.next_event_id > 1:
                self.ready(workflow_id)
            events = next_events(self._state, run, self._options.payloads)
            if not events:
                raise ValueError(f"Expected run {run.run_id} to take over events of another run but there are none")
            emitter = Emitter(self._state, run, self._now_ms(run))
            for event in events:
                emitter.emit(event)
            if run.next_event_id == 1 and 0 < run.deadline <= self._options.clock():
                emitter.emit(RunTimedOut())  # it may end before its timer fires, again and again
            if begun > RUNS_AT_ONCE and not run.rests:
                emitter.emit(hurried())
            self.activate(emitter, positions)

    def fork(self, run: RunView, run_id: str, decision: Forked, positions: InputOffsets | None) -> None:
        """Ends ``run``, the newest of its id, if it is open, and begins another with the beginning of a history.
        ``positions``: as of ``complete``, for there are several records. Raises NotResident."""
        if decision.reset is None:
            self._copy(forked(run, run_id, decision.fork, goes_on=False), positions)
        else:
            emitter = Emitter(self._state, run, self._now_ms(run))
            emitter.emit(decision.reset)
            self.activate(emitter, positions)
        self.begin_pending(run.workflow_id, positions)

    def _copy(self, run: RunView, positions: InputOffsets | None) -> None:
        """Records what a fork lacks of its copy. Raises NotResident: what is there stays, and the rest follows.

        Code that cannot follow it parks the run at once, for whoever has asked for it looks at it now; where payloads
        have to be fetched for that, when it is called."""
        for record in copies(self._state, run, self._options.payloads):
            self._recorder.copy(record, positions)
        begun = self._state.run(run.workflow_id)
        if begun is None or begun.held or begun.redelivers or self.has_blobs:
            return
        try:
            self._instances.keep(self._instances.rebuild(begun), begun)
        except WorkflowBug as bug:
            self._park(Emitter(self._state, begun, self._now_ms(begun)), bug, positions)

    def _park(self, emitter: Emitter, bug: WorkflowBug, positions: InputOffsets | None = None) -> None:
        self._instances.forget(emitter.run.run_id)
        log_parked(emitter.run, bug)
        emitter.emit(RunParked(bug.reason, bug.failure))
        self._recorder.activation(emitter, positions=positions)

    def park_marked(self, mark: Mark, run: RunView) -> None:
        """Parks a run that has made a worker give up, before its code runs again."""
        self._park_if(run, stalled(mark.stack))
        self._options.marks.clear(mark.run_id)

    def finish_writing(self, run: RunView, positions: InputOffsets | None = None) -> None:
        """The last activation was cut off between two of its records: replay it and append the rest. ``positions``: as
        of ``complete``. Raises NotResident."""
        if not run.more:
            self.begin_pending(run.workflow_id, positions)
            return
        emitter = Emitter(self._state, run, run.last_at)
        try:
            found = self._instances.rebuild(run)
        except WorkflowBug as bug:
            self._park(emitter, bug, positions)
            return
        self._instances.keep(found, run)
        self._run_code(emitter, positions, lambda: found.unwritten)
        self.begin_pending(run.workflow_id, positions)

    def resume(self, run: RunView, request_id: str = "", answer: Effect | None = None) -> None:
        """A parked run goes on if this worker's code can follow it; else it stays as it is.

        ``request_id`` asks for it, and ``answer`` is released when it is durable that the run goes on.
        """
        if run.status != PARKED or run.paused_at is not None:
            return  # it was otherwise when its payloads began to be fetched
        at_ms = self._now_ms(run)
        try:
            commands = self._caught_up(run, at_ms)
        except WorkflowBug as bug:
            if run.failure != bug.failure:
                self._park(Emitter(self._state, run, at_ms), bug)
            return
        emitter = Emitter(self._state, run, at_ms)
        emitter.emit(RunResumed(self._options.member_id, request_id))
        if answer is not None:
            self._state.changes.call_for(answer)
        self._run_code(emitter, None, lambda: commands)

    def quarantine(self, run: RunView, cause: str) -> None:
        """The engine failed on the run: it is parked until somebody has looked, or another worker starts."""
        if self.has_blobs and not run.more:
            self.complete(run.workflow_id)
        failure = Failure("EngineError", cause, BUG, retryable=False)
        self._park_if(run, WorkflowBug(failure, QUARANTINED))

    def _park_if(self, run: RunView, bug: WorkflowBug) -> None:
        at_ms = self._now_ms(run)
        request = ParkRun(run.workflow_id, run.run_id, bug.reason, bug.failure)
        if decide(self._state, request, at_ms):
            self._park(Emitter(self._state, run, at_ms), bug)

    def _now_ms(self, run: RunView) -> int:
        return max(self._options.clock(), run.last_at)


def concern_code(events: Iterable[Event]) -> bool:
    """True when a run's code is called for them, unless it rests."""
    return any(type(event) in JOBS or type(event) is RunUnpaused for event in events)
