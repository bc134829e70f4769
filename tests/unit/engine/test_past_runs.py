"""Several runs of one workflow id: each is known by its run id until it is retired, whatever has been compacted."""

from __future__ import annotations

import itertools

import pytest
from compaction import compacted
from engine_states import Partition, scheduled
from run_log import FIRST, SECOND, THIRD, Log, read, rows, started

from sagaline._model import events
from sagaline._model.records import StartRun
from sagaline._store.memory import MemoryStore

ACTIVITY = scheduled(1)


def three_runs() -> Log:
    log = Log()
    log.run(FIRST, started("a"), ACTIVITY)
    log.run(FIRST, events.RunTerminated("b", "replaced"))
    log.run(SECOND, started("b", "refund"), ACTIVITY)
    log.run(SECOND, events.ActivityCompleted(1, 1, b"1"), events.RunCompleted(b"2"))
    log.run(THIRD, started("c"), events.TimerStarted(1, 99))
    return log


def test_each_run_is_known_by_its_id() -> None:
    state, _ = read(three_runs().records)
    newest = state.run("w")
    assert newest is not None
    assert (newest.run_id, newest.status) == (THIRD, "running")
    first, second = state.run_by_id("w", FIRST), state.run_by_id("w", SECOND)
    assert first is not None
    assert second is not None
    assert (first.status, first.ended_by, first.open_steps) == ("terminated", "b", 0)
    assert (second.status, second.result, second.workflow) == ("completed", b"2", "refund")
    assert state.run_by_id("other", FIRST) is None
    assert state.run_by_id("w", "0" * 32) is None
    assert [run.run_id for _, run in state.runs.all()] == [FIRST, SECOND, THIRD]
    assert [len(list(state.history.records(run_id))) for run_id in (FIRST, SECOND, THIRD)] == [2, 2, 1]
    closed = {(name, *run) for name in state.closed.workflows() for run in state.closed.runs(name)}
    assert closed == {("pay", 2, "w", FIRST, 2), ("refund", 4, "w", SECOND, 4)}
    assert [due.due_at for _, due in state.timers.behind(b"")] == [99]
    assert list(state.activities.all()) == []


def test_closed_runs_of_one_moment_are_told_apart() -> None:
    partition = Partition()
    for number in range(3):
        request = StartRun(f"r{number}", "w", "pay", b"[]")
        partition.start(request, events.RunCompleted(b"%d" % number))
    runs = list(partition.state.closed.runs("pay"))
    assert len({run.run_id for run in runs}) == 3
    assert len({run.closed_at for run in runs}) == 1
    assert sorted(run.offset for run in runs) == [0, 1, 2]


@pytest.mark.parametrize("order", list(itertools.permutations([FIRST, SECOND])))
def test_past_runs_are_retired_one_by_one_while_a_newer_one_is_there(order: tuple[str, str]) -> None:
    log = three_runs()
    for run_id in order:
        log.retire(run_id)
        state, _ = read(log.records)
        assert state.run_by_id("w", run_id) is None
        assert list(state.history.records(run_id)) == []
    state, _ = read(log.records)
    assert [run.run_id for _, run in state.runs.all()] == [THIRD]
    assert not list(state.remnants.runs())
    assert not [run for name in state.closed.workflows() for run in state.closed.runs(name)]
    alone = Log()
    alone.run(THIRD, started("c"), events.TimerStarted(1, 99))
    assert {key[:2] for key in rows(log.records)} == {key[:2] for key in rows(alone.records)}


def test_the_newest_run_is_retired_before_a_past_one() -> None:
    """Their workflows may be kept for different times: the latest of those that are left is the newest again."""
    log = three_runs()
    log.run(THIRD, events.TimerFired(1), events.RunCompleted(b"3"))
    log.retire(THIRD)
    state, _ = read(log.records)
    newest = state.run("w")
    assert newest is not None
    assert newest.run_id == SECOND
    assert [run.run_id for _, run in state.runs.all()] == [FIRST, SECOND]
    log.run("4" * 32, started("d"))
    state, _ = read(log.records)
    newest = state.run("w")
    assert newest is not None
    assert newest.run_id == "4" * 32
    assert [run.run_id for _, run in state.runs.all()] == [FIRST, SECOND, "4" * 32]


def full_log() -> Log:
    log = three_runs()
    log.retire(FIRST)
    log.run(THIRD, events.TimerFired(1), events.RunCompleted(b"3"))
    log.run("4" * 32, started("d"))
    log.retire(THIRD)
    log.retire(SECOND)
    return log


def test_whatever_is_compacted_the_state_is_the_same() -> None:
    records = full_log().records
    whole = rows(records)
    for below in range(len(records) + 1):
        for dropped_below in range(below + 1):
            left = compacted(records, below, dropped_below)
            if left[-1].offset == records[-1].offset:
                assert rows(left) == whole, f"compacted below {below}, tombstones below {dropped_below} gone"


def test_a_store_that_knows_a_part_comes_to_the_same_from_what_is_left() -> None:
    """As a worker that was away: it may have missed records, never tombstones."""
    records = full_log().records
    whole = rows(records)
    for known in range(len(records)):
        for below in range(known, len(records) + 1):
            store = MemoryStore()
            _, meta = read(records[:known], store)
            left = [record for record in compacted(records, below, 0) if record.offset >= known]
            read(left, store, meta)
            found = {key: value for key, value in store.rows.items() if not key.startswith(b"@")}
            assert found == whole, f"known up to {known}, compacted below {below}"
