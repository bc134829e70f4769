"""The partition loop: inputs → decide → append → acknowledged → apply to the store → effects.

Deciding runs ahead: a record is decided on the state that the unacknowledged ones before it will leave (the
overlay), and appended without waiting. When the acknowledgement comes, and the offset is the next one, its rows
go to the store in one batch, and only then is anything outside allowed to see them. If the offset is not the
next one, or an append fails, everything above the store is dropped and the partition is claimed anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from sagaline._engine.decide import Input, Rejected, TimerDue, decide, run_id_of
from sagaline._engine.effects import (
    Answer,
    CancelActivity,
    CloseRun,
    Effect,
    ForgetActivity,
    Publish,
    SetTimer,
    StartActivity,
)
from sagaline._engine.emit import Emitter, new_run
from sagaline._engine.overlay import Overlay, Writes
from sagaline._engine.replies import REPLIES
from sagaline._engine.rows import META_KEY, Meta, RunRow
from sagaline._engine.state import State
from sagaline._engine.validity import Validity
from sagaline._host.activities import ActivityRunner
from sagaline._host.deadletters import send_to_dead_letters
from sagaline._host.instances import Instances
from sagaline._host.options import PAYLOAD_LIMIT, HostOptions
from sagaline._host.outbox import Outbox
from sagaline._host.reads import Reads
from sagaline._host.recovery import Claimed, encode_meta
from sagaline._host.timers import Timers
from sagaline._log import COMMANDS, HISTORY, Ack, Appender, Log, Record
from sagaline._model.codec import UnreadableRecord, decode, encode
from sagaline._model.events import Command, Event, RunParked, RunResumed, RunStarted
from sagaline._model.failure import Failure
from sagaline._model.keys import history_key, refusals_key
from sagaline._model.records import (
    PARKED,
    ActivityResult,
    CancelRun,
    Decided,
    History,
    ReadRun,
    Refusal,
    Refusals,
    Reply,
    StartRun,
    TerminateRun,
)
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.instance import JOBS, WorkflowBug
from sagaline.errors import InvalidInput

_log = logging.getLogger("sagaline.partition")
SUPERSEDED = "another worker has claimed it"
_RECORD_BYTES = 850_000
_EVENT_OVERHEAD_BYTES = 300
_RESULTS_A_RECORD = 100


class Pending(NamedTuple):
    """An append that is not acknowledged yet, and what follows when it is."""

    owner: Partition
    record: Decided
    writes: Writes
    effects: list[Effect]
    next_outbox: int


class Services(NamedTuple):
    """What a partition shares with the others of its process."""

    log: Log
    appender: Appender
    registry: Registry
    activities: ActivityRunner
    options: HostOptions


class Partition:
    """One claimed partition. ``lost`` is set, with the reason, when it has to be claimed anew."""

    def __init__(self, number: int, claimed: Claimed, services: Services) -> None:
        self.number = number
        self._services = services
        self._store = claimed.store
        meta = claimed.meta
        self.epoch = meta.epoch
        self.next_offset = meta.next_offset
        self.commands_position = meta.commands_position
        self.results_position = meta.results_position
        self._overlay = Overlay(claimed.store)
        self._state = State(self._overlay, meta, services.options.cached_runs)
        bound = services.options.cached_instances
        self._instances = Instances(services.registry, self._state.history, bound)
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = loop.create_future()
        self._outbox = Outbox(services.log, meta.released)
        durable = State(Overlay(claimed.store), meta, cached_runs=0)
        self._reads = Reads(services.log, durable, self._end_offset, lambda: self.next_offset)
        self._timers = Timers(loop, services.options.clock, self._on_due)
        self._in_flight: deque[Pending] = deque()
        self._appended = self._acknowledged = 0
        self._refused_at = (self.commands_position, self.results_position)
        self._refusals: list[tuple[Refusal, StartRun | CancelRun | TerminateRun]] = []
        self._gap: asyncio.Task[None] | None = None
        self._held: list[Ack] = []

    # Starting and stopping

    async def begin(self) -> None:
        """Takes up what the rows say is open: activities, timers, the outbox, runs that wait for attention."""
        stored: list[Effect] = [*self._state.open_activities(), *self._state.timers(), *self._state.outbox()]
        unfinished = list(self._state.unfinished())
        for run in unfinished:
            if run.more:  # before any input of it can come
                self._finish_writing(run)
        for effect in stored:
            self._release(effect)
        for run in unfinished:
            if run.status == PARKED and not run.closed:
                self._resume(run)
                await asyncio.sleep(0)

    def close(self) -> None:
        """Drops everything above the store. Nothing that is not acknowledged counts."""
        self.lose("closed")
        self._timers.close()
        self._outbox.close()
        self._reads.close()
        self._instances.close()
        if self._gap is not None:
            self._gap.cancel()

    def uses(self, appender: Appender) -> bool:
        """True when this partition appends through ``appender``."""
        return self._services.appender is appender

    def lose(self, reason: str) -> None:
        """It has to be claimed anew."""
        if not self.lost.done():
            self.lost.set_result(reason)

    @property
    def in_flight(self) -> int:
        """Appends that are not acknowledged."""
        return len(self._in_flight)

    async def _end_offset(self) -> int:
        return (await self._services.log.bounds(HISTORY, self.number))[1]

    # 1. Inputs

    def on_records(self, records: Sequence[Record]) -> None:
        """Commands and results from the log, in order."""
        if self.lost.done():
            return
        for record in records:
            from_commands = record.topic == COMMANDS
            position = self.commands_position if from_commands else self.results_position
            if record.offset < position:
                continue
            if from_commands:
                self.commands_position = record.offset + 1
            else:
                self.results_position = record.offset + 1
            self._on_record(record)
        self._record_refusals()

    def _on_record(self, record: Record) -> None:
        try:
            found = decode(record.value)
        except UnreadableRecord as error:
            send_to_dead_letters(self._services.log, record, str(error), self._services.options.clock)
            return
        if isinstance(found, StartRun):
            self._on_start(found)
        elif isinstance(found, ReadRun):
            self._ask(found)
        elif isinstance(found, CancelRun | TerminateRun | ActivityResult):
            self._handle(found.workflow_id, [found])
        else:
            cause = f"Expected a command or a result but got a {type(found).__name__}"
            send_to_dead_letters(self._services.log, record, cause, self._services.options.clock)

    def _on_start(self, request: StartRun) -> None:
        if self._state.run(request.workflow_id) is not None:
            self._ask(request)
            return
        failure = self._why_not(request)
        if failure is not None:
            self._refuse(Rejected(request.request_id, request.workflow_id, failure), request)
        else:
            self._handle(request.workflow_id, [request])

    def _why_not(self, request: StartRun) -> Failure | None:
        """The reason to refuse a start: the one recorded before, or one of now."""
        known = self._state.refusal(request.request_id)
        if known is not None:
            return known.failure
        workflow = self._services.registry.workflows.get(request.workflow)
        if workflow is None:
            names = ", ".join(sorted(self._services.registry.workflows)) or "none"
            message = f"Expected a workflow that the worker knows ({names}) but got {request.workflow!r}."
            return Failure("UnknownWorkflow", message, retryable=False)
        if len(request.input) > PAYLOAD_LIMIT:
            message = f"Expected an input of at most {PAYLOAD_LIMIT} bytes but it has {len(request.input)}."
            return Failure("PayloadTooLarge", message, retryable=False)
        try:
            workflow.signature.decode_input(request.input)
        except InvalidInput as error:
            return Failure("InvalidInput", str(error), retryable=False)
        return None

    def on_results(self, results: Sequence[ActivityResult]) -> None:
        """Results of local activities: those of one run are one activation."""
        by_run: dict[str, list[Input]] = {}
        for result in results:
            by_run.setdefault(result.workflow_id, []).append(result)
        for workflow_id, inputs in by_run.items():
            for part in _parts(inputs):
                self._handle(workflow_id, part)

    def _on_due(self, due: list[SetTimer | StartActivity]) -> None:
        by_run: dict[str, list[Input]] = {}
        for item in due:
            if isinstance(item, StartActivity):
                self._start_if_open(item)
            else:
                timer = TimerDue(item.workflow_id, item.run_id, item.step)
                by_run.setdefault(item.workflow_id, []).append(timer)
        for workflow_id, inputs in by_run.items():
            self._handle(workflow_id, inputs)

    def _start_if_open(self, item: StartActivity) -> None:
        row = self._state.activity(item.run_id, item.row.scheduled.step)
        if row is not None and row.attempt == item.row.attempt:
            self._services.activities.start(self.number, StartActivity(item.run_id, row))

    def _ask(self, request: ReadRun | StartRun) -> None:
        self._reads.ask(request, self._appended + 1, idle=not self._in_flight)

    # 2. Decide: inputs of one run → one activation → one record

    def _handle(self, workflow_id: str, inputs: Sequence[Input]) -> None:
        if self.lost.done():
            return
        self._record_refusals()  # a later record must not say that they were read while they are nowhere
        now = self._services.options.clock()
        emitter: Emitter | None = None
        for given in inputs:
            run = self._state.run(workflow_id)
            at_ms = max(now, run.last_at) if run is not None else now
            decision = decide(self._state, given, at_ms)
            if isinstance(decision, Rejected):
                assert isinstance(given, CancelRun | TerminateRun)
                self._refuse(decision, given)
                continue
            for event in decision:
                if emitter is None:
                    emitter = self._emitter(run, given, event, at_ms)
                if not emitter.run.closed:
                    emitter.emit(event)
        if emitter is not None:
            self._activate(emitter)

    def _emitter(self, run: RunRow | None, given: Input, event: Event, at_ms: int) -> Emitter:
        if run is None:
            assert isinstance(given, StartRun)
            assert isinstance(event, RunStarted)
            run = new_run(given.workflow_id, run_id_of(given), event, at_ms)
        return Emitter(self._state, run, at_ms)

    def _activate(self, emitter: Emitter) -> None:
        run = emitter.run
        jobs = [event for event in emitter.events if type(event) in JOBS]
        if run.closed:
            self._instances.forget(run.run_id)
        elif jobs and run.status != PARKED:
            self._run_code(emitter, lambda: self._instances.activate(run, jobs, run.last_at))
            return
        self._append(emitter)

    def _run_code(self, emitter: Emitter, code: Callable[[], list[Command]]) -> None:
        """Runs workflow code and records what it asks for; a bug in it parks the run."""
        try:
            commands = code()
        except WorkflowBug as bug:
            self._park(emitter, bug)
            return
        size = sum(_size(event) for event in emitter.events)
        for command in commands:
            size += _size(command)
            if size > _RECORD_BYTES and emitter.events:
                self._append(emitter, more=True)
                emitter = Emitter(self._state, emitter.run, emitter.run.last_at)
                size = _size(command)
            emitter.emit(command)
        self._append(emitter)

    def _park(self, emitter: Emitter, bug: WorkflowBug) -> None:
        self._instances.forget(emitter.run.run_id)
        _log.error(
            "Run of %s is parked (%s): %s\n%s",
            emitter.run.workflow_id,
            bug.reason,
            bug.failure.message,
            bug.failure.stack,
        )
        emitter.emit(RunParked(bug.reason, bug.failure))
        self._append(emitter)

    def _finish_writing(self, run: RunRow) -> None:
        """The last activation was cut off between two of its records: replay it and append the rest."""
        emitter = Emitter(self._state, run, run.last_at)
        try:
            found = self._instances.rebuild(run)
        except WorkflowBug as bug:
            self._park(emitter, bug)
            return
        self._instances.keep(found, run)
        self._run_code(emitter, lambda: found.unwritten)

    def _resume(self, run: RunRow) -> None:
        """A parked run goes on if this worker's code can follow it; else it stays as it is."""
        at_ms = max(self._services.options.clock(), run.last_at)
        try:
            found = self._instances.rebuild(run)
            commands = self._instances.resume(found, run, at_ms) if found.pending else []
        except WorkflowBug as bug:
            if run.failure != bug.failure:
                self._park(Emitter(self._state, run, at_ms), bug)
            return
        if not found.pending:
            self._instances.keep(found, run)
        emitter = Emitter(self._state, run, at_ms)
        emitter.emit(RunResumed(self._services.options.member_id))
        self._run_code(emitter, lambda: commands)

    def _refuse(self, rejected: Rejected, request: StartRun | CancelRun | TerminateRun) -> None:
        refusal = Refusal(rejected.request_id, rejected.workflow_id, rejected.failure)
        self._refusals.append((refusal, request))
        self._refused_at = (self.commands_position, self.results_position)

    def _record_refusals(self) -> None:
        """One record for refusals that follow each other, before any of them is answered.

        Its positions are those of the last refusal: what was read after it is not decided yet.
        """
        if not self._refusals:
            return
        refused, self._refusals = self._refusals, []
        commands_position, results_position = self._refused_at
        record = Refusals(
            self.epoch,
            self._services.options.clock(),
            commands_position,
            results_position,
            self._outbox.released,
            tuple(refusal for refusal, _ in refused),
        )
        for refusal, _ in refused:
            self._state.put_refusal(refusal)
        self._state.release(record.released)
        effects: list[Effect] = [_refused(refusal, request) for refusal, request in refused if request.reply_to]
        self._send(refusals_key(self.epoch, self._appended), record, encode(record), effects)

    # 3. Append

    def _append(self, emitter: Emitter, more: bool = False) -> None:
        if not emitter.events:
            return
        run = emitter.run
        record = History(
            self.epoch,
            run.last_at,
            run.workflow_id,
            run.run_id,
            emitter.first_event_id,
            self.commands_position,
            self.results_position,
            self._outbox.released,
            CURRENT if emitter.first_event_id == 1 else (),
            more,
            tuple(emitter.events),
        )
        value = encode(record)
        emitter.finish(more, value, record.released)
        key = history_key(run.workflow_id, run.run_id, emitter.first_event_id, self.epoch)
        self._send(key, record, value, self._state.take_effects())

    def _send(self, key: bytes, record: Decided, value: bytes, effects: list[Effect]) -> None:
        pending = Pending(self, record, self._state.take_writes(), effects, self._state.next_outbox)
        self._in_flight.append(pending)
        self._appended += 1
        self._services.appender.append(self.number, key, value, pending)

    # 4. Check, 5. apply to the store, 6. release the effects

    def on_acks(self, acks: Sequence[Ack]) -> None:
        """Acknowledgements of this partition's appends, in order."""
        if self.lost.done():
            return
        if self._gap is not None:
            self._held += acks
            return
        rows: dict[bytes, bytes | None] = {}
        acknowledged: list[Pending] = []
        for number, ack in enumerate(acks):
            if ack.error is not None or ack.offset < self.next_offset:
                self.lose(f"an append is in doubt: {ack.error or 'no offset in sequence'}")
                break
            if ack.offset > self.next_offset:
                self._held = list(acks[number:])
                self._gap = asyncio.get_running_loop().create_task(self._look_into_gap(ack.offset))
                self._gap.add_done_callback(self._gap_ended)
                break
            pending = self._in_flight.popleft()
            if pending is not ack.token:
                self.lose("an append is in doubt: acknowledgements are out of order")
                break
            acknowledged.append(pending)
            rows.update(pending.writes)
            self.next_offset += 1
        if acknowledged:
            self._store_and_release(rows, acknowledged)

    def _store_and_release(self, rows: dict[bytes, bytes | None], acknowledged: Sequence[Pending]) -> None:
        last = acknowledged[-1]
        record = last.record
        meta = Meta(
            self.next_offset,
            self.epoch,
            record.commands_position,
            record.results_position,
            last.next_outbox,
            record.released,
        )
        self._store.write([*rows.items(), (META_KEY, encode_meta(meta))])
        self._acknowledged += len(acknowledged)
        for pending in acknowledged:
            self._overlay.settle(pending.writes)
            for effect in pending.effects:
                self._release(effect)
        self._reads.proven(self._acknowledged, idle=not self._in_flight)

    def _release(self, effect: Effect) -> None:
        match effect:
            case StartActivity(row=row):
                if row.retry_at > self._services.options.clock():
                    self._timers.add(row.retry_at, effect)
                else:
                    self._services.activities.start(self.number, effect)
            case CancelActivity(run_id=run_id, row=row):
                self._services.activities.start(self.number, StartActivity(run_id, row))
                self._services.activities.cancel(run_id, row.scheduled.step)
            case ForgetActivity(run_id=run_id, step=step):
                self._services.activities.forget(run_id, step)
            case SetTimer():
                self._timers.add(effect.due_at, effect)
            case Publish():
                self._outbox.publish(effect)
            case Answer(partition=partition, client=client, value=value):
                self._services.log.publish(REPLIES, partition, client.encode(), value)
            case CloseRun(workflow_id=workflow_id, run_id=run_id):
                self._reads.closed(workflow_id, run_id)

    async def _look_into_gap(self, offset: int) -> None:
        """Somebody else has written. A claim among it means that the partition is theirs; the rest is a zombie's."""
        validity = Validity(self.epoch)
        async for batch in self._services.log.read(HISTORY, self.number, self.next_offset, offset):
            for record in batch:
                try:
                    if validity.admit(record.offset, decode(record.value)) is not None:
                        self.lose("an append is in doubt: it is in the log without its acknowledgement")
                        return
                except UnreadableRecord as error:
                    send_to_dead_letters(self._services.log, record, str(error), self._services.options.clock)
            if validity.epoch != self.epoch:
                self.lose(f"{SUPERSEDED} at offset {validity.epoch}")
                return
        _log.warning("Partition %d: ignored foreign records before offset %d", self.number, offset)
        self.next_offset = offset
        self._gap = None
        held, self._held = self._held, []
        self.on_acks(held)

    def _gap_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.lose(f"a gap in history could not be read: {error}")


def _refused(refusal: Refusal, request: StartRun | CancelRun | TerminateRun) -> Answer:
    reply = Reply(request.request_id, request.workflow_id, "", "refused", "", None, refusal.failure)
    return Answer(request.reply_partition, request.reply_to, encode(reply))


def _size(event: Event) -> int:
    """A generous estimate of an event's bytes in a record."""
    size = _EVENT_OVERHEAD_BYTES
    for name in ("input", "result"):
        size += len(getattr(event, name, None) or b"")
    failure = getattr(event, "failure", None)
    return size + (len(msgspec.msgpack.encode(failure)) if failure is not None else 0)


def _parts(inputs: list[Input]) -> list[list[Input]]:
    """Inputs of one run in parts that fit into a record each."""
    if len(inputs) == 1:
        return [inputs]
    parts: list[list[Input]] = [[]]
    size = 0
    for given in inputs:
        grown = _size(given)  # type: ignore[arg-type]
        if parts[-1] and (len(parts[-1]) >= _RESULTS_A_RECORD or size + grown > _RECORD_BYTES // 2):
            parts.append([])
            size = 0
        parts[-1].append(given)
        size += grown
    return parts
