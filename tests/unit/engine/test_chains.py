"""Runs that go on one as the other: the id is never free, and whatever has been compacted the state is the same."""

from __future__ import annotations

import pytest
from compaction import compacted
from run_log import FIRST, SECOND, THIRD, Log, read, rows, started

from sagaline._engine.chains import last_of_chain
from sagaline._engine.decide import Joined, decide
from sagaline._model import events
from sagaline._model.records import CancelRun, StartRun, TerminateRun
from sagaline._store.memory import MemoryStore


def begun(before: str) -> events.RunStarted:
    return events.RunStarted("pay", b"[]", "a", "", 0, "accepted", before, FIRST)


def chain() -> Log:
    log = Log()
    log.run(FIRST, started("a"), events.TimerStarted(1, 99))
    log.run(FIRST, events.TimerFired(1), events.RunContinued(SECOND, b"[]"))
    log.run(SECOND, begun(FIRST), events.TimerStarted(1, 100))
    log.run(SECOND, events.TimerFired(1), events.RunContinued(THIRD, b"[]"))
    log.run(THIRD, begun(SECOND))
    return log


def test_the_next_run_is_there_with_the_record_that_ends_the_one_before() -> None:
    state, _ = read(chain().records[:3])
    pending = state.run("w")
    assert pending is not None
    assert (pending.run_id, pending.status, pending.is_pending) == (SECOND, "running", True)
    assert [run.run_id for run in state.runs.cut_off()] == [SECOND]
    ended = state.run_by_id("w", FIRST)
    assert ended is not None
    assert (ended.status, ended.continued_to, ended.open_steps) == ("continued", SECOND, 0)
    state, _ = read(chain().records[:4])
    assert list(state.runs.cut_off()) == []
    newest = state.run("w")
    assert newest is not None
    assert (newest.is_pending, newest.first_run_id, newest.continued_from) == (False, FIRST, FIRST)


def test_commands_and_starts_for_an_earlier_run_mean_the_last() -> None:
    log = chain()
    state, _ = read(log.records)
    for run_id in (FIRST, SECOND, THIRD, ""):
        assert decide(state, CancelRun("c", "w", "why", "", 0, run_id), 9) == [events.CancelRequested("c", "why")]
        assert decide(state, TerminateRun("t", "w", "why", "", 0, run_id), 9) == [events.RunTerminated("t", "why")]
        last = last_of_chain(state, "w", run_id)
        assert last is not None
        assert last.run_id == THIRD
    log.retire(FIRST)
    state, _ = read(log.records)
    assert decide(state, CancelRun("c", "w", "why", "", 0, FIRST), 9) == [events.CancelRequested("c", "why")]
    assert decide(state, StartRun("a", "w", "pay", b"[]"), 9) == Joined("w", THIRD)
    assert last_of_chain(state, "w", "0" * 32) is None
    log.run(THIRD, events.RunCompleted(b"1"))
    log.run("4" * 32, started("d"))
    state, _ = read(log.records)
    for run_id in (SECOND, THIRD):
        last = last_of_chain(state, "w", run_id)
        assert last is not None
        assert last.run_id == THIRD


@pytest.mark.parametrize("ended", [False, True])
def test_whatever_is_compacted_of_a_chain_the_state_is_the_same(ended: bool) -> None:
    """Its runs are retired from the first to the last; also a store that was away comes to the same."""
    log = chain()
    log.retire(FIRST)
    if ended:
        log.run(THIRD, events.RunCompleted(b"3"))
        log.retire(SECOND)
        log.retire(THIRD)
    records = log.records
    whole = rows(records)
    assert not any(key.startswith(b"u/") for key in whole), "no run waits for its beginning"
    for below in range(len(records) + 1):
        for dropped_below in range(below + 1):
            left = compacted(records, below, dropped_below)
            if left and left[-1].offset == records[-1].offset:
                assert rows(left) == whole, f"compacted below {below}, tombstones below {dropped_below} gone"
    for known in range(len(records)):
        for below in range(known, len(records) + 1):
            store = MemoryStore()
            _, meta = read(records[:known], store)
            read([record for record in compacted(records, below, 0) if record.offset >= known], store, meta)
            found = {key: value for key, value in store.rows.items() if not key.startswith(b"@")}
            assert found == whole, f"known up to {known}, compacted below {below}"
