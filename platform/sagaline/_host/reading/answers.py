"""What answers say: a run's outcome, its description with what it waits for, its history, the runs of a partition.

Long answers are made a piece at a time: a step looks at a bounded number of rows and gives one part, or None when
it has not come to the end of a part yet. Parts are numbered; all but the last say that more follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from sagaline._engine.effects import StartActivity
from sagaline._engine.replies import outcome
from sagaline._engine.state import State
from sagaline._engine.tables.activities import ActivityRow, Queued
from sagaline._engine.tables.runs import RunView
from sagaline._host.reading.waiters import Asker
from sagaline._model.attributes import SearchAttribute, matches
from sagaline._model.codec import decode
from sagaline._model.descriptions import (
    ACTIVITY,
    CHILD,
    LIMIT,
    MESSAGE,
    QUEUE,
    TIMER,
    OpenStep,
    ParkedRun,
    RunDescription,
    RunSummary,
    Wait,
)
from sagaline._model.failure import Failure
from sagaline._model.flow import RELEASE, flow_of
from sagaline._model.ids import undo_run_of
from sagaline._model.limits import NAME_BYTES, SUMMARY_BYTES, cut
from sagaline._model.locks import lock_name
from sagaline._model.records import PARKED, RETENTION, ReadRun, Reply, SignalRun
from sagaline._payloads import is_sealed

PART_BYTES = 600_000
NOT_FOUND = "WorkflowNotFound"
_ROWS_A_STEP = 500
_STEPS_SHOWN = 50
Parts = Iterator[Reply | None]
WhyNot = Callable[[str, ActivityRow], Wait | None]
Rows = Iterator[tuple[bytes, bytes | None]]
"""Keys, and what an answer says of their rows: None for those that it leaves out."""


def refused(asker: Asker, kind: str, message: str) -> Reply:
    """The answer that says why there is no other."""
    failure = Failure(kind, cut(message), retryable=False)
    return Reply(asker.request_id, cut(asker.workflow_id, NAME_BYTES), "", "refused", "", None, failure)


def description(asker: Asker, run: RunView, state: State, why_not: WhyNot = lambda run_id, row: None) -> Reply:
    """How a run stands, and what it waits for; ``why_not`` knows what attempts wait for here."""
    sealed = run.result is not None and is_sealed(run.result)
    given = state.attributes.of(run.run_id)
    shown = RunDescription(
        workflow=run.workflow,
        started_at_ms=run.started_at,
        last_at_ms=run.last_at,
        closed_at_ms=run.closed_at,
        events=run.next_event_id - 1,
        open_steps=run.open_steps,
        cancel_requested=run.cancel_requested,
        result=None if run.result is None or sealed else msgspec.Raw(run.result),
        sealed_result=run.result if sealed else None,
        parked_at_ms=run.parked_at if run.standing == PARKED else None,
        waits_for=_waits_for(run, state, why_not),
        patches=run.patches,
        continued_from=run.continued_from,
        continued_to=run.continued_to,
        first_run_id=run.first_run_id,
        signals_waiting=0 if run.continued_to and not run.signals_left else run.signals_waiting,  # they have gone on
        signals_left=run.signals_left,
        paused_at_ms=run.paused_at,
        pause_reason=run.pause_reason,
        paused_by=run.paused_by,
        memo=given.memo or None,
        search_attributes=given.search_attributes,
        locks=_locks(run, state),
        limits=_limits(run, state),
        saga=run.saga,
        parked_steps=run.parked_steps,
        reset=run.fork,
        reset_to=next(reversed(state.forks(run.run_id)), ""),
        undone_by=_undone_by(run, state),
        undoes="" if run.undo is None else run.undo.run_id or run.run_id,
        undo_reason="" if run.undo is None else run.undo.reason,
        undo_by="" if run.undo is None else run.undo.by,
    )
    reply = outcome(run, asker.request_id, "description")
    return msgspec.structs.replace(reply, result=msgspec.json.encode(shown))


def _undone_by(run: RunView, state: State) -> str:
    undo_run = state.run_by_id(run.workflow_id, undo_run_of(run.run_id)) if run.closed else None
    return "" if undo_run is None else undo_run.run_id


def _locks(run: RunView, state: State) -> tuple[str, ...]:
    """What gives them back stands until the run has ended, or has given them back itself."""
    if run.closed or not run.wills:
        return ()
    names = (lock_name(will.row.target_id) for will in state.wills.of(run.run_id))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _limits(run: RunView, state: State) -> tuple[str, ...]:
    if run.closed or not run.wills:
        return ()
    targets = (will.row.target_id for will in state.wills.of(run.run_id))
    return tuple(dict.fromkeys(target for target in targets if flow_of(target) is not None))


def _waits_for_limits(run: RunView, state: State) -> Iterator[OpenStep]:
    """Of the requests that a run has made of a limit, those that are not marked as granted; the newest, for which ones
    that are is not told apart."""
    asked: dict[str, list[int]] = {}
    for will in state.wills.of(run.run_id) if run.wills else ():
        if flow_of(will.row.target_id) is not None:
            steps, sent = asked.setdefault(will.row.target_id, []), decode(will.row.value)
            if isinstance(sent, SignalRun) and sent.signal == RELEASE:
                steps.append(will.step)
            elif steps:
                del steps[0]
    for target, waiting in asked.items():
        for step in waiting:
            yield OpenStep(step, LIMIT, 0, target)


def _waits_for(run: RunView, state: State, why_not: WhyNot) -> tuple[OpenStep, ...]:
    if run.closed or not (run.open_steps or run.wills):
        return ()
    shown: list[OpenStep] = []
    for step in islice(state.open_steps(run), _STEPS_SHOWN):
        if not isinstance(step, StartActivity):
            shown.append(OpenStep(step.step, TIMER, step.due_at))
            continue
        row = step.row
        failure = row.failure
        shown.append(
            OpenStep(
                row.scheduled.step,
                ACTIVITY,
                row.retry_at,
                row.scheduled.activity,
                row.attempt,
                row.scheduled.compensates,
                row.cancel_requested,
                "" if failure is None else failure.type,
                "" if failure is None else failure.message,
                row.scheduled.queue,
                0 if row.queued is None else row.queued.at,
                0 if row.queued is None else row.queued.started_at,
                row.parked_at,
                why_not(run.run_id, row) if row.queued is None else _queued(row.scheduled.queue, row.queued),
            )
        )
    for child in islice(state.open_children(run), _STEPS_SHOWN):
        stops = child.row.cancel_reason is not None
        shown.append(OpenStep(child.step, CHILD, 0, child.row.child_id, cancel_requested=stops))
    for message in islice(state.open_messages(run), _STEPS_SHOWN):
        shown.append(OpenStep(message.step, MESSAGE, 0, message.row.target_id))
    shown += islice(_waits_for_limits(run, state), _STEPS_SHOWN)
    return tuple(sorted(shown, key=lambda step: step.step))


def _queued(queue: str, queued: Queued) -> Wait | None:
    return None if queued.started_at else Wait(QUEUE, queue, since_ms=queued.at)


def history(asker: Asker, run: RunView, state: State, is_there: Callable[[], bool]) -> Parts:
    """The records of a run as they stood when it was asked for; a refusal when it is retired meanwhile."""
    reply = msgspec.structs.replace(outcome(run, asker.request_id, "history"), result=None)
    end = 2**31 if run.held else run.next_event_id

    def read(after: bytes) -> Rows:
        return state.history.pages(run.run_id, after, end)

    pieces = parts(reply, read)
    while is_there():
        try:
            yield next(pieces)
        except StopIteration:
            return
    yield refused(asker, NOT_FOUND, f"Expected the run of {run.workflow_id!r} to stay but it has been retired.")


def runs(asker: Asker, request: ReadRun, state: State) -> Parts:
    """All runs of the partition, or those of a status or with search attributes, a JSON object each."""
    status, wanted = request.filter, request.search_attributes

    def shown(run: RunView) -> bytes | None:
        if status and run.standing != status:
            return None
        attributes = state.attributes.of(run.run_id).search_attributes
        return msgspec.json.encode(summary(run, attributes)) if not wanted or matches(attributes, wanted) else None

    def read(after: bytes) -> Rows:
        for key, run in state.runs.all(after):
            yield key, shown(run)

    return parts(Reply(asker.request_id, "", "", "runs", ""), read)


def summary(run: RunView, attributes: tuple[SearchAttribute, ...] = ()) -> RunSummary:
    """A run of a list."""
    failure = run.failure
    return RunSummary(
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        workflow=run.workflow,
        status=run.standing,
        started_at_ms=run.started_at,
        last_at_ms=run.last_at,
        closed_at_ms=run.closed_at,
        events=run.next_event_id - 1,
        parked_at_ms=run.parked_at if run.standing == PARKED else None,
        failure_type="" if failure is None else failure.type,
        failure_message="" if failure is None else cut(failure.message, SUMMARY_BYTES),
        patches=run.patches,
        paused_at_ms=run.paused_at,
        pause_reason=cut(run.pause_reason, SUMMARY_BYTES),
        paused_by=run.paused_by,
        search_attributes=attributes,
    )


def parked(asker: Asker, state: State) -> Parts:
    """Every parked run, as version 1 of the request asks for them."""

    def read(after: bytes) -> Rows:
        for key, run in state.runs.all(after):
            yield key, msgspec.json.encode(_parked(run)) if run.standing == PARKED else None

    return parts(Reply(asker.request_id, "", "", "parked", ""), read)


def _parked(run: RunView) -> ParkedRun:
    shown = summary(run)
    at = run.last_at if run.parked_at is None else run.parked_at
    ids = (run.workflow_id, run.run_id, run.workflow)
    return ParkedRun(*ids, at, run.next_event_id - 1, shown.failure_type, shown.failure_message)


def retention(asker: Asker, unanswered: dict[int, float]) -> Reply:
    """The partitions whose silence keeps closed runs of this one, and for how many seconds."""
    shown = {str(number): round(seconds, 1) for number, seconds in sorted(unanswered.items())}
    return Reply(asker.request_id, asker.workflow_id, "", RETENTION, "", msgspec.json.encode(shown))


def parts(reply: Reply, read: Callable[[bytes], Rows]) -> Parts:
    """An answer in as many parts as it needs; ``read`` gives the rows behind a key."""
    number, after = 0, b""
    records: list[bytes] = []
    size = 0
    while True:
        is_full, is_end = False, True
        for count, (key, record) in enumerate(read(after)):
            if count == _ROWS_A_STEP:
                is_end = False
                break
            if record is not None:
                if records and size + len(record) > PART_BYTES:
                    is_full, is_end = True, False
                    break
                records.append(record)
                size += len(record)
            after = key
        if is_full or is_end:
            yield msgspec.structs.replace(reply, records=tuple(records), more=is_full, part=number)
            number, records, size = number + 1, [], 0
        else:
            yield None
        if is_end:
            return
