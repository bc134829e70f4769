"""What an undo leads to, by the state that it meets; and what is left to undo."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from engine_inputs import ENDS, FIRST, LATER, short
from engine_states import NOW, Partition, scheduled

from sagaline._engine import beginnings
from sagaline._engine.beginning_rows import new_run
from sagaline._engine.decide import Joined, Rejected, Undone, decide, run_id_of
from sagaline._engine.held import hold
from sagaline._engine.ledger import ledger_of
from sagaline._engine.tables.runs import RunView
from sagaline._engine.undoing import to_undo
from sagaline._model import events as e
from sagaline._model.failure import Failure
from sagaline._model.ids import step_keys, undo_run_of
from sagaline._model.records import Refusal, UndoRun
from sagaline._model.sagas import Undo

UNDO = UndoRun("u", "w", "", "sent back", "ann")
BOOM = Failure("Boom", "no")


def step(number: int, **changes: Any) -> e.ActivityScheduled:
    """A step of the run's own scope, with a compensation."""
    return msgspec.structs.replace(
        scheduled(number), compensation="release", saga=e.SagaStep(takes_result=True), **changes
    )


def undoing(number: int, of: int, **changes: Any) -> e.ActivityScheduled:
    return msgspec.structs.replace(
        scheduled(number), activity="release", compensates=of, outcome="completed", **changes
    )


def decided(partition: Partition, **changes: Any) -> Any:
    return decide(partition.state, msgspec.structs.replace(UNDO, **changes), NOW)


def two_steps(partition: Partition, *events: e.Event, at_ms: int = NOW) -> RunView:
    run = partition.start(FIRST, step(1), at_ms=at_ms)
    run = partition.emit(run, e.ActivityCompleted(1, 1, b'"r"'), step(2), at_ms=at_ms)
    return partition.emit(run, e.ActivityCompleted(2, 1, b"null"), *events, at_ms=at_ms)


def undo_run(partition: Partition, run: RunView, *events: e.Event) -> RunView:
    """The run that undoes it has begun."""
    decision = decided(partition, run_id=run.run_id)
    assert isinstance(decision, Undone), decision
    started, at_ms = e.RunStarted("pay", b"[]", "u", "", 0, ""), run.last_at + 1
    begun = new_run("w", undo_run_of(run.run_id), started, at_ms)
    return partition.emit(begun, started, e.LedgerInherited(2, b"[]"), decision.requested, *events, at_ms=at_ms)


@pytest.mark.parametrize("end", list(ENDS))
def test_a_run_that_has_ended_is_undone_by_another(end: str) -> None:
    partition = Partition()
    run = two_steps(partition, ENDS[end])
    for run_id in ("", run.run_id):
        decision = decided(partition, run_id=run_id)
        assert isinstance(decision, Undone)
        assert (decision.run_id, decision.elsewhere) == (run.run_id, frozenset())
        assert decision.requested == e.UndoRequested("u", "sent back", "ann", run.run_id, 0, NOW + 1)
    assert short(decided(partition, terminates=True)) == "RunEnded"


def test_an_open_run_is_undone_itself() -> None:
    partition = Partition()
    two_steps(partition)
    assert short(decided(partition)) == "RunOpen"
    assert decided(partition, terminates=True) == [e.UndoRequested("u", "sent back", "ann")]


def test_a_parked_or_paused_run_goes_on_with_the_undoing() -> None:
    partition = Partition()
    run = two_steps(partition, e.RunPaused("p", "wait", "ann"), e.RunParked("bug", BOOM))
    assert run.rests
    run = partition.emit(run, *decided(partition, terminates=True))
    assert (run.rests, run.status, run.failure, run.parked_at, run.paused_by) == (False, "running", None, None, "")
    assert decided(partition, terminates=True, request_id="again") == Joined("w", run.run_id)
    run = partition.emit(run, ENDS["compensated"])
    assert decided(partition, request_id="again") == Joined("w", run.run_id)
    assert decided(partition, terminates=True) == Joined("w", run.run_id), "the same answer"


def test_what_cannot_be_undone_is_refused() -> None:
    partition = Partition()
    assert short(decided(partition)) == "WorkflowNotFound"
    run = two_steps(partition)
    assert short(decided(partition, run_id="another")) == "WorkflowNotFound"
    row: Any = run
    partition.state.refusals.put(7, 0, NOW, (Refusal("refused", "w", BOOM, ""),))
    assert short(decided(partition, request_id="refused")) == "Boom"
    partition.emit(run, ENDS["completed"])
    partition.start(LATER, at_ms=NOW + 5)
    refused = decided(partition, run_id=row.run_id)
    assert (short(refused), run_id_of(LATER) in refused.failure.message) == ("IdInUse", True)


def test_a_run_that_is_held_is_left_alone() -> None:
    partition = Partition()
    row: Any = two_steps(partition)
    hold(partition.state, row, "X in version 9")
    partition.settle()
    assert short(decided(partition, terminates=True)) == "RunHeld"


@pytest.mark.parametrize("outcome", ["done", "under way", "no"])
def test_behind_a_pivot_nothing_is_undone(outcome: str) -> None:
    partition = Partition()
    pivot = msgspec.structs.replace(scheduled(3), activity="capture", saga=e.SagaStep(kind="pivot"))
    events = [pivot]
    if outcome != "under way":
        said_no = e.ActivityFailed(3, 1, Failure("Declined", "no", clean=True))
        events.append(e.ActivityCompleted(3, 1, b"1") if outcome == "done" else said_no)
    run = two_steps(partition, *events)
    expected = "UndoRequested" if outcome == "no" else "PivotCrossed"
    assert short(decided(partition, terminates=True)) == expected
    partition.emit(run, ENDS["terminated"])
    decision = decided(partition)
    assert isinstance(decision, Undone) if outcome == "no" else "capture" in decision.failure.message


def test_a_run_that_has_left_nothing_is_not_undone() -> None:
    partition = Partition()
    run = partition.start(FIRST, scheduled(1), step(2))
    clean = Failure("No", "no", clean=True)
    partition.emit(run, e.ActivityCompleted(1, 1, b"1"), e.ActivityFailed(2, 1, clean), ENDS["failed"])
    assert short(decided(partition)) == "NothingToUndo"
    other = Partition()
    two_steps(
        other, undoing(3, 2), undoing(4, 1), *(e.ActivityCompleted(n, 1, b"null") for n in (3, 4)), ENDS["failed"]
    )
    assert short(decided(other)) == "NothingToUndo"


def test_more_than_the_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from sagaline._engine.processors import undo

    partition = Partition()
    two_steps(partition, ENDS["completed"])
    monkeypatch.setattr(undo, "CARRIED_STEPS", 1)
    assert short(decided(partition)) == "TooManySteps"
    monkeypatch.setattr(beginnings, "RESET_EVENTS", 3)
    assert short(decided(partition)) == "TooLong"


def test_it_waits_for_attempts_that_may_still_run() -> None:
    partition = Partition()
    run = two_steps(partition, step(3, timeout_ms=7_000))
    partition.emit(run, ENDS["terminated"], at_ms=NOW + 50)
    assert decided(partition).requested.begins_at == NOW + 50 + 7_000


def test_a_run_is_undone_once() -> None:
    partition = Partition()
    run = two_steps(partition, e.RunCompleted(b"1", kept_ms=500))
    behind = undo_run(partition, run)
    for run_id, request_id in ((run.run_id, "another"), (run.run_id, "u"), (behind.run_id, "u")):
        assert decided(partition, run_id=run_id, request_id=request_id) == Joined("w", behind.run_id)
    assert short(decided(partition, run_id=behind.run_id, request_id="another")) == "UndoOfUndo"
    behind = partition.emit(behind, ENDS["compensated"], at_ms=NOW + 2)
    assert behind.closed_at is not None
    assert behind.closed_at + behind.kept_ms == NOW + 500 + 1, "it stays for longer than the other"
    assert decided(partition, run_id=run.run_id, request_id="another") == Joined("w", behind.run_id)


def test_one_that_was_ended_half_way_is_finished_by_another() -> None:
    partition = Partition()
    run = two_steps(partition, ENDS["completed"])
    began = undoing(1, 2, compensates_run=run.run_id)
    behind = undo_run(partition, run, began, e.ActivityCompleted(1, 1, b"null"))
    partition.emit(behind, ENDS["terminated"], at_ms=NOW + 2)
    decision = decided(partition, run_id=run.run_id, request_id="another")
    assert isinstance(decision, Undone)
    assert decision.run_id == behind.run_id
    inherited = [Undo(run.run_id, n, "reserve", "completed", "release", msgspec.Raw(b"[]")) for n in (1, 2)]
    assert to_undo(decision.ledger, inherited, lambda _: "") == inherited[:1]


def test_a_run_that_was_undone_is_not_reset() -> None:
    from sagaline._model.records import ResetRun

    partition = Partition()
    run = two_steps(partition)
    partition.emit(run, *decided(partition, terminates=True))
    assert short(decide(partition.state, ResetRun("r", "w", "", 2, "why"), NOW)) == "BeingUndone"


def left_of(partition: Partition, fallback: str = "") -> list[Undo]:
    decision = decided(partition)
    assert isinstance(decision, Undone), decision
    return to_undo(decision.ledger, (), lambda _: fallback)


def test_what_is_left_to_undo_of_a_run() -> None:
    partition = Partition()
    run = two_steps(partition, step(3, input=b'["c"]'), ENDS["terminated"])
    first, second, third = left_of(partition, "call_them")
    assert (first.run_id, first.step, first.outcome, bytes(first.input)) == (run.run_id, 1, "completed", b'["r"]')
    assert (second.step, bytes(second.input), second.fallback) == (2, b"[null]", "call_them")
    assert (third.step, third.outcome, bytes(third.input)) == (3, "unknown", b'["c",null]')


@pytest.mark.parametrize(
    ("began", "outcome", "expected"),
    [
        ("release", None, ("release", "call_them", 3)),
        ("release", e.ActivityFailed(3, 1, BOOM), ("call_them", "", 0)),
        ("call_them", None, ("call_them", "", 3)),
        ("call_them", e.ActivityFailed(3, 1, BOOM), ("call_them", "", 3)),
    ],
)
def test_what_had_begun_to_undo_a_step_is_called_again_under_its_key(
    began: str, outcome: e.Event | None, expected: tuple[str, str, int]
) -> None:
    partition = Partition()
    events = [msgspec.structs.replace(undoing(3, 2), activity=began), *([] if outcome is None else [outcome])]
    run = two_steps(partition, *events, ENDS["terminated"])
    again = left_of(partition, "call_them")[-1]
    assert (again.compensation, again.fallback, again.begun) == expected
    call = undoing(1, 2, compensates_run=run.run_id, saga=e.SagaStep(begun=again.begun) if again.begun else None)
    key = f"{run.run_id}/3" if again.begun else f"{run.run_id}/2/compensation"
    assert step_keys(call, "another") == (key, f"{run.run_id}/2")


def test_a_ledger_knows_which_run_the_steps_of_a_copy_are_of() -> None:
    partition = Partition()
    run = two_steps(partition, ENDS["completed"])
    fork = e.Fork((run.run_id,), (4,), NOW, "r", "why", "", False, 0, "")
    first = e.RunStarted("pay", b"[1]", "r", "", 0, "", fork=fork)
    (record, *others) = beginnings.decoded(partition.state.records(run.run_id))
    copied = [msgspec.structs.replace(record, run_id="fork", events=(first, *record.events[1:]))]
    copied += [msgspec.structs.replace(other, run_id="fork") for other in others]
    undone = undoing(4, 1, compensates_run=run.run_id)
    own = msgspec.structs.replace(copied[-1], first_event_id=8, events=(step(3), undone))
    ledger = ledger_of([*copied, own])
    assert [(entry.run_id, entry.of_run) for entry in ledger.entries.values()] == [
        ("fork", run.run_id),
        ("fork", run.run_id),
        ("fork", "fork"),
    ]
    assert ledger.entries[1].undo is not None, "under the key of the run that it is of"
    assert not ledger.undos
    assert isinstance(decided(partition), Undone)
    assert not isinstance(decided(partition), Rejected)
