"""What each input of a run that is there leads to, by the state that it meets."""

from __future__ import annotations

import pytest
from engine_inputs import BOOM, ENDS, FIRST, LATER, RUN, short, start
from engine_states import NOW, Partition, scheduled

from sagaline._engine.decide import Input, ParkRun, TimerDue, decide
from sagaline._engine.held import hold
from sagaline._engine.tables.runs import RunRow
from sagaline._model import events
from sagaline._model.events import Event
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, CancelRun, Heartbeat, PauseRun, RetryRun, TerminateRun, UnpauseRun

# Cancel, terminate, retry


def requests(run_id: str = "") -> dict[str, Input]:
    return {
        "cancel": CancelRun("r", "w", "why", run_id=run_id),
        "terminate": TerminateRun("r", "w", "why", run_id=run_id),
        "retry": RetryRun("r", "w", run_id=run_id),
        "pause": PauseRun("r", "w", "why", "ann", run_id=run_id),
    }


ACCEPTED = {"cancel": "CancelRequested", "terminate": "RunTerminated", "retry": "NotParked", "pause": "RunPaused"}


@pytest.mark.parametrize("what", sorted(ACCEPTED))
def test_a_command_means_the_open_run_of_the_id(what: str) -> None:
    partition = Partition()
    assert short(decide(partition.state, requests()[what], NOW)) == "WorkflowNotFound"
    run = partition.start(FIRST)
    assert short(decide(partition.state, requests()[what], NOW)) == ACCEPTED[what]
    assert short(decide(partition.state, requests(run.run_id)[what], NOW)) == ACCEPTED[what]
    assert short(decide(partition.state, requests(RUN)[what], NOW)) == "WorkflowNotFound"
    partition.emit(run, ENDS["completed"])
    assert short(decide(partition.state, requests()[what], NOW)) == "RunEnded"
    assert short(decide(partition.state, requests(run.run_id)[what], NOW)) == "RunEnded"


@pytest.mark.parametrize("what", sorted(ACCEPTED))
def test_a_command_with_a_run_id_never_meets_the_run_that_followed(what: str) -> None:
    partition = Partition()
    first = partition.start(FIRST, ENDS["completed"])
    second = partition.start(LATER)
    assert short(decide(partition.state, requests(first.run_id)[what], NOW)) == "RunEnded"
    assert short(decide(partition.state, requests(second.run_id)[what], NOW)) == ACCEPTED[what]
    assert short(decide(partition.state, requests()[what], NOW)) == ACCEPTED[what]


def test_a_run_is_asked_to_stop_once_only() -> None:
    partition = Partition()
    partition.start(FIRST, events.CancelRequested("r", "why"))
    assert decide(partition.state, requests()["cancel"], NOW) == []


@pytest.mark.parametrize("how", sorted(ENDS))
def test_the_same_cancel_again_is_no_refusal_also_when_the_run_has_ended(how: str) -> None:
    """Its answer may have been lost with the owner: whoever asks again is told that it was done."""
    partition = Partition()
    run = partition.start(FIRST, events.CancelRequested("r", "why"), ENDS[how])
    assert decide(partition.state, requests()["cancel"], NOW) == []
    assert decide(partition.state, requests(run.run_id)["cancel"], NOW) == []
    assert short(decide(partition.state, CancelRun("another", "w", "why"), NOW)) == "RunEnded"
    partition.state.remove_run(partition.state.run_by_id("w", run.run_id))
    assert partition.state.receiver("w", "command/r") is None, "known as long as the run is there"


def test_the_same_terminate_again_is_no_refusal() -> None:
    """Its answer may have been lost with the owner: whoever asks again is told that the run has ended as asked."""
    partition = Partition()
    run = partition.start(FIRST, events.RunTerminated("r", "why"))
    assert decide(partition.state, requests()["terminate"], NOW) == []
    assert decide(partition.state, requests(run.run_id)["terminate"], NOW) == []
    assert short(decide(partition.state, TerminateRun("another", "w", "why"), NOW)) == "RunEnded"


def test_a_parked_run_may_be_retried() -> None:
    partition = Partition()
    partition.start(FIRST, events.RunParked("bug", BOOM))
    assert decide(partition.state, requests()["retry"], NOW) == [events.RunResumed("", "r")]


@pytest.mark.parametrize("what", sorted(ACCEPTED))
def test_nothing_is_decided_on_a_run_that_is_held(what: str) -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1), events.TimerStarted(2, NOW))
    assert isinstance(run, RunRow)
    hold(partition.state, run, "RunStarted in version 9")
    partition.settle()
    assert short(decide(partition.state, requests()[what], NOW)) == "RunHeld"
    assert short(decide(partition.state, start("terminate_existing"), NOW)) == "IdInUse"
    assert decide(partition.state, ActivityResult("w", run.run_id, 1, 1, b"1"), NOW) == []
    assert decide(partition.state, TimerDue("w", run.run_id, 2), NOW) == []


# Parked by the owner


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        ((), "RunParked"),
        ((events.RunParked("bug", BOOM),), "RunParked"),
        ((events.RunParked("stalled", Failure("Stalled", "before")),), ""),
        ((events.RunParked("stalled", Failure("Stalled", "before")), events.RunResumed("w")), "RunParked"),
        ((ENDS["completed"],), ""),
    ],
    ids=["running", "for another reason", "for the same", "resumed", "ended"],
)
def test_a_run_that_must_not_go_on_is_parked_once(happened: tuple[Event, ...], expected: str) -> None:
    partition = Partition()
    run = partition.start(FIRST, *happened)
    park = ParkRun("w", run.run_id, "stalled", Failure("Stalled", "it blocked the worker"))
    assert short(decide(partition.state, park, NOW)) == expected
    assert short(decide(partition.state, ParkRun("w", RUN, "stalled", BOOM), NOW)) == ""


def test_a_run_is_parked_within_an_activation_but_not_while_it_is_held() -> None:
    partition = Partition()
    run = partition.start(FIRST)
    assert isinstance(run, RunRow)
    park = ParkRun("w", run.run_id, "stalled", BOOM)
    run.more = True
    assert short(decide(partition.state, park, NOW)) == "RunParked"
    run.held = True
    assert decide(partition.state, park, NOW) == []


# Results of activities


@pytest.mark.parametrize(
    ("attempt", "failure", "cancelled", "expected"),
    [
        (1, None, False, "ActivityCompleted"),
        (1, None, True, "ActivityCompleted"),
        (1, BOOM, False, "ActivityAttemptFailed"),
        (1, BOOM, True, "ActivityFailed"),
        (2, BOOM, False, "ActivityAttemptFailed"),
        (3, BOOM, False, "ActivityFailed"),
        (1, Failure("Declined", "no"), False, "ActivityFailed"),
        (1, Failure("Boom", "why", retryable=False), False, "ActivityFailed"),
    ],
)
def test_what_an_outcome_leads_to(attempt: int, failure: Failure | None, cancelled: bool, expected: str) -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1, 3, ("Declined",)))
    for number in range(1, attempt):
        run = partition.emit(run, events.ActivityAttemptFailed(1, number, BOOM, NOW + number))
    if cancelled:
        run = partition.emit(run, events.ActivityCancelRequested(1))
    result = ActivityResult("w", run.run_id, 1, attempt, b"2" if failure is None else None, failure)
    assert short(decide(partition.state, result, NOW)) == expected


@pytest.mark.parametrize(("delay_ms", "least", "most"), [(-1, 900, 1_000), (0, 0, 0), (90_000, 90_000, 90_000)])
def test_the_next_attempt_waits_as_its_error_says_or_by_the_policy(delay_ms: int, least: int, most: int) -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1, 3))
    decision = decide(partition.state, ActivityResult("w", run.run_id, 1, 1, None, BOOM, delay_ms), NOW)
    assert isinstance(decision, list)
    (event,) = decision
    assert isinstance(event, events.ActivityAttemptFailed)
    assert NOW + least <= event.retry_at <= NOW + most


@pytest.mark.parametrize(("step", "attempt"), [(1, 2), (2, 1), (1, 0)])
def test_an_outcome_that_nobody_waits_for_leads_to_nothing(step: int, attempt: int) -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1))
    assert decide(partition.state, ActivityResult("w", run.run_id, step, attempt, b"1"), NOW) == []
    assert decide(partition.state, ActivityResult("w", RUN, 1, 1, b"1"), NOW) == []
    assert decide(partition.state, ActivityResult("another", run.run_id, 1, 1, b"1"), NOW) == []
    assert decide(partition.state, Heartbeat("another", run.run_id, 1, 1), NOW) == []


def test_retries_wait_as_the_policy_says_less_up_to_a_tenth() -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1, attempts=0))
    for attempt, interval in ((1, 1_000), (2, 2_000), (3, 4_000)):
        result = ActivityResult("w", run.run_id, 1, attempt, None, BOOM)
        decision = decide(partition.state, result, NOW)
        assert isinstance(decision, list)
        (event,) = decision
        assert isinstance(event, events.ActivityAttemptFailed)
        assert interval * 9 // 10 <= event.retry_at - NOW <= interval
        assert decide(partition.state, result, NOW) == decision, "the same at every look"
        run = partition.emit(run, event)


def test_a_clean_failure_behind_another_is_not_clean() -> None:
    partition = Partition()
    clean = Failure("Declined", "no", retryable=False, clean=True)
    run = partition.start(FIRST, scheduled(1))
    first = decide(partition.state, ActivityResult("w", run.run_id, 1, 1, None, clean), NOW)
    assert first == [events.ActivityFailed(1, 1, clean)]
    run = partition.emit(run, events.ActivityAttemptFailed(1, 1, BOOM, NOW))
    second = decide(partition.state, ActivityResult("w", run.run_id, 1, 2, None, clean), NOW)
    assert second == [events.ActivityFailed(1, 2, Failure("Declined", "no", retryable=False, clean=False))]


# Timers


@pytest.mark.parametrize(("due_at", "expected"), [(NOW, "TimerFired"), (NOW - 1, "TimerFired"), (NOW + 1, "")])
def test_a_timer_fires_at_its_time_and_never_before(due_at: int, expected: str) -> None:
    partition = Partition()
    run = partition.start(FIRST, events.TimerStarted(1, due_at))
    assert short(decide(partition.state, TimerDue("w", run.run_id, 1), NOW)) == expected


def test_a_timer_fires_once_and_not_when_it_was_cancelled() -> None:
    partition = Partition()
    run = partition.start(FIRST, events.TimerStarted(1, NOW), events.TimerStarted(2, NOW))
    partition.emit(run, events.TimerFired(1), events.TimerCancelled(2))
    for step in (1, 2, 3):
        assert decide(partition.state, TimerDue("w", run.run_id, step), NOW) == []


def test_deciding_writes_nothing() -> None:
    partition = Partition(cached_runs=0)
    run = partition.start(FIRST, scheduled(1), events.TimerStarted(2, NOW))
    before = partition.rows()
    inputs: list[Input] = [
        *requests().values(),
        start("terminate_existing"),
        ActivityResult("w", run.run_id, 1, 1, b"1"),
        TimerDue("w", run.run_id, 2),
    ]
    for given in inputs:
        decide(partition.state, given, NOW)
    assert partition.state.drain_writes() == {}
    assert partition.state.drain_effects() == []
    assert partition.rows() == before


# Pause and resume


def test_a_run_is_paused_once_and_a_request_that_comes_again_does_not_pause_it_anew() -> None:
    partition = Partition()
    pause, unpause = PauseRun("p", "w", "why", "ann"), UnpauseRun("u", "w", "done", "bob")
    run = partition.start(FIRST)
    assert decide(partition.state, unpause, NOW) == []
    paused = decide(partition.state, pause, NOW)
    assert paused == [events.RunPaused("p", "why", "ann")]
    run = partition.emit(run, events.RunPaused("p", "why", "ann"))
    assert (run.paused_at, run.pause_reason, run.paused_by, run.rests) == (run.last_at, "why", "ann", True)
    assert decide(partition.state, PauseRun("another", "w", "too", "bob"), NOW) == []
    assert decide(partition.state, unpause, NOW) == [events.RunUnpaused("u", "done", "bob")]
    run = partition.emit(run, events.RunUnpaused("u", "done", "bob"))
    assert (run.paused_at, run.pause_reason, run.paused_by, run.rests) == (None, "", "", False)
    assert decide(partition.state, pause, NOW) == []
    run = partition.emit(run, events.RunPaused("another", "too", "bob"))
    assert decide(partition.state, unpause, NOW) == []


def test_a_run_that_is_parked_and_paused_is_resumed_before_it_is_retried() -> None:
    partition = Partition()
    run = partition.start(FIRST, events.RunParked("bug", BOOM), events.RunPaused("p", "why", "ann"))
    assert short(decide(partition.state, RetryRun("r", "w"), NOW)) == "RunPaused"
    run = partition.emit(run, events.RunUnpaused("u", "done", "bob"))
    assert run.rests
    assert short(decide(partition.state, RetryRun("r", "w"), NOW)) == "RunResumed"
