"""Attempts that workers of a queue make: when their tasks leave, when they are given up, and who is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from engine_inputs import FIRST, short
from engine_states import NOW, Partition, scheduled

from sagaline._engine.decide import TimerDue, decide
from sagaline._engine.family import is_settled
from sagaline._engine.tables.outbox import BY_KEY
from sagaline._engine.tables.runs import RunView
from sagaline._engine.task_queues import STOPPING_MS
from sagaline._model import events
from sagaline._model.codec import decode
from sagaline._model.failure import TIMEOUT, Failure
from sagaline._model.records import ActivityResult, CancelTask, Task

BOOM = Failure("Boom", "why")
LATE = Failure("Timeout", "it took too long", TIMEOUT)


def of_queue(step: int = 1, **more: Any) -> events.ActivityScheduled:
    return msgspec.structs.replace(scheduled(step), queue="gpu", **more)


def sent(partition: Partition) -> list[tuple[str, int, str, Any]]:
    """Messages so far: topic, partition, key and record."""
    rows = [message.row for message in partition.state.outbox.messages()]
    return [(row.topic, row.partition, row.key.decode(), decode(row.value)) for row in rows]


def tasks(partition: Partition) -> list[tuple[int, int]]:
    return [(record.step, record.attempt) for _, _, _, record in sent(partition) if isinstance(record, Task)]


def cancels(partition: Partition) -> list[tuple[int, int]]:
    return [(record.step, record.attempt) for _, _, _, record in sent(partition) if isinstance(record, CancelTask)]


def due(partition: Partition, run: RunView, at_ms: int) -> str:
    return short(decide(partition.state, TimerDue("w", run.run_id, 1), at_ms))


def timers(partition: Partition) -> list[tuple[int, int]]:
    return [(timer.due_at, timer.step) for _, timer in partition.state.timers.behind(b"")]


def test_the_first_task_leaves_with_the_event_that_schedules_it() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue(), scheduled(2))
    assert sent(partition) == [
        (
            "tasks.gpu",
            BY_KEY,
            f"{run.run_id}/1/1",
            Task("w", run.run_id, 1, 1, "charge", b"[]", 10_000, f"{run.run_id}/1", queued_at=NOW),
        )
    ]
    row = partition.state.activity(run.run_id, 1)
    assert row is not None
    assert row.queued is not None
    assert row.queued.at == NOW
    assert timers(partition) == [], "it waits for a worker for as long as it takes"


def test_a_compensation_says_what_it_undoes() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue(compensates=4, outcome="unknown", compensates_run="r" * 32))
    ((_, _, _, task),) = sent(partition)
    assert (task.compensates, task.outcome, task.compensates_run) == (4, "unknown", "r" * 32)
    assert task.idempotency_key == f"{'r' * 32}/4/compensation"
    assert task.forward_key == f"{'r' * 32}/4"
    assert task.run_id == run.run_id


def test_a_retry_leaves_when_it_is_due_and_once() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    run = partition.emit(run, events.ActivityAttemptFailed(1, 1, BOOM, NOW + 500))
    assert tasks(partition) == [(1, 1)]
    assert timers(partition) == [(NOW + 500, 1)]
    assert due(partition, run, NOW + 499) == ""
    assert due(partition, run, NOW + 500) == "ActivityDispatched"
    run = partition.emit(run, events.ActivityDispatched(1, 2), at_ms=NOW + 500)
    assert tasks(partition) == [(1, 1), (1, 2)]
    assert due(partition, run, NOW + 10**9) == ""
    assert timers(partition) == []


def test_a_retry_without_a_wait_leaves_at_once() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    partition.emit(run, events.ActivityAttemptFailed(1, 1, BOOM, NOW))
    assert tasks(partition) == [(1, 1), (1, 2)]
    assert timers(partition) == []


def test_no_retry_leaves_while_the_run_is_paused() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    run = partition.emit(run, events.ActivityAttemptFailed(1, 1, BOOM, NOW + 500))
    run = partition.emit(run, events.RunPaused("p", "why", "ann"))
    assert due(partition, run, NOW + 500) == ""
    run = partition.emit(run, events.RunUnpaused("u", "why", "ann"))
    assert due(partition, run, NOW + 500) == "ActivityDispatched"


def test_a_result_of_an_attempt_that_was_given_up_is_ignored() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    run = partition.emit(run, events.ActivityAttemptFailed(1, 1, LATE, NOW + 500))
    assert cancels(partition) == [(1, 1)], "no worker begins it any more"
    assert short(decide(partition.state, ActivityResult("w", run.run_id, 1, 1, b"1"), NOW)) == ""
    assert short(decide(partition.state, ActivityResult("w", run.run_id, 1, 2, b"1"), NOW)) == "ActivityCompleted"


def test_an_ordinary_failure_cancels_nothing() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    run = partition.emit(run, events.ActivityAttemptFailed(1, 1, BOOM, NOW))
    partition.emit(run, events.ActivityFailed(1, 2, BOOM))
    assert cancels(partition) == []


def test_a_cancellation_is_pushed_and_waits_for_an_answer_for_a_while() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    run = partition.emit(run, events.ActivityCancelRequested(1))
    ((topic, number, key, record),) = [one for one in sent(partition) if isinstance(one[3], CancelTask)]
    assert (topic, number, key) == ("cancels.gpu", 0, f"{run.run_id}/1/1")
    assert (record.step, record.attempt, record.at) == (1, 1, NOW)
    assert timers(partition) == [(NOW + STOPPING_MS, 1)]
    assert due(partition, run, NOW + STOPPING_MS - 1) == ""
    decision = decide(partition.state, TimerDue("w", run.run_id, 1), NOW + STOPPING_MS)
    assert isinstance(decision, list)
    (event,) = decision
    assert isinstance(event, events.ActivityFailed)
    assert event.failure.type == "Cancelled"
    assert not event.failure.clean, "nobody knows what it did"
    answered = decide(partition.state, ActivityResult("w", run.run_id, 1, 1, b"1"), NOW)
    assert short(answered) == "ActivityCompleted"


def test_a_cancelled_retry_that_nobody_has_is_over_at_once() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    run = partition.emit(run, events.ActivityAttemptFailed(1, 1, BOOM, NOW + 5_000))
    run = partition.emit(run, events.ActivityCancelRequested(1))
    assert due(partition, run, NOW) == "ActivityFailed"
    assert tasks(partition) == [(1, 1)]


@pytest.mark.parametrize(
    "end",
    [events.RunTerminated("t", "why"), events.RunCompleted(b"1"), events.RunContinued("r" * 32, b"[]")],
)
def test_tasks_of_a_run_that_ends_are_wanted_no_more(end: events.Event) -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue(), of_queue(2), scheduled(3))
    run = partition.emit(run, events.ActivityAttemptFailed(2, 1, BOOM, NOW + 500))
    partition.emit(run, end)
    assert cancels(partition) == [(1, 1)], "nobody has the retry"
    assert timers(partition) == []


def test_a_task_that_may_have_left_is_sent_again_only_while_it_is_awaited() -> None:
    partition = Partition()
    run = partition.start(FIRST, of_queue())
    (message,) = partition.state.outbox.messages()
    assert not is_settled(partition.state, message.row)
    partition.emit(run, events.ActivityCompleted(1, 1, b"1"))
    assert is_settled(partition.state, message.row)
