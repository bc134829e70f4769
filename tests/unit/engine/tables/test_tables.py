"""Rows of each table: written, read in order, and gone when nothing needs them."""

from __future__ import annotations

import random

import pytest
from engine_states import NOW, Partition, scheduled

from sagaline._engine.changes import Changes
from sagaline._engine.overlay import Overlay
from sagaline._engine.tables import ONCE_PREFIXES
from sagaline._engine.tables.activities import ActivityRow
from sagaline._engine.tables.attention import CUT_OFF, Attention
from sagaline._engine.tables.history import RunHistory
from sagaline._engine.tables.invalid import InvalidRecords
from sagaline._engine.tables.numbered import numbered_key, numbered_of
from sagaline._engine.tables.positions import CoverPositions, PositionsRecords
from sagaline._engine.tables.refusals import RefusalsRecord, RefusedRequests
from sagaline._engine.tables.remnants import Remnant, Remnants
from sagaline._engine.tables.timers import Timers, timer_key, timer_of
from sagaline._model import events
from sagaline._model.failure import Failure
from sagaline._model.keys import history_key
from sagaline._model.records import PARKED, Refusal, StartRun
from sagaline._store.memory import MemoryStore

RUN = "a" * 32
REFUSED = Failure("Refused", "why", retryable=False)


@pytest.fixture
def changes() -> Changes:
    return Changes(Overlay(MemoryStore()))


def left(changes: Changes) -> list[bytes]:
    return [key for key, _ in changes.scan(b"")]


def test_timers_are_read_by_time_from_any_place(changes: Changes, seed: int) -> None:
    chance = random.Random(seed)
    due = [(chance.randrange(2**44), f"w{number}", RUN, number) for number in range(50)]
    timers = Timers(changes)
    for item in due:
        timers.put(*item)
    read = list(timers.behind(b""))
    assert [(timer.due_at, timer.workflow_id, timer.run_id, timer.step) for _, timer in read] == sorted(due)
    assert [timer for _, timer in timers.behind(read[20][0])] == [timer for _, timer in read[21:]]
    assert all(timer_of(key) == (timer.due_at, timer.run_id, timer.step) for key, timer in read)
    for due_at, _, run_id, step in due:
        timers.drop(due_at, run_id, step)
    assert left(changes) == []


def test_an_activity_that_comes_and_goes_before_its_writes_are_drained_has_none() -> None:
    """Nor is it encoded: most that recovery reads do."""
    partition = Partition()
    run = partition.start(StartRun("r", "w", "pay", b"[]"))
    state = partition.state
    row = state.runs.newest("w")
    assert row is not None
    state.activities.put(row, ActivityRow("w", scheduled(1)))
    state.activities.put(row, ActivityRow("w", scheduled(2)))
    assert [found.row.scheduled.step for found in state.activities.of(run.run_id)] == [1, 2], "a scan sees it"
    state.activities.put(row, ActivityRow("w", scheduled(3)))
    third = state.activity(run.run_id, 3)
    assert third is not None
    state.activities.drop(row, third)
    keys = list(state.drain_writes())
    assert not [key for key in keys if key.endswith(b"00000003")]
    assert row.open_steps == 2


@pytest.mark.parametrize("cached", [0, 1, 100])
def test_an_activity_is_read_as_it_was_written_however_few_are_cached(cached: int) -> None:
    partition = Partition(cached)
    run = partition.start(StartRun("r", "w", "pay", b"[]"), *(scheduled(step) for step in range(1, 6)))
    failure = Failure("Boom", "why")
    run = partition.emit(run, events.ActivityAttemptFailed(2, 1, failure, NOW + 5))
    run = partition.emit(run, events.ActivityAttemptFailed(2, 2, failure, NOW + 9))
    row = partition.state.activity(run.run_id, 2)
    assert row is not None
    assert (row.attempt, row.retry_at) == (3, NOW + 9)
    assert [timer.due_at for _, timer in partition.state.timers.behind(b"")] == [NOW + 9], "one wait at a time"
    steps = [found.row.scheduled.step for found in partition.state.activities.all()]
    assert steps == [1, 2, 3, 4, 5]
    partition.emit(run, *(events.ActivityCompleted(step, 1, b"") for step in range(1, 6)))
    assert {key[:2] for key in partition.rows()} == {b"r/", b"h/"}


def test_records_of_a_run_are_read_in_order_and_by_page(changes: Changes) -> None:
    history = RunHistory(changes)
    for first, epoch in ((1, 7), (20, 300), (3, 7), (1_000, 300)):
        history.put(RUN, first, epoch, b"%d" % first)
        history.put("b" * 32, first, epoch, b"other")
    assert list(history.records(RUN)) == [b"1", b"3", b"20", b"1000"]
    assert history.keys("w", RUN)[2] == history_key("w", RUN, 20, 300)
    assert [value for _, value in history.pages(RUN, b"", 1_000)] == [b"1", b"3", b"20"]
    first_key = next(history.pages(RUN, b"", 1_000))[0]
    assert [value for _, value in history.pages(RUN, first_key, 20)] == [b"3"]
    assert list(history.records(RUN, 20)) == [b"20", b"1000"]
    assert history.count(RUN) == 4
    assert history.has(RUN, 20, 300)
    assert not history.has(RUN, 20, 7), "that would be a zombie's"
    for first, epoch in ((1, 7), (20, 300), (3, 7), (1_000, 300)):
        history.drop(RUN, first, epoch)
    assert history.count(RUN) == 0
    assert history.count("b" * 32) == 4


def test_a_request_that_is_refused_twice_is_known_by_the_later_record(changes: Changes) -> None:
    table = RefusedRequests(changes)
    again = Failure("Again", "why", retryable=False)
    table.put(7, 1, NOW, [Refusal("a", "w", REFUSED), Refusal("b", "w", REFUSED)])
    table.put(7, 2, NOW + 1, [Refusal("a", "w", again)])
    assert list(table.records()) == [RefusalsRecord(NOW, 7, 1), RefusalsRecord(NOW + 1, 7, 2)]
    table.drop(7, 1)
    table.drop(7, 1)
    assert table.get("b") is None
    refusal = table.get("a")
    assert refusal is not None
    assert refusal.failure == again
    assert (table.has_record(7, 1), table.has_record(7, 2)) == (False, True)
    table.drop(7, 2)
    assert left(changes) == []


def test_records_of_positions_are_in_the_order_in_which_they_were_written(changes: Changes) -> None:
    table = PositionsRecords(changes)
    numbers = [(300, 1), (7, 20), (7, 3), (4096, 0)]
    for number in numbers:
        table.put(*number)
    assert list(table.all()) == sorted(numbers)
    assert changes.drain_effects() == [CoverPositions(*number) for number in numbers]
    assert [numbered_of(numbered_key(b"p/", *number)) for number in numbers] == numbers
    for number in [*numbers, (1, 1)]:
        table.drop(*number)
    assert left(changes) == []


def test_invalid_records_and_remnants_stay_until_they_have_their_tombstones(changes: Changes) -> None:
    invalid, remnants = InvalidRecords(changes), Remnants(changes)
    for key in (b"w/x", b"a", b"\xff"):
        invalid.put(key)
    assert list(invalid.keys()) == [b"a", b"w/x", b"\xff"]
    remnants.put("w", RUN, 2)
    remnants.put("w", "b" * 32, 1)
    assert list(remnants.runs()) == [Remnant("w", RUN), Remnant("w", "b" * 32)]
    assert (remnants.left(RUN), remnants.left("c" * 32)) == (2, None)
    for key in (b"w/x", b"a", b"\xff", b"never there"):
        invalid.drop(key)
    for run_id in (RUN, "b" * 32, "c" * 32):
        remnants.put("w", run_id, 0)
    assert left(changes) == []


def test_runs_for_an_owners_attention_are_known_by_what_they_need(changes: Changes) -> None:
    attention = Attention(changes)
    for workflow_id in ("b", "a", "ü/\0"):
        attention.move(workflow_id, "", PARKED)
    attention.move("c", "", CUT_OFF)
    assert list(attention.parked()) == ["a", "b", "ü/\0"]
    assert list(attention.parked("a")) == ["b", "ü/\0"]
    assert list(attention.cut_off()) == ["c"]
    attention.move("c", CUT_OFF, PARKED)
    assert list(attention.parked("b")) == ["c", "ü/\0"]
    for workflow_id in ("a", "b", "c", "ü/\0"):
        attention.move(workflow_id, PARKED, "")
    assert left(changes) == []


@pytest.mark.parametrize("cached", [0, 2, 100])
def test_runs_are_read_as_they_were_written_however_few_are_cached(cached: int) -> None:
    partition = Partition(cached)
    for number in range(6):
        run = partition.start(StartRun(f"r{number}", f"w{number}", "pay", b"[]"))
        if number % 2:
            partition.emit(run, events.RunCompleted(b"x" * 5_000 * number))
    for number in range(6):
        found = partition.state.run(f"w{number}")
        assert found is not None
        assert found.status == ("completed" if number % 2 else "running")
        assert found.result == (b"x" * 5_000 * number if number % 2 else None)
    assert partition.state.run("other") is None
    assert [run.workflow_id for _, run in partition.state.runs.all()] == [f"w{number}" for number in range(6)]


def test_rows_that_are_written_once_are_never_written_again() -> None:
    """The write-back cache counts on it: such a row may be forgotten when it is deleted before it is stored."""
    partition = Partition()
    run = partition.start(StartRun("r", "w", "pay", b"[]", "c", 0), events.TimerStarted(1, NOW), scheduled(2))
    for attempt in (1, 2):
        run = partition.emit(run, events.ActivityAttemptFailed(2, attempt, REFUSED, NOW + attempt))
    run = partition.emit(run, events.SignalReceived("m", "approve", b"[]"))
    keys = [key for key in partition.rows() if key[:2] in ONCE_PREFIXES]
    assert {key[:2] for key in keys} == set(ONCE_PREFIXES)
    assert timer_key(NOW + 1, run.run_id, 2) not in keys
