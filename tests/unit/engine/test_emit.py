"""Emitting: applied and collected in one step, and nothing of a run is written before an event is."""

from __future__ import annotations

import msgspec
import pytest
from engine_states import EPOCH, NOW, Partition, record_of, scheduled

from sagaline._engine.effects import CancelActivity, CloseRun, ForgetActivity, SetTimer, StartActivity
from sagaline._engine.emit import Emitter, RunIsClosed
from sagaline._engine.tables.outbox import OutboxRow
from sagaline._model import events
from sagaline._model.codec import decode
from sagaline._model.failure import Failure
from sagaline._model.records import Reply, StartRun

REQUEST = StartRun("r", "w", "pay", b"[]", "client", 3, "closed")
BOOM = Failure("Boom", "why")


def test_an_emitter_alone_changes_nothing() -> None:
    partition = Partition()
    run = partition.start(REQUEST)
    Emitter(partition.state, run, NOW + 5)
    assert run.last_at == NOW
    assert partition.state.drain_writes() == {}


def test_what_was_emitted_is_seen_at_once_and_written_when_the_record_is_complete() -> None:
    partition = Partition()
    run = partition.start(REQUEST)
    emitter = Emitter(partition.state, run, NOW + 5)
    emitter.emit(scheduled(1))
    emitter.emit(events.TimerStarted(2, NOW + 99))
    assert emitter.first_event_id == 2
    assert (emitter.run.last_at, emitter.run.open_steps, emitter.run.next_event_id) == (NOW + 5, 2, 2)
    assert partition.state.activity(run.run_id, 1) is not None
    assert partition.state.wait(run.run_id, 2) == NOW + 99
    emitter.finish(EPOCH, True, b"value", 0)
    assert (emitter.run.next_event_id, emitter.run.more) == (4, True)
    assert list(partition.state.history.records(run.run_id))[-1] == b"value"
    started, timer = partition.state.drain_effects()
    assert isinstance(started, StartActivity)
    assert started.row.scheduled == scheduled(1)
    assert timer == SetTimer(NOW + 99, "w", run.run_id, 2)


def test_nothing_follows_a_terminal_event() -> None:
    partition = Partition()
    emitter = Emitter(partition.state, partition.start(REQUEST), NOW)
    emitter.emit(events.RunCompleted(b"1"))
    with pytest.raises(RunIsClosed, match="Expected an open run of 'w' but it is completed"):
        emitter.emit(events.TimerStarted(1, NOW))
    assert emitter.events == [events.RunCompleted(b"1")]


def test_only_the_row_of_a_run_can_be_emitted_on() -> None:
    class Likeness(msgspec.Struct):
        next_event_id: int = 1

    with pytest.raises(TypeError, match="the row of a run"):
        Emitter(Partition().state, Likeness(), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "status", "kind"),
    [
        (events.RunCompleted(b"1"), "completed", None),
        (events.RunFailed(BOOM, False), "failed", "application"),
        (events.RunFailed(BOOM, True), "compensated", "application"),
        (events.RunCancelled("why", True), "cancelled", "cancelled"),
        (events.RunTerminated("r2", "why"), "terminated", "cancelled"),
        (events.RunReplaced("r2", "2" * 32), "terminated", "cancelled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, msgspec.Struct) else None,
)
def test_an_end_drops_all_steps_and_tells_who_waits(end: events.Event, status: str, kind: str | None) -> None:
    partition = Partition()
    run = partition.start(
        REQUEST, scheduled(1), scheduled(2), events.TimerStarted(3, NOW), events.ActivityAttemptFailed(2, 1, BOOM, NOW)
    )
    emitter = Emitter(partition.state, run, NOW + 7)
    emitter.emit(end)
    emitter.finish(EPOCH, False, record_of(run, emitter.first_event_id, [end]), 0)
    effects = partition.state.drain_effects()
    assert effects == [ForgetActivity(run.run_id, 1), ForgetActivity(run.run_id, 2), CloseRun("w", run.run_id)]
    rows = partition.state.drain_offset_rows()
    assert rows is not None
    _, messages = partition.state.rows_at(40, rows)
    (message,) = messages
    assert message.number == (40, 0)
    reply = decode(message.row.value)
    assert isinstance(reply, Reply)
    assert (reply.request_id, reply.kind, reply.status) == ("r", "closed", status)
    assert (None if reply.failure is None else reply.failure.kind) == kind
    assert message.row == OutboxRow("replies", 3, b"client", message.row.value)
    closed = partition.state.run("w")
    assert closed is not None
    assert (closed.closed_at, closed.open_steps) == (NOW + 7, 0)
    partition.settle()
    known = {b"d/", b"i/"} if isinstance(end, events.RunTerminated) else set[bytes]()  # the request, by its id
    assert {key[:2] for key in partition.rows()} == {b"r/", b"h/"} | known, "its offset rows were drained here"


def test_a_cancelled_activity_stays_open_until_its_outcome_is_known() -> None:
    partition = Partition()
    run = partition.start(REQUEST, scheduled(1))
    emitter = Emitter(partition.state, run, NOW)
    emitter.emit(events.ActivityCancelRequested(1))
    (effect,) = partition.state.drain_effects()
    assert isinstance(effect, CancelActivity)
    row = partition.state.activity(run.run_id, 1)
    assert row is not None
    assert row.cancel_requested
    assert emitter.run.open_steps == 1
    emitter.emit(events.ActivityCompleted(1, 1, b"1"))
    assert emitter.run.open_steps == 0


def test_outcomes_and_timers_of_steps_that_are_not_open_change_nothing() -> None:
    """A log may hold them: an applier is no place to be strict."""
    partition = Partition()
    run = partition.start(REQUEST)
    before = partition.rows()
    emitter = Emitter(partition.state, run, NOW)
    for event in (
        events.ActivityCompleted(9, 1, b""),
        events.ActivityFailed(9, 1, BOOM),
        events.ActivityAttemptFailed(9, 1, BOOM, NOW),
        events.ActivityCancelRequested(9),
        events.TimerFired(9),
        events.TimerCancelled(9),
    ):
        emitter.emit(event)
    assert emitter.run.open_steps == 0
    assert partition.state.drain_effects() == []
    partition.settle()
    assert partition.rows() == before
