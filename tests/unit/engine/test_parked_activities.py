"""Activities that have failed for good and wait for a person."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from engine_inputs import BOOM, FIRST, short
from engine_states import NOW, Partition, scheduled

from sagaline._engine.decide import decide, run_id_of
from sagaline._model import events as e
from sagaline._model.failure import CANCELLED, Failure
from sagaline._model.records import COMPLETED, PARKED, RUNNING, ActivityResult, RepairActivity, RetryRun

PARKS = e.AttemptLimits(on_exhausted="park")
NO = Failure("OutOfStock", "none is left", retryable=False, clean=True)
FOR_GOOD = Failure("TypeError", "a bug", retryable=False)
RUN_ID = run_id_of(FIRST)
RETRIABLE = e.SagaStep(kind="retriable")


def parking(step: int = 1, attempts: int = 3, **more: Any) -> e.ActivityScheduled:
    return msgspec.structs.replace(scheduled(step, attempts), limits=PARKS, **more)


def result(attempt: int, failure: Failure | None = BOOM) -> ActivityResult:
    return ActivityResult("w", RUN_ID, 1, attempt, b"7" if failure is None else None, failure)


def repair(action: str, step: int = 1, payload: bytes = b"", request_id: str = "r") -> RepairActivity:
    return RepairActivity(request_id, "w", step, action, payload, "ticket 512", "ann")


@pytest.fixture
def partition() -> Partition:
    partition = Partition()
    partition.start(FIRST, parking())
    return partition


def the_run(partition: Partition) -> Any:
    run = partition.state.run("w")
    assert run is not None
    return run


def park(partition: Partition, attempt: int = 3) -> None:
    decision = decide(partition.state, result(attempt), NOW)
    assert isinstance(decision, list)
    assert [type(event) for event in decision] == [e.ActivityParked]
    partition.emit(the_run(partition), *decision)


def at_attempt(partition: Partition, attempt: int) -> None:
    for number in range(1, attempt):
        partition.emit(the_run(partition), e.ActivityAttemptFailed(1, number, BOOM, NOW))


def test_the_last_attempt_parks_it_and_the_run_shows_it(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    run = the_run(partition)
    assert (run.status, run.standing, run.parked_steps, run.parked_at) == (RUNNING, PARKED, 1, NOW)
    assert run.failure.type == "StepParked"
    assert "step 1, charge has failed for good: Boom" in run.failure.message
    assert list(partition.state.attention.parked()) == ["w"]
    assert decide(partition.state, result(3, None), NOW) == [], "what a straggler says is not heard"


@pytest.mark.parametrize(
    ("step", "failure", "expected"),
    [
        (parking(), FOR_GOOD, e.ActivityParked),
        (parking(), NO, e.ActivityFailed),
        (parking(saga=RETRIABLE), NO, e.ActivityParked),
        (parking(compensates=7, outcome="unknown"), NO, e.ActivityParked),
        (scheduled(1), FOR_GOOD, e.ActivityFailed),
    ],
)
def test_no_is_no_answer_where_the_step_must_be_done(
    step: e.ActivityScheduled, failure: Failure, expected: type[e.Event]
) -> None:
    partition = Partition()
    partition.start(FIRST, step)
    decision = decide(partition.state, result(1, failure), NOW)
    assert isinstance(decision, list)
    assert [type(event) for event in decision] == [expected]


def test_a_person_has_it_attempted_again_with_as_many_attempts_as_before(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    partition.state.drain_effects()
    decision = decide(partition.state, repair("retry"), NOW)
    assert decision == [e.ActivityRepaired(1, "retry", b"", "r", "ticket 512", "ann")]
    run = partition.emit(the_run(partition), *decision)
    assert (run.standing, run.parked_at, run.failure) == (RUNNING, None, None)
    row = partition.state.activity(RUN_ID, 1)
    assert row is not None
    assert (row.attempt, row.parked_at) == (4, 0)
    for attempt in (4, 5):
        decision = decide(partition.state, result(attempt), NOW)
        assert isinstance(decision, list)
        (failed,) = decision
        assert isinstance(failed, e.ActivityAttemptFailed)
        first_interval = row.scheduled.retry.first_interval_ms
        assert failed.retry_at - NOW <= first_interval * 2 ** (attempt - 4), "intervals begin anew"
        partition.emit(the_run(partition), failed)
    park(partition, 6)


def test_edit_gives_the_attempts_that_follow_another_input(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    partition.settle()
    decision = decide(partition.state, repair("edit", payload=b'["other"]'), NOW)
    assert isinstance(decision, list)
    partition.emit(the_run(partition), *decision)
    row = partition.state.activity(RUN_ID, 1)
    assert row is not None
    assert row.scheduled.input == b'["other"]'


def test_done_and_skip_are_outcomes(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    done = decide(partition.state, repair("done", payload=b'{"ref":9}'), NOW)
    assert isinstance(done, list)
    assert done[1:] == [e.ActivityCompleted(1, 3, b'{"ref":9}')]
    skipped = decide(partition.state, repair("skip"), NOW)
    assert isinstance(skipped, list)
    (failed,) = skipped[1:]
    assert isinstance(failed, e.ActivityFailed)
    assert (failed.failure.type, failed.failure.clean) == ("Skipped", True)
    run = partition.emit(the_run(partition), *done)
    assert (run.standing, run.open_steps, run.parked_steps, run.failure) == (RUNNING, 0, 0, None)
    assert list(partition.state.attention.parked()) == []


def test_a_compensation_that_is_skipped_counts_as_done() -> None:
    partition = Partition()
    partition.start(FIRST, parking(compensates=7, outcome="completed"), e.ActivityParked(1, 1, BOOM))
    skipped = decide(partition.state, repair("skip"), NOW)
    assert isinstance(skipped, list)
    assert skipped[1:] == [e.ActivityCompleted(1, 1, b"null")]


@pytest.mark.parametrize(
    ("request_", "name", "words"),
    [
        (repair("retry"), "NotParked", "got step 1: charge is attempted"),
        (repair("retry", step=9), "NotParked", "got step 9: that is not a step which it waits for"),
        (repair("mend"), "UnknownAction", "Expected one of retry, edit, done, skip as action but got 'mend'"),
    ],
)
def test_what_cannot_be_repaired_is_refused_in_words(
    partition: Partition, request_: RepairActivity, name: str, words: str
) -> None:
    refused = decide(partition.state, request_, NOW)
    assert short(refused) == name
    assert words in refused.failure.message  # type: ignore[union-attr]


def test_a_second_person_comes_too_late(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    decision = decide(partition.state, repair("done"), NOW)
    assert isinstance(decision, list)
    partition.emit(the_run(partition), *decision)
    assert decide(partition.state, repair("done"), NOW) == [], "the same request is answered as done"
    assert short(decide(partition.state, repair("skip", request_id="another"), NOW)) == "NotParked"


def test_to_retry_the_run_is_refused_with_what_to_do(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    refused = decide(partition.state, RetryRun("x", "w"), NOW)
    assert short(refused) == "StepParked"
    assert "sagaline saga" in refused.failure.message  # type: ignore[union-attr]


def test_code_that_stops_waiting_for_it_hears_so(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    partition.emit(the_run(partition), e.ActivityCancelRequested(1))
    stopped = Failure("Cancelled", "it was cancelled", CANCELLED, retryable=False)
    decision = decide(partition.state, result(3, stopped), NOW)
    assert isinstance(decision, list)
    assert [type(event) for event in decision] == [e.ActivityFailed]
    run = partition.emit(the_run(partition), *decision)
    assert (run.standing, run.parked_steps) == (RUNNING, 0)


def test_a_run_that_resumes_tells_of_its_parked_step_again(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    run = partition.emit(the_run(partition), e.RunParked("bug", FOR_GOOD))
    assert run.failure == FOR_GOOD
    run = partition.emit(run, e.RunResumed("worker"))
    assert (run.standing, run.failure.type if run.failure else "") == (PARKED, "StepParked")


def test_a_run_that_ends_leaves_nothing_of_it(partition: Partition) -> None:
    at_attempt(partition, 3)
    park(partition)
    run = partition.emit(the_run(partition), e.RunCompleted(b"1"))
    assert (run.standing, run.parked_steps, run.parked_at, run.failure) == (COMPLETED, 0, None, None)
    assert list(partition.state.attention.parked()) == []
    assert partition.state.activity(RUN_ID, 1) is None


def test_of_two_that_are_parked_the_run_tells_of_the_first() -> None:
    partition = Partition()
    parked = e.ActivityParked(1, 1, BOOM), e.ActivityParked(2, 1, FOR_GOOD)
    run = partition.start(FIRST, parking(1), parking(2), *parked)
    assert run.parked_steps == 2
    decision = decide(partition.state, repair("done"), NOW)
    assert isinstance(decision, list)
    run = partition.emit(the_run(partition), *decision)
    assert run.failure is not None
    assert "step 2, charge has failed for good: TypeError" in run.failure.message


def test_one_of_a_queue_leaves_again_as_a_task() -> None:
    partition = Partition()
    partition.start(FIRST, parking(queue="gpu"), e.ActivityParked(1, 1, BOOM))
    decision = decide(partition.state, repair("retry"), NOW)
    assert isinstance(decision, list)
    partition.emit(the_run(partition), *decision)
    row = partition.state.activity(RUN_ID, 1)
    assert row is not None
    assert (row.attempt, row.queued is not None) == (2, True)
