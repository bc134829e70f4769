"""Messages to runs: signals that come together and are for one run are one activation, and one record.

Their inputs are not settled before all of them are recorded: after a crash within them they are read again, and each is
known by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from sagaline._engine.beginning_rows import new_run
from sagaline._engine.decide import Rejected, decide, run_id_of
from sagaline._engine.emit import Emitter
from sagaline._engine.processors.start import started_by
from sagaline._engine.tables.messages import update_message
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.message_admission import MessageAdmission
from sagaline._host.partition.progress import InputOffsets
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.rows import Rows
from sagaline._host.runs.activations import Activations
from sagaline._host.runs.weights import in_parts, weight
from sagaline._log import Record
from sagaline._model.events import Event, RunStarted, SignalReceived
from sagaline._model.limits import SIGNALS_AT_ONCE
from sagaline._model.records import SignalRun, StartRun, UpdateRun
from sagaline._payloads import NotResident


class Ask(Protocol):
    """Answers a request when what was decided for it is durable; ``recorded``: the newest append is its record."""

    def __call__(self, request: SignalRun | UpdateRun, run_id: str, recorded: bool) -> None: ...


class Mail(NamedTuple):
    """A message, and the record that it came in."""

    record: Record
    request: SignalRun


def _weight(mail: Mail) -> int:
    return weight(mail.request)


def _signal_of(start: StartRun) -> SignalRun:
    return SignalRun(start.request_id, start.workflow_id, start.signal, start.signal_input)


def _update_of(start: StartRun, run_id: str) -> UpdateRun:
    address = (start.reply_to, start.reply_partition)
    asked = (start.request_id, start.workflow_id, start.update_id, start.update, start.update_input)
    return UpdateRun(*asked, *address, run_id, start.reply_when, start.waits_ms)


def _split(decision: Sequence[Event]) -> tuple[RunStarted | None, SignalReceived | None]:
    """Of what a signal leads to, the beginning of a run, and its receipt."""
    match decision:
        case [RunStarted() as started, SignalReceived() as received]:
            return started, received
        case [SignalReceived() as received]:
            return None, received
        case _:
            return None, None


class Code(NamedTuple):
    """What stands between a message and the run's code. ``before`` gives the positions without the input that is being
    handled."""

    admission: MessageAdmission
    activations: Activations
    before: Callable[[], InputOffsets | None]


class SignalsWait(NotResident):
    """Of signals that came together those of the records that are ``left``, in order, are not handled."""

    def __init__(self, missing: NotResident, left: Sequence[Record]) -> None:
        super().__init__(missing.payloads, missing.goes_on)
        self.left = left


class Messages:
    """``ask`` answers a request when what was decided for it is durable."""

    def __init__(
        self,
        rows: Rows,
        recorder: Recorder,
        code: Code,
        quarantine: Quarantine,
        ask: Ask,
        guard: Guard,
        clock: Callable[[], int],
    ) -> None:
        self._decided, self._recorder = rows.decided, recorder
        self._admission, self._activations, self._before = code
        self._quarantine, self._ask, self._guard, self._clock = quarantine, ask, guard, clock

    def signals(self, mails: Sequence[Mail]) -> None:
        """Signals in the order in which they came."""
        by_run: dict[str, list[Mail]] = {}
        for mail in mails:
            by_run.setdefault(mail.request.workflow_id, []).append(mail)
        parts = [
            (workflow_id, part)
            for workflow_id, of_run in by_run.items()
            for part in in_parts(of_run, SIGNALS_AT_ONCE, _weight)
        ]
        for number, (workflow_id, part) in enumerate(parts):  # ``Inputs`` settles them when all are on record
            if self._guard.given_up:
                return
            try:
                self._of_run(workflow_id, [mail.request for mail in part])
            except NotResident as missing:
                left = [mail.record for _, signals in parts[number:] for mail in signals]
                raise SignalsWait(missing, sorted(left, key=lambda record: record.offset)) from missing
            except BaseException as error:  # a bug of ours: it costs the run or the input, not the partition
                blamed = self._quarantine.run(workflow_id)
                if self._quarantine.leaves_alone(workflow_id):
                    blamed = self._quarantine.input(part[0].record)
                self._guard.caught(error, blamed)

    def update(self, request: UpdateRun) -> None:
        """An update: its validator is asked, and nothing is recorded in the run's history when it says no."""
        self._recorder.refusals()
        self._activations.complete(request.workflow_id, self._before())
        self._ready(request.workflow_id, [request])
        now = self._clock()
        decision = decide(self._decided, request, now)
        if isinstance(decision, Rejected):
            self._recorder.refuse(decision, request)
            return
        for event in decision:
            run = self._decided.run(request.workflow_id)
            if run is None:
                raise RuntimeError(f"{type(event).__name__} has no run")
            admitted = self._admission.message(request, run)
            if isinstance(admitted, Rejected):
                self._recorder.refuse(admitted, request)
                return
            emitter = Emitter(self._decided, run, max(now, run.last_at))
            emitter.emit(msgspec.structs.replace(event, input=admitted))
            self._activations.activate(emitter)
        if request.reply_to:
            message_id = update_message(request.update_id)
            self._ask(request, self._decided.receiver(request.workflow_id, message_id) or "", bool(decision))

    def update_with(self, request: StartRun, run_id: str) -> None:
        """The update that comes with a start, for the run that it has begun or was answered with. It is answered, or
        refused, in place of the start."""
        if not self._guard.given_up:
            self.update(_update_of(request, run_id))

    def _ready(self, workflow_id: str, requests: Sequence[SignalRun | UpdateRun]) -> None:
        """What deciding on them needs is in memory. Raises NotResident."""
        if self._activations.has_blobs:
            now = self._clock()
            decided = [(request, decide(self._decided, request, now)) for request in requests]
            new = [request for request, events in decided if events and not isinstance(events, Rejected)]
            if new:
                self._activations.ready(workflow_id)
                self._admission.require(new)

    def of_start(self, request: StartRun) -> list[Event] | Rejected:
        """What a run receives in its first record: nothing or a signal; or the refusal of that, or of the update that
        is to follow, and with it that of the start."""
        if not (request.signal or request.update):
            return []
        run_id, signal = run_id_of(request), _signal_of(request)
        run = new_run(request.workflow_id, run_id, started_by(request, 0), 0)
        if request.update and (refusal := self._admission.before_start(_update_of(request, run_id), run)) is not None:
            return refusal
        if not request.signal:
            return []
        admitted = self._admission.message(signal, run)
        if isinstance(admitted, Rejected):
            return admitted
        return [SignalReceived(request.request_id, request.signal, admitted)]

    def of_joined(self, request: StartRun, run_id: str) -> Rejected | None:
        """The same for a run that was there before; the refusal when it cannot receive the signal."""
        if not request.signal:
            return None
        self._recorder.refusals()
        self._activations.complete(request.workflow_id, self._before())
        signal, now = msgspec.structs.replace(_signal_of(request), run_id=run_id), self._clock()
        self._ready(request.workflow_id, [signal])
        decision = decide(self._decided, signal, now)
        run = self._decided.run(request.workflow_id)  # by now it may go on as another
        if isinstance(decision, Rejected) or not decision or run is None:
            return decision if isinstance(decision, Rejected) else None
        admitted = self._admission.message(signal, run)
        if isinstance(admitted, Rejected):
            return admitted
        emitter = Emitter(self._decided, run, max(now, run.last_at))
        emitter.emit(SignalReceived(request.request_id, request.signal, admitted))
        self._activations.activate(emitter)
        return None

    def _of_run(self, workflow_id: str, requests: Sequence[SignalRun]) -> None:
        self._recorder.refusals()
        self._activations.complete(workflow_id)
        self._ready(workflow_id, requests)
        now = self._clock()
        emitter: Emitter | None = None
        accepted: list[SignalRun] = []
        for request in requests:
            decision = decide(self._decided, request, now)
            if isinstance(decision, Rejected):
                self._recorder.refuse(decision, request)
                continue
            run = self._decided.run(workflow_id)
            started, received = _split(decision)
            if started is not None:
                at_ms = now if run is None else max(now, run.last_at + 1)  # as of every run of an id
                run = new_run(workflow_id, run_id_of(request), started, at_ms)
            if received is None:
                accepted.append(request)
                continue
            if run is None:
                raise RuntimeError(f"{type(received).__name__} has no run")
            admitted = self._admission.message(request, run)
            if isinstance(admitted, Rejected):
                self._recorder.refuse(admitted, request)
                continue
            if emitter is None:
                emitter = Emitter(self._decided, run, max(now, run.last_at))
            if started is not None:
                emitter.emit(started)
            emitter.emit(msgspec.structs.replace(received, input=admitted))
            accepted.append(request)
        if emitter is not None:
            self._activations.activate(emitter)
        for request in accepted:
            if request.reply_to:
                run_id = self._decided.receiver(workflow_id, request.request_id) or ""
                self._ask(request, run_id, emitter is not None)
