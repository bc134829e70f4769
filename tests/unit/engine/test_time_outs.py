"""The four time-outs of an activity, heartbeats, and outcomes from outside, as decided and as applied."""

from __future__ import annotations

import msgspec
import pytest
from engine_inputs import BOOM, FIRST, short
from engine_states import NOW, Partition, scheduled

from sagaline._engine.decide import ActivityDue, decide, run_id_of
from sagaline._engine.effects import ForgetActivity, SetTimer
from sagaline._engine.emit import Emitter
from sagaline._engine.tables.activities import Watched
from sagaline._engine.task_queues import LATE_MS
from sagaline._model import events as e
from sagaline._model.records import ActivityResult, Heartbeat, SettleActivity

RUN = run_id_of(FIRST)
LIMITS = e.AttemptLimits(start_timeout_ms=500, total_timeout_ms=10_000, heartbeat_timeout_ms=1_000)


def partition_with(limits: e.AttemptLimits | None = LIMITS, queue: str = "", attempts: int = 3) -> Partition:
    partition = Partition()
    partition.start(FIRST, msgspec.structs.replace(scheduled(1, attempts), limits=limits, queue=queue))
    return partition


def emit(partition: Partition, *events: e.Event, at_ms: int) -> None:
    run = partition.state.run("w")
    assert run is not None
    partition.emit(run, *events, at_ms=at_ms)


def due(partition: Partition, at_ms: int, *, has_begun: bool = True) -> list[e.Event]:
    decision = decide(partition.state, ActivityDue("w", RUN, 1, has_begun), at_ms)
    assert isinstance(decision, list)
    return decision


def timers(partition: Partition) -> list[int]:
    return sorted(timer.due_at - NOW for _, timer in partition.state.timers.behind(b""))


def only_failure(decision: list[e.Event]) -> tuple[str, str]:
    (event,) = decision
    assert isinstance(event, e.ActivityFailed | e.ActivityAttemptFailed)
    return type(event).__name__, f"{event.failure.type}: {event.failure.message}"


def test_an_activity_without_limits_has_no_timer_and_no_time() -> None:
    partition = partition_with(None)
    row = partition.state.activity(RUN, 1)
    assert row is not None
    assert (timers(partition), row.watched) == ([], None)


def test_its_limits_are_timers_from_when_it_was_scheduled() -> None:
    assert timers(partition_with()) == [500, 10_000]


def test_one_that_has_not_begun_in_time_fails_for_good() -> None:
    partition = partition_with()
    assert due(partition, NOW + 499, has_begun=False) == []
    name, words = only_failure(due(partition, NOW + 500, has_begun=False))
    assert (name, words) == ("ActivityFailed", "StartTimeout: charge did not begin within 0.5 s (attempt 1)")


def test_that_one_has_begun_is_recorded_when_it_might_be_asked() -> None:
    partition = partition_with()
    begun = due(partition, NOW + 500)
    assert begun == [e.HeartbeatRecorded(1, 1)]
    emit(partition, *begun, at_ms=NOW + 500)
    assert due(partition, NOW + 5_000, has_begun=False) == [], "another owner knows it too"
    assert timers(partition) == [10_000]


def test_all_attempts_together_have_a_time() -> None:
    partition = partition_with()
    emit(partition, e.ActivityAttemptFailed(1, 1, BOOM, NOW + 3_000), at_ms=NOW + 2_000)
    assert timers(partition) == [3_000, 3_500, 10_000]
    name, words = only_failure(due(partition, NOW + 10_000))
    assert name == "ActivityFailed"
    assert words == "TotalTimeout: charge did not end, with all attempts and waits, within 10 s (attempt 2)"


def test_an_attempt_that_could_not_begin_in_time_is_not_waited_for() -> None:
    partition = partition_with()
    decision = decide(partition.state, ActivityResult("w", RUN, 1, 1, None, BOOM), NOW + 9_500)
    assert isinstance(decision, list)
    (event,) = decision
    assert isinstance(event, e.ActivityFailed)
    assert (event.failure.type, event.failure.cause) == ("TotalTimeout", BOOM)


def test_what_runs_is_stopped_when_the_activity_has_failed_for_good() -> None:
    partition = partition_with()
    run = partition.state.run("w")
    assert run is not None
    emitter = Emitter(partition.state, run, NOW + 10_000)
    for event in due(partition, NOW + 10_000):
        emitter.emit(event)
    assert partition.state.drain_effects() == [ForgetActivity(RUN, 1)]


@pytest.mark.parametrize("queue", ["", "gpu"])
def test_silence_is_the_owners_to_notice_when_the_attempt_runs_elsewhere(queue: str) -> None:
    partition = partition_with(queue=queue)
    beat = Heartbeat("w", RUN, 1, 1, b"[50]")
    emit(partition, *decide(partition.state, beat, NOW + 100), at_ms=NOW + 100)
    assert timers(partition) == ([1_100, 10_000, 10_100 + LATE_MS] if queue else [10_000]), (
        "the last is that of the attempt"
    )
    decision = due(partition, NOW + 1_100)
    if not queue:
        assert decision == [], "the runner sees it, to the millisecond"
        return
    name, words = only_failure(decision)
    assert (name, words) == (
        "ActivityAttemptFailed",
        "HeartbeatTimeout: charge gave no heartbeat within 1 s (attempt 1)",
    )
    emit(partition, *decision, at_ms=NOW + 1_100)
    row = partition.state.activity(RUN, 1)
    assert row is not None
    assert (row.attempt, row.watched) == (2, Watched(NOW, 0, b"[50]")), "the next attempt is given the last details"


def test_heartbeats_that_say_nothing_new_are_recorded_now_and_then() -> None:
    partition = partition_with(queue="gpu")
    beat = Heartbeat("w", RUN, 1, 1, b"[50]")
    emit(partition, *decide(partition.state, beat, NOW), at_ms=NOW)
    assert decide(partition.state, beat, NOW + 199) == []
    assert short(decide(partition.state, beat, NOW + 200)) == "HeartbeatRecorded"
    assert short(decide(partition.state, Heartbeat("w", RUN, 1, 1, b"[51]"), NOW + 1)) == "HeartbeatRecorded"
    assert decide(partition.state, Heartbeat("w", RUN, 1, 2, b"[52]"), NOW + 1) == [], "of another attempt"


def test_an_outcome_that_comes_from_outside_has_the_attempts_time() -> None:
    partition = partition_with(None)
    later = Heartbeat("w", RUN, 1, 1, None, awaited_until=NOW + 10_000)
    emit(partition, *decide(partition.state, later, NOW), at_ms=NOW)
    assert timers(partition) == [10_000]
    assert due(partition, NOW + 9_999) == []
    name, words = only_failure(due(partition, NOW + 10_000))
    assert (name, words) == ("ActivityAttemptFailed", "Timeout: charge did not end within 10 s (attempt 1)")


def settle(what: str, attempt: int = 1, request: str = "r") -> SettleActivity:
    return SettleActivity(request, "w", RUN, 1, attempt, what, b"[7]" if what == "heartbeat" else b"7")


def test_an_outcome_from_outside_counts_once_and_a_late_one_is_refused() -> None:
    partition = partition_with()
    decision = decide(partition.state, settle("complete"), NOW)
    assert decision == [e.OutcomeReceived(1, 1, "r"), e.ActivityCompleted(1, 1, b"7")]
    emit(partition, *decision, at_ms=NOW)
    assert decide(partition.state, settle("complete"), NOW) == [], "asked again, for the answer was lost"
    assert short(decide(partition.state, settle("complete", request="another"), NOW)) == "TokenUsed"
    assert timers(partition) == []


def test_a_token_of_an_attempt_that_was_given_up_is_refused() -> None:
    partition = partition_with()
    emit(partition, e.ActivityAttemptFailed(1, 1, BOOM, NOW + 1), at_ms=NOW)
    for what in ("complete", "fail", "heartbeat"):
        assert short(decide(partition.state, settle(what), NOW)) == "TokenExpired"
    assert short(decide(partition.state, settle("fail", attempt=2), NOW)) == "OutcomeReceived ActivityAttemptFailed"
    assert short(decide(partition.state, settle("heartbeat", attempt=2), NOW)) == "HeartbeatRecorded"
    assert short(decide(partition.state, settle("what", attempt=2), NOW)) == "InvalidRequest"


def test_nothing_is_left_of_an_activity_that_has_ended() -> None:
    partition = partition_with(queue="gpu")
    emit(partition, e.HeartbeatRecorded(1, 1, b"[1]", NOW + 700), at_ms=NOW)
    assert timers(partition) == [700, 1_000, 10_000, 10_000 + LATE_MS]
    emit(partition, e.ActivityCompleted(1, 1, b"1"), at_ms=NOW)
    assert timers(partition) == []


def test_a_limit_is_a_timer_of_the_host() -> None:
    partition = partition_with()
    run = partition.state.run("w")
    assert run is not None
    Emitter(partition.state, run, NOW + 1).emit(e.ActivityAttemptFailed(1, 1, BOOM, NOW + 3_000))
    due_at = [effect.due_at - NOW for effect in partition.state.drain_effects() if isinstance(effect, SetTimer)]
    assert due_at == [3_500], "that of all attempts is set already, once"


@pytest.mark.parametrize(("jitter", "least"), [(None, 900), (0, 1_000), (100, 0)])
def test_jitter_is_an_option(jitter: int | None, least: int) -> None:
    waits: set[int] = set()
    for step in range(1, 60):
        partition = Partition()
        limits = None if jitter is None else e.AttemptLimits(jitter=jitter)
        partition.start(FIRST, msgspec.structs.replace(scheduled(step), limits=limits))
        (event,) = decide(partition.state, ActivityResult("w", RUN, step, 1, None, BOOM), NOW)
        assert isinstance(event, e.ActivityAttemptFailed)
        waits.add(event.retry_at - NOW)
    assert least <= min(waits) <= max(waits) <= 1_000
    assert len(waits) > 10 or jitter == 0


def test_a_timer_is_written_once_and_deleted_once() -> None:
    """Rows of timers rely on that: of one that was written again a replay in one batch would keep a remnant."""
    partition = partition_with(queue="gpu")
    written: list[tuple[int, bool]] = []
    timers = partition.state.timers
    put, drop = timers.put, timers.drop
    timers.put = lambda due_at, *rest: (written.append((due_at, True)), put(due_at, *rest))[1]  # type: ignore[method-assign]
    timers.drop = lambda due_at, *rest: (written.append((due_at, False)), drop(due_at, *rest))[1]  # type: ignore[method-assign]
    emit(partition, e.HeartbeatRecorded(1, 1, b"[1]"), at_ms=NOW)
    emit(partition, e.HeartbeatRecorded(1, 1, b"[2]"), at_ms=NOW + 10)
    emit(partition, e.ActivityAttemptFailed(1, 1, BOOM, NOW + 50), at_ms=NOW + 20)
    emit(partition, e.ActivityDispatched(1, 2), at_ms=NOW + 50)
    emit(partition, e.HeartbeatRecorded(1, 2), at_ms=NOW + 60)
    emit(partition, e.ActivityCancelRequested(1), at_ms=NOW + 70)
    emit(partition, e.ActivityCompleted(1, 2, b"1"), at_ms=NOW + 80)
    assert len(written) == len(set(written)), written
