"""Outcomes of sagas: one for each end, and for what waits for a person and goes on; of no other run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from engine_inputs import ENDS
from run_log import FIRST, SECOND, Log, read, rows, started

from sagaline._engine.tables.outbox import BY_KEY
from sagaline._model import events as e
from sagaline._model.codec import decode
from sagaline._model.events import Event, Fork
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.ids import successor_of
from sagaline._model.records import SagaOutcome

NEXT = successor_of(FIRST)
SECRET = Failure("Declined", "card 4111 1111")
BEGUN = msgspec.structs.replace(started("a"), outcomes=e.OutcomeRequest("brief"))
FULL = msgspec.structs.replace(started("a"), outcomes=e.OutcomeRequest("full"))
PARKED = e.ActivityParked(2, 1, SECRET)


def step(number: int, **more: Any) -> e.ActivityScheduled:
    return e.ActivityScheduled(number, f"do-{number}", b"[]", 1, RetryPolicy(), saga=e.SagaStep(), **more)


def undo(number: int, of: int, run_id: str = "") -> e.ActivityScheduled:
    return e.ActivityScheduled(number, f"undo-{of}", b"[]", 1, RetryPolicy(), None, of, "completed", run_id)


def done(number: int) -> e.ActivityCompleted:
    return e.ActivityCompleted(number, 1, b"1")


def repaired(action: str) -> e.ActivityRepaired:
    return e.ActivityRepaired(2, action, b"", f"request-{action}", "ticket 512", "ann")


def log_of(*records: tuple[Event, ...], begun: Event = BEGUN) -> Log:
    log = Log()
    log.run(FIRST, begun)
    for happened in records:
        log.run(FIRST, *happened)
    return log


def told(log: Log) -> list[SagaOutcome]:
    found: list[SagaOutcome] = []
    for message in read(log.records)[0].outbox.messages():
        if message.row.topic == "outcomes":
            assert (message.row.partition, message.row.key) == (BY_KEY, b"w")
            record = decode(message.row.value)
            assert isinstance(record, SagaOutcome)
            found.append(record)
    return found


@pytest.mark.parametrize("end", [*ENDS.values(), e.RunReplaced("request", SECOND)])
def test_each_end_is_told_with_the_status_that_the_run_has(end: Event) -> None:
    log = log_of((end,))
    (outcome,) = told(log)
    run = read(log.records)[0].run("w")
    assert run is not None
    assert (outcome.id, outcome.run_id, outcome.first_run_id) == (f"outcome/{FIRST}/1", FIRST, FIRST)
    assert (outcome.outcome, outcome.workflow, outcome.at) == (run.status, "pay", run.closed_at)
    assert (outcome.began_at, outcome.is_parked, outcome.failure_message) == (run.started_at, False, "")


@pytest.mark.parametrize("end", ENDS.values())
def test_of_a_run_that_is_no_saga_nothing_is_told(end: Event) -> None:
    assert told(log_of((step(1),), (done(1),), (e.RunParked("bug", SECRET),), (end,), begun=started("a"))) == []


def test_a_run_with_a_part_that_is_a_saga_is_told() -> None:
    log = log_of(
        (e.SagaBegan(1), step(2)), (done(2), e.SagaEnded(1, "committed"), e.RunCompleted(b"1")), begun=started("a")
    )
    (outcome,) = told(log)
    assert (outcome.outcome, outcome.steps, outcome.undone) == ("completed", 1, 0)


def test_steps_are_counted_and_what_is_undone_of_them() -> None:
    forward = ((step(1), step(2)), (done(1),), (done(2), step(3)), (e.ActivityFailed(3, 1, SECRET), undo(4, 2)))
    log = log_of(*forward, (done(4), undo(5, 1)), (done(5), e.RunFailed(SECRET, True)))
    (outcome,) = told(log)
    assert (outcome.outcome, outcome.steps, outcome.undone) == ("compensated", 3, 2)
    assert outcome.rollback_at == 5, "the record in which the first compensation was asked for"
    assert (outcome.failure_type, outcome.failure_message) == ("Declined", "")


def test_a_savepoint_that_was_rolled_back_to_is_no_rollback_once_the_saga_goes_on() -> None:
    log = log_of((step(1),), (done(1), undo(2, 1)), (done(2), step(3)), (done(3), e.RunCompleted(b"1")))
    (outcome,) = told(log)
    assert (outcome.steps, outcome.undone, outcome.rollback_at) == (2, 1, 0)


@pytest.mark.parametrize(("action", "after"), [("retry", ()), ("edit", ()), ("done", (done(2),)), ("skip", (done(2),))])
def test_a_step_is_parked_and_repaired_and_who_did_it_is_told(action: str, after: tuple[Event, ...]) -> None:
    log = log_of((step(1), undo(2, 1)), (PARKED,), (repaired(action), *after))
    parked, resumed = told(log)
    assert (parked.outcome, parked.is_parked, parked.failure_type) == ("parked", True, "Declined")
    assert (parked.step, parked.activity, parked.compensates) == (2, "undo-1", 1)
    assert (resumed.outcome, resumed.is_parked, resumed.id) == ("resumed", False, f"outcome/{FIRST}/2")
    assert (resumed.action, resumed.by, resumed.step, resumed.activity) == (action, "ann", 2, "undo-1")


def test_texts_of_people_and_programs_are_told_when_they_are_asked_for_alone() -> None:
    happened = ((step(1), undo(2, 1)), (PARKED,), (repaired("retry"),))
    assert all(not (one.failure_message or one.reason) for one in told(log_of(*happened)))
    parked, resumed = told(log_of(*happened, begun=FULL))
    assert (parked.failure_message, resumed.reason) == ("card 4111 1111", "ticket 512")
    long = Failure("x" * 300, "☂" * 1_000)
    (parked,) = told(log_of((e.RunParked("bug", long),), begun=FULL))
    assert (len(parked.failure_type.encode()) <= 255, len(parked.failure_message.encode()) <= 500) == (True, True)


def test_of_two_parked_steps_the_first_repair_leaves_the_run_parked() -> None:
    log = log_of((step(1), step(2), undo(3, 1)), (PARKED, e.ActivityParked(3, 1, SECRET)), (repaired("retry"),))
    assert [(one.outcome, one.step, one.is_parked) for one in told(log)] == [
        ("parked", 2, True),
        ("parked", 3, True),
        ("resumed", 2, True),
    ]


def test_a_run_is_parked_and_goes_on() -> None:
    log = log_of((e.RunParked("bug", SECRET),), (e.RunResumed("worker"),), (e.RunParked("bug", SECRET),))
    log.run(FIRST, e.RunResumed("worker", "request"))
    assert [(one.outcome, one.step, one.is_parked, one.action) for one in told(log)] == [
        ("parked", 0, True, ""),
        ("resumed", 0, False, ""),
        ("parked", 0, True, ""),
        ("resumed", 0, False, "retry"),
    ]


def test_a_reset_is_no_end_but_what_was_parked_is_no_more() -> None:
    fork = Fork((FIRST,), (2,), 9, "reset", "a bad deploy", "ann", False, 0, FIRST)
    begun = msgspec.structs.replace(BEGUN, fork=fork, first_run_id=FIRST)
    running = log_of((step(1),), (e.RunReset(SECOND, 1, fork),))
    assert told(running) == []
    parked = log_of((step(1),), (e.RunParked("bug", SECRET),), (e.RunReset(SECOND, 1, fork),))
    assert [(one.outcome, one.action, one.by, one.is_parked) for one in told(parked)][1:] == [
        ("resumed", "reset", "ann", False)
    ]
    parked.run(SECOND, begun)
    parked.run(SECOND, step(1))
    parked.run(SECOND, done(1), e.RunCompleted(b"1"))
    ended = told(parked)[-1]
    assert (ended.id, ended.first_run_id, ended.steps) == (f"outcome/{SECOND}/1", FIRST, 1)


def chain() -> Log:
    log = log_of((step(1),), (done(1), e.RunContinued(NEXT, b"[]")))
    counts = e.OutcomeRequest("brief", 1, 0, 1)
    begun = e.RunStarted("pay", b"[]", "a", "", 0, "accepted", FIRST, FIRST, outcomes=counts)
    log.run(NEXT, begun)
    log.run(NEXT, undo(1, 1, FIRST))
    log.run(NEXT, done(1), e.RunFailed(SECRET, True))
    return log


def test_a_chain_has_one_end_and_counts_the_steps_of_all_its_runs() -> None:
    (outcome,) = told(chain())
    assert (outcome.run_id, outcome.first_run_id, outcome.began_at) == (NEXT, FIRST, 1)
    assert (outcome.outcome, outcome.steps, outcome.undone) == ("compensated", 1, 1)


def test_what_is_left_when_earlier_runs_are_retired_says_the_same() -> None:
    log = chain()
    log.retire(FIRST)
    compacted = [record for record in log.records if record.key not in log.keys[FIRST]]
    assert {key: row for key, row in rows(compacted).items() if key.startswith(b"r/")} == {
        key: row for key, row in rows(log.records).items() if key.startswith(b"r/")
    }
