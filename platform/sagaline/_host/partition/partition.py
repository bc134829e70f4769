"""The partition loop: inputs → decide → append → acknowledged → apply → effects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from sagaline._engine.apply import apply_positions, apply_refusals
from sagaline._engine.decide import Input, Joined, Rejected, Replaced, TimerDue, decide, run_id_of
from sagaline._engine.effects import (
    Answer,
    CancelActivity,
    CloseRun,
    CoverPositions,
    Effect,
    ForgetActivity,
    Publish,
    SetTimer,
    StartActivity,
)
from sagaline._engine.emit import Emitter
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.replies import REPLIES
from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow
from sagaline._engine.tables.runs import RunView, new_run
from sagaline._engine.tombstones import apply_tombstone
from sagaline._host import crash_points
from sagaline._host.activities.runner import ActivityRunner
from sagaline._host.options import PAYLOAD_LIMIT, HostOptions
from sagaline._host.partition.inputs import Given, Intake, Trouble
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.pipeline import Pending, Pipeline, Recorded
from sagaline._host.partition.refused import Refused
from sagaline._host.pools import Pools
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._host.publishing.outbox import Outbox
from sagaline._host.reading.reads import Reads
from sagaline._host.recovery.foreign import read_foreign
from sagaline._host.recovery.restore import Claimed
from sagaline._host.recovery.write_back import WriteBack
from sagaline._host.retention.sweep import Actions, Retention
from sagaline._host.runs.activations import Activations
from sagaline._host.runs.instances import Instances
from sagaline._host.runs.stalled import is_stalled
from sagaline._host.sizes import in_parts
from sagaline._host.timers import Timers
from sagaline._log import COMMANDS, HISTORY, Appender, Log, Record
from sagaline._model.codec import encode
from sagaline._model.events import Event, RunStarted
from sagaline._model.failure import Failure
from sagaline._model.keys import history_key, positions_key, refusals_key
from sagaline._model.records import (
    PARKED,
    RUNNING,
    ActivityResult,
    CancelRun,
    Decided,
    History,
    Positions,
    ReadRun,
    Refusals,
    Reply,
    RetryRun,
    StartRun,
    TerminateRun,
)
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT
from sagaline.errors import InvalidInput

_log = logging.getLogger("sagaline.partition")


class Services(NamedTuple):
    """What a partition shares with the others of its process."""

    log: Log
    appender: Appender
    registry: Registry
    activities: ActivityRunner
    options: HostOptions
    trouble: Callable[[int], Trouble]
    pools: Pools


class Partition:
    """One claimed partition. ``lost`` is set, with the reason, when it has to be claimed anew."""

    def __init__(self, number: int, claimed: Claimed, services: Services) -> None:
        self.number = number
        self._place = (services.log.namespace, number)
        self._services = services
        options = services.options
        meta = claimed.meta
        self._trouble = services.trouble(number)
        self._write_back = WriteBack(claimed.store, meta, self.lose)
        self._overlay = Overlay(self._write_back)
        self._state = State(self._overlay, meta, options.cached_runs)
        self._pipeline = Pipeline(number, meta, services.log, services.appender, self._on_applied, self._on_foreign)
        self.guard = self._pipeline.guard
        self._intake = Intake(meta, services.log, options, self._trouble, self._on_input, self.guard)
        self._recorded = Recorded(meta.commands_position, meta.results_position, meta.released)
        self._instances = Instances(services.registry, self._state.history.records, options)
        self._activations = Activations(self._state, self._instances, options, self._append, self.lose)
        durable = self._durable = State(Overlay(self._write_back), meta, cached_runs=0)
        self._outbox = Outbox(
            services.log,
            options,
            self.guard,
            meta.released,
            lambda: self._pipeline.next_offset,
            durable.outbox.messages,
        )
        self._reads = Reads(
            services.log, durable, self.guard, self._end_offset, lambda: self._pipeline.next_offset, self._on_start
        )
        self._retention = Retention(
            self._state,
            durable,
            services.registry,
            options,
            Actions(
                self._append_positions,
                self._append_tombstone,
                lambda: self._outbox.released,
                self._is_behind,
                self._commands_end,
                lambda: self._intake.settled[0],
                self._reads.runs_in_use,
            ),
            services.pools,
        )
        self._timers = Timers(self.guard, options.clock, self._on_due, durable.timers.behind, options.timer_window)
        self._refused = Refused(lambda: self._intake.settled)

    # Starting and stopping

    async def begin(self) -> None:
        """Takes up what the rows say is open: activities, timers, the outbox, runs that wait for attention."""
        open_activities = self._durable.activities.all()  # as of now: all of them are durable
        for mark in self._services.options.marks.all():
            if (marked := self._state.runs.by_id(mark.workflow_id, mark.run_id)) is not None:
                self._take_up(marked, partial(self._activations.park_marked, mark))
        skipped = self._trouble.skipped
        unfinished = [run for run in self._state.runs.unfinished() if not run.held and run.run_id not in skipped]
        for run in unfinished:
            if run.more:  # before any input of it can come
                self._take_up(run, self._activations.finish_writing)
        self._quarantine()
        self._outbox.begin()
        self._timers.begin()
        self.guard.task(self._take_up_activities(open_activities), "open activities")
        for run in unfinished:
            waits = is_stalled(run) or run.workflow_id in self._trouble.quarantined  # for a person
            if run.status == PARKED and not run.closed and not waits:
                self._take_up(run, self._activations.resume)
                await asyncio.sleep(0)
        self._retention.begin()

    async def _take_up_activities(self, found: Iterator[StartActivity]) -> None:
        """Starts what was open, no more at once than there is room for. Waits for a retry are with the timers."""
        for effect in found:
            if not effect.row.retry_at and effect.row.workflow_id not in self._trouble.quarantined:
                await self._services.activities.room()
                self._start_if_open(effect.run_id, effect.row)

    def _take_up(self, run: RunView, how: Callable[[RunView], None]) -> None:
        """One run that cannot be taken up is left as it is, until another worker tries."""
        if self.lost.done():
            return
        try:
            how(run)
        except BaseException as error:
            self.guard.caught(error, partial(self._skip, run))

    def _skip(self, run: RunView, cause: str) -> Lost:
        self._trouble.skipped.add(run.run_id)
        return Lost(Kind.RUN, f"a run of {run.workflow_id} made the engine fail ({cause})")

    def close(self) -> None:
        """Drops what is not acknowledged: it does not count."""
        self._pipeline.close()
        self._write_back.flush()
        self._timers.close()
        self._retention.close()
        self._intake.close()
        self._outbox.close()
        self._reads.close()
        self._instances.close()

    @property
    def lost(self) -> asyncio.Future[Lost]:
        """Set, with the reason, when it has to be claimed anew."""
        return self._pipeline.lost

    def lose(self, lost: Lost) -> None:
        """It has to be claimed anew."""
        self._pipeline.lose(lost)

    @property
    def epoch(self) -> int:
        """The offset of its claim."""
        return self._pipeline.epoch

    @property
    def in_flight(self) -> int:
        """Appends that are not acknowledged."""
        return self._pipeline.in_flight

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of appends and messages that are not acknowledged."""
        waiting = self._outbox.bytes_waiting + self._intake.bytes_waiting + self._reads.bytes_waiting
        return self._pipeline.bytes_in_flight + waiting

    def resize(self, share: float) -> None:
        """``share``: how much of what the worker may keep in memory is for this partition."""
        self._state.resize(int(self._services.options.cached_runs * share))
        self._write_back.bytes_kept = int(self._services.options.write_back_bytes * share)
        self._instances.resize(share)

    def give_up_late(self, limit_s: float) -> None:
        """Loses itself when an append has not been acknowledged for too long."""
        if self._pipeline.oldest_ms(self._services.options.clock()) > limit_s * 1_000:
            self.lose(Lost(Kind.PRODUCER, f"an append is in doubt: no acknowledgement within {limit_s:g} s"))

    @property
    def consumed(self) -> tuple[int, int]:
        """Next command and next result to be taken."""
        return self._intake.consumed

    def uses(self, appender: Appender) -> bool:
        """True when this partition appends through ``appender``."""
        return self._pipeline.appender is appender

    async def _end_offset(self) -> int:
        return (await self._services.log.bounds(HISTORY, self.number))[1]

    async def _commands_end(self) -> int:
        return (await self._services.log.bounds(COMMANDS, self.number))[1]

    # 1. Inputs

    def on_records(self, records: Sequence[Record]) -> None:
        """Commands and results from the log, in order."""
        if self.lost.done():
            return
        self._intake.take(records)
        if not self.lost.done():
            self._record_refusals()

    def _on_input(self, found: Given) -> None:
        if isinstance(found, StartRun):
            self._on_start(found)
        elif isinstance(found, ReadRun):
            self._ask(found)
        elif isinstance(found, RetryRun):
            self._on_retry(found)
        else:
            self._handle(found.workflow_id, [found])

    def _on_start(self, request: StartRun) -> None:
        if self._state.run(request.workflow_id) is not None:
            self._ask(request)
            return
        failure = self._why_not(request)
        if failure is not None:
            self._refused.add(Rejected(request.request_id, request.workflow_id, failure), request)
        else:
            self._handle(request.workflow_id, [request])

    def _on_retry(self, request: RetryRun) -> None:
        """A person asks for a parked run to be tried again, e.g. when what it lacked is there now."""
        decision = decide(self._state, request, self._services.options.clock())
        if isinstance(decision, Rejected):
            self._refused.add(decision, request)
            return
        run = self._state.run(request.workflow_id)
        assert run is not None, "only a parked run is retried"
        self._record_refusals()
        self._trouble.release(run.workflow_id, run.run_id)
        reply = Reply(request.request_id, run.workflow_id, run.run_id, "accepted", RUNNING)
        answer = Answer(request.reply_partition, request.reply_to, encode(reply)) if request.reply_to else None
        self._take_up(run, lambda run: self._activations.resume(run, answer))
        for effect in self._durable.open_steps(run):  # what came of them while it was left alone was not heard
            _RELEASE[type(effect)](self, effect)
        if run.status == PARKED and run.failure is not None:
            message = f"Expected the run of {run.workflow_id!r} to go on but: {run.failure.message}"
            failure = Failure("StillParked", message, retryable=False)
            self._refused.add(Rejected(request.request_id, run.workflow_id, failure), request)

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
            self._instances.prepare(workflow, request.workflow_id, run_id_of(request), request.input)
        except InvalidInput as error:
            return Failure("InvalidInput", str(error), retryable=False)
        return None

    def on_results(self, results: Sequence[ActivityResult]) -> None:
        """Results of local activities: those of one run are one activation."""
        by_run: dict[str, list[Input]] = {}
        for result in results:
            by_run.setdefault(result.workflow_id, []).append(result)
        for workflow_id, inputs in by_run.items():
            self._handle_guarded(workflow_id, in_parts(inputs))

    def _on_due(self, due: list[SetTimer]) -> None:
        by_run: dict[str, list[Input]] = {}
        for item in due:
            row = self._durable.activity(item.run_id, item.step)
            if row is None:
                timer = TimerDue(item.workflow_id, item.run_id, item.step)
                by_run.setdefault(item.workflow_id, []).append(timer)
            elif row.retry_at == item.due_at and row.workflow_id not in self._trouble.quarantined:
                self._start_if_open(item.run_id, row)
        for workflow_id, inputs in by_run.items():
            self._handle_guarded(workflow_id, [inputs])

    def _handle_guarded(self, workflow_id: str, parts: Sequence[Sequence[Input]]) -> None:
        """A bug of the engine's costs the run, not the partition: it is claimed anew, and the run quarantined."""
        if workflow_id in self._trouble.quarantined:
            return  # what is open stays open: a fixed worker attempts it again
        try:
            for part in parts:
                self._handle(workflow_id, part)
        except BaseException as error:
            self.guard.caught(error, partial(self._blame, workflow_id))

    def _blame(self, workflow_id: str, cause: str) -> Lost:
        self._trouble.runs[workflow_id] = f"The engine failed: {cause}"
        return Lost(Kind.RUN, f"a run of {workflow_id} made the engine fail ({cause})")

    def _quarantine(self) -> None:
        """Parks the runs that made the engine fail, so that they are not tried again before somebody has looked."""
        for workflow_id, cause in list(self._trouble.runs.items()):
            del self._trouble.runs[workflow_id]
            self._trouble.quarantined.add(workflow_id)
            run = self._state.run(workflow_id)
            if run is not None and not run.closed and not run.more:
                self._activations.quarantine(run, cause)

    def _start_if_open(self, run_id: str, durable: ActivityRow) -> None:
        row = self._state.activity(run_id, durable.scheduled.step)
        if row is not None and row.attempt == durable.attempt:
            self._services.activities.start(self._place, StartActivity(run_id, row))

    def _ask(self, request: ReadRun | StartRun) -> None:
        self._reads.ask(request, self._pipeline.appended + 1, idle=not self._pipeline.in_flight)

    # 2. Decide: inputs of one run → one activation → one record

    def _handle(self, workflow_id: str, inputs: Sequence[Input]) -> None:
        if self._pipeline.lost.done():
            return
        self._record_refusals()  # a later record must not say that they were read while they are nowhere
        now = self._services.options.clock()
        emitter: Emitter | None = None
        for given in inputs:
            run = self._state.run(workflow_id)
            at_ms = max(now, run.last_at) if run is not None else now
            decision = decide(self._state, given, at_ms)
            if isinstance(decision, Joined | Replaced):
                raise NotImplementedError("a start whose id is in use")
            if isinstance(decision, Rejected):
                assert isinstance(given, CancelRun | TerminateRun | RetryRun)
                self._refused.add(decision, given)
                continue
            for event in decision:
                if emitter is None:
                    emitter = self._emitter(run, given, event, at_ms)
                if not emitter.run.closed:
                    emitter.emit(event)
        if emitter is not None:
            self._activations.activate(emitter)

    def _emitter(self, run: RunView | None, given: Input, event: Event, at_ms: int) -> Emitter:
        if run is None:
            assert isinstance(given, StartRun)
            assert isinstance(event, RunStarted)
            run = new_run(given.workflow_id, run_id_of(given), event, at_ms)
        return Emitter(self._state, run, at_ms)

    def _record_refusals(self) -> None:
        """One record for refusals that follow each other, before any of them is answered."""
        batch = self._refused.take()
        if batch is None:
            return
        record = Refusals(
            self.epoch, self._services.options.clock(), *batch.settled, self._outbox.released, batch.refusals
        )
        number = self._pipeline.appended
        apply_refusals(self._state, record, number)
        self._send(refusals_key(self.epoch, number), record, encode(record), batch.answers)

    # Records that retention asks for

    def _is_behind(self) -> bool:
        """Something was consumed, or has left, that no record says yet."""
        recorded = self._recorded
        oldest = self._state.outbox.oldest_offset()
        has_left = oldest is not None and oldest < self._outbox.released
        age_ms = self._services.options.clock() - self._write_back.current_at_ms
        if age_ms > self._services.log.tombstones_kept_s * 1_000 / 4:  # the store must not look old when it is idle
            return True
        return has_left or self._intake.settled != recorded[:2]

    def _append_positions(self) -> int:
        self._record_refusals()
        record = Positions(
            self.epoch,
            self._services.options.clock(),
            *self._intake.settled,
            self._outbox.released,
        )
        number = self._pipeline.appended
        apply_positions(self._state, record, number)
        self._send(positions_key(self.epoch, number), record, encode(record), self._state.drain_effects())
        return number

    def _append_tombstone(self, key: bytes) -> None:
        apply_tombstone(self._state, key)
        self._send(key, None, None, [])

    # 3. Append

    def _append(self, emitter: Emitter, more: bool) -> None:
        if not emitter.events:
            return
        run = emitter.run
        record = History(
            self.epoch,
            run.last_at,
            run.workflow_id,
            run.run_id,
            emitter.first_event_id,
            *self._intake.settled,
            self._outbox.released,
            CURRENT if emitter.first_event_id == 1 else (),
            more,
            tuple(emitter.events),
        )
        value = encode(record)
        emitter.finish(self.epoch, more, value, record.released)
        key = history_key(run.workflow_id, run.run_id, emitter.first_event_id, self.epoch)
        self._send(key, record, value, self._state.drain_effects())

    def _send(self, key: bytes, record: Decided | None, value: bytes | None, effects: list[Effect]) -> None:
        state = self._state
        if record is not None:
            self._recorded = Recorded(record.commands_position, record.results_position, record.released)
        now = self._services.options.clock()
        writes, offset_rows = state.drain_writes(), state.drain_offset_rows()
        pending = Pending(self._pipeline, self._recorded, writes, effects, offset_rows, now, len(value or b""))
        self._pipeline.send(key, value, pending)

    # 4. Check (the pipeline does), 5. apply, 6. release the effects

    def _on_applied(self, offset: int, acknowledged: Sequence[Pending]) -> None:
        """The records from ``offset`` on are durable."""
        if crash_points.armed:
            crash_points.reach("before-apply")
        add, settle = self._write_back.add, self._overlay.settle
        messages: list[Publish] = []
        for number, pending in enumerate(acknowledged):
            add(pending.writes)
            settle(pending.writes)
            if pending.offset_rows is not None:
                writes, found = self._state.rows_at(offset + number, pending.offset_rows)
                add(writes)
                messages += found
        last = acknowledged[-1]
        meta = Meta(self._pipeline.next_offset, self._pipeline.epoch, *last.recorded)
        self._write_back.reached(meta, last.sent_at_ms)
        if crash_points.armed:
            crash_points.reach("before-effects")
        for message in messages:
            self._outbox.publish(message)
        for pending in acknowledged:
            for effect in pending.effects:
                _RELEASE[type(effect)](self, effect)
        if crash_points.armed:
            crash_points.reach("after-effects")
        self._reads.proven(self._pipeline.acknowledged, idle=not self._pipeline.in_flight)

    def _on_foreign(self, records: Sequence[Record]) -> Lost | None:
        """Records of somebody else, below an append of ours; returns the reason when the partition is lost."""
        found = read_foreign(self._write_back, self._write_back.meta, records, self._on_unreadable)
        if found.decided:
            return Lost(Kind.PRODUCER, "an append is in doubt: it is in the log without its acknowledgement")
        if found.meta.epoch != self.epoch:
            return Lost(Kind.SUPERSEDED, f"another worker has claimed it at offset {found.meta.epoch}")
        if not found.only_invalid:  # what is in flight was decided without it
            return Lost(Kind.HISTORY, "an earlier owner's tombstones have landed behind its claim")
        self._write_back.add(found.writes)
        self._write_back.reached(found.meta, self._write_back.current_at_ms)
        self._retention.tidy()
        return None

    def _on_unreadable(self, record: Record, cause: str) -> None:
        send_to_dead_letters(self._services.log, record, cause, self._services.options.clock)

    def start_activity(self, effect: StartActivity) -> None:
        """Runs an attempt, now or at its time."""
        retry_at = effect.row.retry_at
        if retry_at and retry_at > self._services.options.clock():
            self._timers.add(SetTimer(retry_at, effect.row.workflow_id, effect.run_id, effect.row.scheduled.step))
        else:
            self._services.activities.start(self._place, effect)

    def cancel_activity(self, effect: CancelActivity) -> None:
        """Stops an attempt; its outcome is reported."""
        self._services.activities.start(self._place, StartActivity(effect.run_id, effect.row))
        self._services.activities.cancel(self._place, effect.run_id, effect.row.scheduled.step)

    def forget_activity(self, effect: ForgetActivity) -> None:
        """Stops an attempt whose outcome nobody hears."""
        self._services.activities.forget(self._place, effect.run_id, effect.step)

    def set_timer(self, effect: SetTimer) -> None:
        """Waits for a timer."""
        self._timers.add(effect)

    def publish(self, effect: Publish) -> None:
        """Sends an outbox entry."""
        self._outbox.publish(effect)

    def answer(self, effect: Answer) -> None:
        """Answers a request directly."""
        self._services.log.publish(REPLIES, effect.partition, effect.client.encode(), effect.value)

    def cover_positions(self, effect: CoverPositions) -> None:
        """Retires what was waiting for it."""
        self._retention.on_positions(effect.epoch, effect.number)

    def close_run(self, effect: CloseRun) -> None:
        """Tells those who wait for a run's end."""
        self._reads.closed(effect.workflow_id, effect.run_id)


_RELEASE: dict[type[Any], Callable[[Partition, Any], None]] = {
    StartActivity: Partition.start_activity,
    CancelActivity: Partition.cancel_activity,
    ForgetActivity: Partition.forget_activity,
    SetTimer: Partition.set_timer,
    Publish: Partition.publish,
    Answer: Partition.answer,
    CloseRun: Partition.close_run,
    CoverPositions: Partition.cover_positions,
}
