"""What a fork is before and behind the last record of its copy: rows, effects, and whose steps it has."""

from __future__ import annotations

from typing import Any

import msgspec
from engine_inputs import FIRST
from engine_states import EPOCH, NOW, Partition, scheduled

from sagaline._engine.apply import apply_history
from sagaline._engine.beginnings import decoded
from sagaline._engine.decide import Forked, decide, run_id_of
from sagaline._engine.family import addressed, is_settled
from sagaline._engine.tables.activities import StartActivity
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._engine.tables.runs import RunView
from sagaline._engine.tables.timers import SetTimer
from sagaline._model import events as e
from sagaline._model.codec import decode, encode
from sagaline._model.failure import Failure
from sagaline._model.forks import Fork
from sagaline._model.ids import child_request_id
from sagaline._model.records import ChildReport, History, ResetRun, SignalRun, StartRun

CHILD = e.ChildRequested(3, "c", "ship", b"[]", "terminate", "join")
MESSAGES = [e.MessageRequested(step, "t", "", "s", b"[]", "") for step in (4, 5)]


class Resetting:
    """A run of two records, of events 1 to 6 and 7, that is reset behind the second."""

    def __init__(self) -> None:
        self.partition = Partition()
        self.state = self.partition.state
        run = self.partition.start(FIRST, scheduled(1), e.TimerStarted(2, NOW + 500), CHILD, *MESSAGES)
        run = self.partition.emit(run, e.ActivityAttemptFailed(1, 1, Failure("Boom", "no"), NOW + 9), at_ms=NOW + 5)
        self.base = self.partition.emit(run, scheduled(6), at_ms=NOW + 6)
        self.fork_id, self.fork = "", Fork((), (), 0, "", "", "", False, 0, "")

    def reset(self, event_id: int = 7, name: str = "r") -> None:
        """Ends the newest run; the other is there, and has no record."""
        request = ResetRun(name, "w", "", event_id, "why", "ann")
        decision = decide(self.state, request, NOW + 50)
        assert isinstance(decision, Forked)
        assert decision.reset is not None
        self.fork_id, self.fork = run_id_of(request), decision.fork
        self.partition.emit(self.run("w"), decision.reset, at_ms=NOW + 50)

    def copies(self) -> list[History]:
        """The records of the other run's history up to the event, as those of the fork."""
        records = list(decoded(self.state.records(self.fork.run_id)))
        first = records[0].events[0]
        assert isinstance(first, e.RunStarted)
        events = (msgspec.structs.replace(first, fork=self.fork), *records[0].events[1:])
        records[0] = msgspec.structs.replace(records[0], events=events)
        kept = [record for record in records if record.first_event_id <= self.fork.event_id]
        return [msgspec.structs.replace(record, run_id=self.fork_id, epoch=EPOCH) for record in kept]

    def copy(self, record: History) -> list[Any]:
        """Applies a record; returns the effects."""
        assert apply_history(self.state, record, encode(record))
        effects = self.state.drain_effects()
        self.sends = self.state.drain_offset_rows()
        self.partition.settle()
        return effects

    def run(self, workflow_id: str) -> RunView:
        run = self.state.run(workflow_id)
        assert run is not None
        return run


def test_nothing_of_a_copy_counts_before_all_of_it_is_there() -> None:
    resetting = Resetting()
    resetting.reset()
    run = resetting.run("w")
    assert (run.run_id, run.is_pending, run.is_unfinished) == (resetting.fork_id, True, True)
    first, second = resetting.copies()
    assert resetting.copy(first) == []
    run = resetting.run("w")
    assert (run.next_event_id, run.copies, run.is_unfinished, run.is_pending) == (7, True, True, False)
    assert list(resetting.state.open_steps(run)) == []
    assert run.waits_for_owner == "cut off", "whoever owns the partition next goes on with it"

    effects = resetting.copy(second)
    run = resetting.run("w")
    assert (run.next_event_id, run.copies, run.is_unfinished, run.waits_for_owner) == (8, False, False, "")
    assert resetting.sends is None, "it was sent by the other run"
    activity, timer = effects
    assert isinstance(activity, StartActivity)
    assert (activity.run_id, activity.row.attempt, activity.row.retry_at) == (run.run_id, 2, NOW + 9)
    assert activity.row.asked_by == resetting.base.run_id, "its key stays"
    assert timer == SetTimer(NOW + 500, "w", run.run_id, 2)
    assert run.last_at == resetting.fork.at
    assert run.open_steps == 5
    assert not list(resetting.state.open_steps(resetting.base)), "the other waits for nothing any more"


def test_a_late_copy_of_a_record_is_skipped() -> None:
    resetting = Resetting()
    resetting.reset()
    first, second = resetting.copies()
    resetting.copy(first)
    assert not apply_history(resetting.state, first, encode(first))
    resetting.copy(second)
    rows = resetting.partition.rows()
    assert not apply_history(resetting.state, second, encode(second))
    resetting.partition.settle()
    assert resetting.partition.rows() == rows


def test_what_was_asked_for_by_the_other_run_is_reported_to_the_newest_fork() -> None:
    resetting = Resetting()
    base = resetting.base.run_id
    reports = {step: ChildReport("w", base, step, "c", "c1", "received") for step in (3, 4, 6)}
    for name in ("r1", "r2"):
        resetting.reset(name=name)
        for record in resetting.copies():
            resetting.copy(record)
        assert [addressed(resetting.state, report).run_id for report in reports.values()] == [
            resetting.fork_id,
            resetting.fork_id,
            base,
        ], "step 6 is none of the fork's"


def test_messages_keep_their_ids_and_the_next_leaves_when_the_first_has_arrived() -> None:
    resetting = Resetting()
    resetting.reset()
    assert resetting.partition.state.outgoing.get(resetting.base.run_id, 4) is None
    for record in resetting.copies():
        resetting.copy(record)
    run = resetting.run("w")
    settled = resetting.partition.emit(run, e.MessageSettled(4), at_ms=run.last_at)
    waiting = resetting.state.message(settled.run_id, 5)
    assert waiting is not None
    assert waiting.sent
    request = decode(waiting.value)
    assert isinstance(request, SignalRun)
    assert (request.request_id, request.sender_run_id) == (f"message/{resetting.base.run_id}/5", resetting.base.run_id)


def test_a_message_leaves_for_as_long_as_a_fork_waits_also_when_the_run_that_asked_is_gone() -> None:
    """Found by the simulation (seed 1767): the next message of a fork to a run never left, for its sender was retired."""
    resetting = Resetting()
    resetting.reset()
    for record in resetting.copies():
        resetting.copy(record)
    state, run = resetting.state, resetting.run("w")
    run = resetting.partition.emit(run, e.MessageSettled(4), at_ms=run.last_at)
    waiting = state.message(run.run_id, 5)
    assert waiting is not None
    row = OutboxRow("commands", BY_KEY, b"t", waiting.value)
    assert not is_settled(state, row)
    base = state.runs.by_id("w", resetting.base.run_id)
    assert base is not None
    state.remove_run(base)
    assert not is_settled(state, row)
    resetting.partition.emit(run, e.MessageSettled(5), at_ms=run.last_at)
    assert is_settled(state, row)


def test_a_child_is_asked_for_until_the_newest_fork_knows_of_it_also_when_that_is_not_there_yet() -> None:
    """Found by the simulation (seed 2657): between two resets one behind the other, the start of a child that had not
    left yet was taken for one of a parent that has ended, and never left."""
    resetting = Resetting()
    state, base = resetting.state, resetting.base.run_id
    request = StartRun(child_request_id(base, 3), "c", "ship", b"[]", parent_id="w", parent_run_id=base, parent_step=3)
    row = OutboxRow("commands", BY_KEY, b"c", encode(request))
    for name in ("r1", "r2"):
        assert not is_settled(state, row)
        resetting.reset(name=name)
        assert not is_settled(state, row)
        for record in resetting.copies():
            resetting.copy(record)
            assert not is_settled(state, row)
    run = resetting.run("w")
    resetting.partition.emit(run, e.ChildBegan(3, "c1"), at_ms=run.last_at)
    assert is_settled(state, row)


def test_steps_behind_the_copy_are_its_own() -> None:
    resetting = Resetting()
    resetting.reset()
    for record in resetting.copies():
        resetting.copy(record)
    run = resetting.partition.emit(resetting.run("w"), scheduled(6), at_ms=NOW + 60)
    row = resetting.state.activity(run.run_id, 6)
    assert row is not None
    assert row.asked_by == ""


def test_forks_are_known_until_they_are_retired() -> None:
    resetting = Resetting()
    resetting.reset()
    for record in resetting.copies():
        resetting.copy(record)
    first = resetting.fork_id
    resetting.reset(name="again")
    for record in resetting.copies():
        resetting.copy(record)
    base = resetting.base.run_id
    assert resetting.state.forks(base) == [first, resetting.fork_id]
    assert resetting.state.forks(first) == [resetting.fork_id]
    row = resetting.state.runs.by_id("w", resetting.fork_id)
    assert row is not None
    resetting.state.remove_run(row)
    assert resetting.state.forks(base) == [first]
