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


def signal(name: str) -> events.SignalReceived:
    return events.SignalReceived(name, name, b"[]")


def goes_on_early(*, old: bool = False) -> Log:
    """The first run has three signals before it. The second receives one of them, handles nothing and goes on, as the
    third does. ``old``: as it was with earlier versions, the second handles what it has received, and the others are
    lost."""
    log = Log()
    log.run(FIRST, started("a"), signal("x"), signal("y"), signal("z"), events.RunContinued(SECOND, b"[]"))
    handled = (events.SignalsHandled((1,)),) if old else ()
    log.run(SECOND, begun(FIRST), signal("x"), *handled, events.RunContinued(THIRD, b"[]"))
    return log


def waiting(log: Log) -> list[tuple[str, str]]:
    """The signals that the newest run is yet to receive, in order, each with the run that has it."""
    state, _ = read(log.records)
    run = state.run("w")
    assert run is not None
    return [(before, row.signal) for before in run.inherits for _, row in state.signals.of(before)]


def test_a_run_that_goes_on_before_it_has_received_all_leaves_the_rest_to_the_next() -> None:
    log = goes_on_early()
    assert waiting(log) == [(SECOND, "x"), (FIRST, "y"), (FIRST, "z")]
    fourth = "4" * 32
    log.run(THIRD, begun(SECOND), events.RunContinued(fourth, b"[]"))  # nothing yet
    assert waiting(log) == [(SECOND, "x"), (FIRST, "y"), (FIRST, "z")]
    log.run(fourth, begun(THIRD), signal("x"), events.SignalsHandled((1,)))
    assert waiting(log) == [(FIRST, "y"), (FIRST, "z")]
    state, _ = read(log.records)
    assert [run.run_id for run in state.runs.cut_off()] == [fourth], "whoever takes over gives it the rest"
    log.run(fourth, signal("y"))
    log.run(fourth, signal("z"))
    assert waiting(log) == []
    state, _ = read(log.records)
    run = state.run("w")
    assert run is not None
    assert (run.signals_waiting, run.is_unfinished, list(state.runs.cut_off())) == (2, False, [])
    assert not [key for key in rows(log.records) if key.startswith(b"s/") and fourth.encode() not in key]


def test_what_the_last_run_has_not_received_is_left_over_by_the_one_that_has() -> None:
    log = goes_on_early()
    log.run(THIRD, begun(SECOND), signal("x"), events.RunCompleted(b"1"))
    state, _ = read(log.records)
    left = {run.run_id: (run.signals_waiting, run.signals_left) for _, run in state.runs.all()}
    assert left == {FIRST: (2, {"y": 1, "z": 1}), SECOND: (1, None), THIRD: (1, {"x": 1})}
    assert not [key for key in rows(log.records) if key.startswith(b"s/")]


@pytest.mark.parametrize("end", ["completed", "goes on", "retired early"])
def test_whatever_is_compacted_the_inheritance_is_the_same(end: str) -> None:
    """``retired early``: by an earlier version, which did not wait until all signals had been received."""
    log = goes_on_early(old=end == "retired early")
    log.run(THIRD, begun(SECOND), *(() if end == "retired early" else (signal("x"), signal("y"))))
    if end == "completed":
        log.run(THIRD, events.RunCompleted(b"3"))
    elif end == "goes on":
        log.run(THIRD, signal("z"))
    log.retire(FIRST)
    if end == "goes on":
        log.retire(SECOND)
    log.run("5" * 32, started("e")) if end == "completed" else log.run(THIRD, signal("new"))
    records = log.records
    whole = rows(records)
    assert whole == rows(compacted(records, len(records), len(records)))
    for below in range(len(records) + 1):
        for dropped_below in range(below + 1):
            left = compacted(records, below, dropped_below)
            assert rows(left) == whole, f"compacted below {below}, tombstones below {dropped_below} gone"
    assert not [key for key in whole if key.startswith(b"u/")]
