"""Signals that a run leaves for when it has ended: sent once, whatever the end, by the last run of its chain."""

from __future__ import annotations

import pytest
from engine_inputs import ENDS
from run_log import FIRST, SECOND, Log, read, rows, started

from sagaline._engine.state import State
from sagaline._model import events as e
from sagaline._model.codec import decode
from sagaline._model.events import Event, Fork
from sagaline._model.ids import successor_of
from sagaline._model.records import SignalRun
from sagaline._model.wills import Will

NEXT = successor_of(FIRST)
LEFT = e.WillLeft(1, "lock", "free", b"[1]")
SENT = SignalRun(f"will/{FIRST}/1", "lock", "free", b"[1]")


def sent(state: State) -> list[SignalRun]:
    found = [decode(message.row.value) for message in state.outbox.messages()]
    return [record for record in found if isinstance(record, SignalRun)]


def log_of(*records: tuple[Event, ...]) -> Log:
    log = Log()
    log.run(FIRST, started("a"))
    for happened in records:
        log.run(FIRST, *happened)
    return log


def state_after(*records: tuple[Event, ...]) -> State:
    return read(log_of(*records).records)[0]


@pytest.mark.parametrize("end", [*ENDS.values(), e.RunReplaced("request", SECOND)])
def test_it_is_sent_in_the_record_of_the_end_whatever_that_is(end: Event) -> None:
    assert sent(state_after((LEFT,))) == []
    state = state_after((LEFT,), (end,))
    assert sent(state) == [SENT]
    assert not list(state.wills.of(FIRST))
    run = state.run("w")
    assert run is not None
    assert run.closed


def test_one_that_was_withdrawn_is_not_sent() -> None:
    other = e.WillLeft(2, "other", "free", b"[2]")
    state = state_after((LEFT, other), (e.WillWithdrawn(1, FIRST),), (e.RunCompleted(b"1"),))
    assert [signal.workflow_id for signal in sent(state)] == ["other"]


def chain(*happened: Event) -> Log:
    log = log_of((LEFT,), (e.RunContinued(NEXT, b"[]"),))
    begun = e.RunStarted("pay", b"[]", "a", "", 0, "accepted", FIRST, FIRST)
    log.run(NEXT, begun, e.WillsInherited((Will(FIRST, 1, "lock", "free", b"[1]"),)))
    if happened:
        log.run(NEXT, *happened)
    return log


def test_the_last_run_of_a_chain_sends_what_the_first_has_left() -> None:
    assert sent(read(chain().records)[0]) == []
    assert sent(read(chain(e.RunCompleted(b"1")).records)[0]) == [SENT]
    assert sent(read(chain(e.WillWithdrawn(1, FIRST), e.RunCompleted(b"1")).records)[0]) == []


def test_between_the_end_of_one_run_and_the_beginning_of_the_next_it_stands() -> None:
    state = state_after((LEFT,), (e.RunContinued(NEXT, b"[]"),))
    assert [(will.run_id, will.step, will.row.is_inherited) for will in state.wills.of(NEXT)] == [(FIRST, 1, True)]
    run = state.run("w")
    assert run is not None
    assert (run.run_id, run.wills) == (NEXT, 1)


@pytest.mark.parametrize("ends", [False, True])
def test_it_is_not_lost_when_the_run_that_left_it_is_retired(ends: bool) -> None:
    log = chain(*((e.RunCompleted(b"1"),) if ends else ()))
    log.retire(FIRST)
    if not ends:
        log.run(NEXT, e.RunTerminated("request", "why"))
    compacted = [record for record in log.records if record.key not in log.keys[FIRST] or record.value is None]
    assert sent(read(compacted)[0]) == sent(read(log.records)[0]) == [SENT]
    assert rows(compacted) == rows(log.records)


def test_nothing_of_it_is_left_when_all_is_retired() -> None:
    log = chain(e.RunCompleted(b"1"))
    for run_id in (FIRST, NEXT):
        log.retire(run_id)
    assert not [key for key in rows(log.records) if key.startswith(b"l/")]


def reset(steps: int, of: str = FIRST) -> e.RunReset:
    return e.RunReset(SECOND, steps, Fork((of,), (2,), 9, "request", "why", "ann", False, 0, FIRST))


def test_a_reset_sends_what_the_fork_knows_nothing_of() -> None:
    later = e.WillLeft(2, "later", "free", b"[2]")
    assert [signal.workflow_id for signal in sent(state_after((LEFT,), (later,), (reset(1),)))] == ["later"]
    assert [signal.workflow_id for signal in sent(state_after((LEFT,), (later,), (reset(2),)))] == []
    of_another = sent(state_after((LEFT,), (later,), (reset(2, of=SECOND),)))
    assert [signal.workflow_id for signal in of_another] == ["lock", "later"]


def test_what_a_fork_has_copied_it_sends_at_its_own_end_under_the_same_id() -> None:
    log = log_of((LEFT,), (reset(1),))
    fork = Fork((FIRST,), (2,), 9, "request", "why", "ann", False, 0, FIRST)
    log.run(SECOND, e.RunStarted("pay", b"[]", "a", "", 0, "accepted", fork=fork), LEFT)
    assert sent(read(log.records)[0]) == []
    log.run(SECOND, e.RunCompleted(b"1"))
    assert sent(read(log.records)[0]) == [SENT]
