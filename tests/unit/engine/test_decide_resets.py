"""What a reset leads to, by the state that it meets; which events of a history will do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from engine_inputs import ENDS, FIRST, LATER, short
from engine_states import NOW, Partition, scheduled

from sagaline._engine import beginnings
from sagaline._engine.decide import Forked, Joined, Rejected, decide, run_id_of
from sagaline._engine.held import hold
from sagaline._engine.processors import reset as processor
from sagaline._engine.tables.runs import RunView
from sagaline._model import events as e
from sagaline._model.failure import Failure
from sagaline._model.forks import Fork
from sagaline._model.records import Refusal, ResetRun

BOOM = Failure("Boom", "no")
RESET = ResetRun("r", "w", "", 2, "a bad deploy", "ann")


def decided(partition: Partition, **changes: Any) -> Any:
    return decide(partition.state, msgspec.structs.replace(RESET, **changes), NOW)


def message_of(decision: Any) -> str:
    assert isinstance(decision, Rejected)
    return decision.failure.message


def two_steps(partition: Partition) -> RunView:
    """Events 1 and 2; 3 and 4; 5."""
    run = partition.start(FIRST, scheduled(1))
    run = partition.emit(run, e.ActivityCompleted(1, 1, b"1"), scheduled(2))
    return partition.emit(run, e.ActivityCompleted(2, 1, b"2"))


def fork_of(partition: Partition, **changes: Any) -> Fork:
    decision = decided(partition, **changes)
    assert isinstance(decision, Forked), decision
    return decision.fork


def test_a_reset_means_a_run_of_the_id() -> None:
    partition = Partition()
    assert short(decided(partition)) == "WorkflowNotFound"
    run = two_steps(partition)
    assert short(decided(partition, run_id="another")) == "WorkflowNotFound"
    for run_id in ("", run.run_id):
        decision = decided(partition, run_id=run_id, event_id=4)
        assert isinstance(decision, Forked)
        fork = decision.fork
        assert (fork.runs, fork.event_ids, fork.ended) == ((run.run_id,), (4,), run.run_id)
        assert (fork.request_id, fork.reason, fork.by, fork.delivered) == ("r", "a bad deploy", "ann", 0)
        assert fork.at > run.last_at
        assert decision.reset == e.RunReset(run_id_of(RESET), 2, fork)


def test_a_run_that_has_ended_gets_no_other_event() -> None:
    partition = Partition()
    partition.emit(two_steps(partition), ENDS["completed"])
    decision = decided(partition)
    assert isinstance(decision, Forked)
    assert (decision.reset, decision.fork.ended) == (None, "")


def test_an_event_that_will_not_do_is_refused_with_the_nearest_that_will() -> None:
    partition = Partition()
    two_steps(partition)
    for event_id, nearest in ((1, "is 2;"), (3, "are 2 and 4;"), (6, "is 5;"), (-1, "is 2;"), (2**31 - 1, "is 5;")):
        refused = decided(partition, event_id=event_id)
        assert short(refused) == "NoSuchPoint"
        assert f"event {event_id} is none. The nearest {nearest}" in message_of(refused)


def test_no_event_will_do_while_the_run_is_parked_or_paused_or_at_its_end() -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1))
    run = partition.emit(run, e.RunParked("bug", BOOM))
    run = partition.emit(run, e.RunResumed("w1"))
    run = partition.emit(run, e.RunPaused("p", "why", "ann"))
    run = partition.emit(run, e.ActivityCompleted(1, 1, b"1"))
    run = partition.emit(run, e.RunUnpaused("u", "why", "ann"))
    partition.emit(run, ENDS["completed"])
    records = list(beginnings.decoded(partition.state.records(run.run_id)))
    assert list(beginnings.points(records)) == [2, 4, 7]
    assert list(beginnings.points(msgspec.structs.replace(record, more=True) for record in records)) == []


def test_the_same_request_again_has_the_same_answer() -> None:
    partition = Partition()
    run = two_steps(partition)
    decision = decided(partition)
    assert isinstance(decision, Forked)
    assert decision.reset is not None
    partition.emit(run, decision.reset)
    assert decided(partition) == Joined("w", run_id_of(RESET))
    partition.state.refusals.put(7, 1, NOW, (Refusal("no", "w", BOOM),))
    assert decided(partition, request_id="no") == Rejected("no", "w", BOOM)


def test_an_open_run_that_is_not_of_its_chain_is_in_the_way() -> None:
    partition = Partition()
    old = partition.start(FIRST, ENDS["completed"])
    partition.start(LATER)
    assert short(decided(partition, run_id=old.run_id)) == "IdInUse"


def test_a_run_that_is_held_is_not_reset() -> None:
    partition = Partition()
    run = two_steps(partition)
    hold(partition.state, run, "newer")  # type: ignore[arg-type]
    assert short(decided(partition)) == "RunHeld"


def test_signals_and_outcomes_that_came_later_come_again() -> None:
    partition = Partition()
    run = partition.start(
        FIRST,
        e.ChildRequested(1, "c", "ship", b"[]", "terminate", "join"),
        e.MessageRequested(2, "t", "", "s", b"", ""),
    )
    run = partition.emit(run, e.SignalReceived("before", "s", b"[]"))
    run = partition.emit(
        run, e.SignalReceived("after", "s", b"[]"), e.ChildRequested(3, "d", "ship", b"[]", "terminate", "join")
    )
    partition.emit(run, e.ChildBegan(1, "c1"), e.ChildBegan(3, "d1"), e.MessageSettled(2), e.ChildEnded(1, "completed"))
    assert fork_of(partition, event_id=3).delivered == 2 + 3
    assert fork_of(partition, event_id=3, drop_signals=True).delivered == 3
    assert fork_of(partition, event_id=4).delivered == 4
    listed = beginnings.later(beginnings.Reading(partition.state), run, 4, False)
    assert [type(later.event).__name__ for later in listed] == [
        *("SignalReceived", "ChildBegan", "MessageSettled", "ChildEnded")
    ]


def test_what_came_to_the_runs_that_it_has_gone_on_as_comes_again_once() -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1))
    run = partition.emit(run, e.SignalReceived("one", "s", b"[]"))
    following = partition.emit(run, e.RunContinued("next", b"[]"))
    started = e.RunStarted("wf", b"[]", "request", "", 0, "accepted", run.run_id, run.run_id)
    partition.emit(
        following, started, e.SignalReceived("one", "s", b"[]"), e.SignalReceived("two", "s", b"[]"), at_ms=NOW + 9
    )
    decision = decided(partition, run_id=run.run_id)
    assert isinstance(decision, Forked)
    assert (decision.fork.delivered, decision.fork.ended) == (2, "next")
    assert decision.reset is not None
    assert decision.reset.steps == 0, "it is another run that ends: none of its children go on"


@pytest.mark.parametrize("event_id", [2, 4])
def test_a_step_that_was_undone_since_does_not_stand(event_id: int) -> None:
    partition = Partition()
    run = partition.start(FIRST, e.TimerStarted(1, NOW + 5))
    run = partition.emit(run, e.TimerFired(1), scheduled(2))
    run = partition.emit(run, e.ActivityFailed(2, 1, BOOM), msgspec.structs.replace(scheduled(3), compensates=2))
    partition.emit(run, e.ActivityCompleted(3, 1, b"1"), e.RunFailed(BOOM, True))
    if event_id == 2:
        assert isinstance(decided(partition, event_id=2), Forked)
        return
    refused = decided(partition, event_id=4)
    assert short(refused) == "StepsUndone"
    assert "Reset it to event 2 or before." in message_of(refused)


def test_what_a_copied_event_has_undone_is_of_the_run_that_had_it_also_when_that_is_retired() -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1))
    copied = Fork(("retired",), (4,), NOW, "r1", "why", "ann", False, 0, "")
    row: Any = msgspec.structs.replace(run, fork=copied)  # type: ignore[type-var]
    row = partition.emit(row, e.ActivityCompleted(1, 1, b"1"), msgspec.structs.replace(scheduled(2), compensates=1))
    partition.emit(row, e.ActivityCompleted(2, 1, b"1"), e.RunFailed(BOOM, True))
    base = partition.state.run("w")
    assert base is not None
    found = beginnings.undone_since(beginnings.Reading(partition.state), base, 3)
    assert found is not None
    assert (found.step, found.asked_at) == (1, 2)


def test_a_step_that_another_fork_has_undone_does_not_stand_either() -> None:
    partition = Partition()
    partition.emit(two_steps(partition), ENDS["completed"])
    base = partition.state.run("w")
    assert base is not None
    reading = beginnings.Reading(partition.state)
    assert beginnings.undone_since(reading, base, 4) is None
    undo = msgspec.structs.replace(scheduled(3), compensates=1, compensates_run=base.run_id)
    fork = Fork((base.run_id,), (4,), NOW + 50, "r1", "why", "ann", False, 0, "")
    other = Partition().start(FIRST)  # a row to begin with
    row: Any = msgspec.structs.replace(other, run_id="other", fork=fork, next_event_id=5, started_at=NOW + 50)  # type: ignore[type-var]
    partition.state.runs.begin(row)
    partition.state.forked.put(row, fork)
    partition.emit(row, undo, ENDS["completed"])
    found = beginnings.undone_since(beginnings.Reading(partition.state), base, 4)
    assert found is not None
    assert (found.step, found.asked_at) == (1, 2)
    assert short(decided(partition, run_id=base.run_id, event_id=4)) == "StepsUndone"


@pytest.mark.parametrize(
    "asked",
    [e.ChildRequested(1, "c", "ship", b"[]", "terminate", "join"), e.MessageRequested(1, "t", "", "s", b"", "")],
)
def test_an_ended_run_that_left_children_or_messages_is_reset_to_before_them(asked: e.Event) -> None:
    partition = Partition()
    run = partition.start(FIRST, e.TimerStarted(2, NOW + 5))
    run = partition.emit(run, asked)
    assert isinstance(decided(partition, event_id=3), Forked), "open, they go on with the new run"
    partition.emit(run, ENDS["completed"])
    refused = decided(partition, event_id=3)
    assert short(refused) == "StepsLeft"
    assert "The nearest is 2;" in message_of(refused)
    assert isinstance(decided(partition, event_id=2), Forked)


def test_what_a_reset_reads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition()
    two_steps(partition)
    monkeypatch.setattr(beginnings, "RESET_EVENTS", 4)
    assert short(decided(partition)) == "TooLong"
    monkeypatch.setattr(beginnings, "RESET_EVENTS", 5)
    assert isinstance(decided(partition), Forked)
    monkeypatch.setattr(beginnings, "RESET_BYTES", 100)
    assert short(decided(partition)) == "TooLong"


def test_what_comes_again_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition()
    partition.emit(two_steps(partition), e.SignalReceived("one", "s", b"[]"), e.SignalReceived("two", "s", b"[]"))
    monkeypatch.setattr(processor, "REDELIVERED", 1)
    assert short(decided(partition)) == "TooManyLater"
    assert isinstance(decided(partition, drop_signals=True), Forked)


def test_a_fork_of_a_fork_says_whose_each_event_is() -> None:
    partition = Partition()
    run = two_steps(partition)
    first = fork_of(partition, event_id=2)
    base: Any = msgspec.structs.replace(run, run_id="second", fork=first)  # type: ignore[type-var]
    fork = processor._fork(base, base, msgspec.structs.replace(RESET, event_id=4), NOW, 0)
    assert (fork.runs, fork.event_ids) == ((run.run_id, "second"), (2, 4))
    assert [fork.run_at(event_id) for event_id in (1, 2, 3, 4, 5)] == [run.run_id, run.run_id, "second", "second", ""]
    earlier = processor._fork(base, base, msgspec.structs.replace(RESET, event_id=1), NOW, 0)
    assert [earlier.run_at(event_id) for event_id in (1, 2)] == [run.run_id, ""]
    many: Any = msgspec.structs.replace(
        base, fork=msgspec.structs.replace(first, runs=("x",) * 50, event_ids=(2,) * 50)
    )
    assert processor._why_not_now(many, many) is not None
