"""What a signal leads to: recorded once, refused with a reason, or known already."""

from __future__ import annotations

import msgspec
import pytest
from engine_inputs import BOOM, ENDS, FIRST, LATER, short
from engine_states import NOW, Partition

from sagaline._engine.decide import decide
from sagaline._engine.processors import signal
from sagaline._model import events
from sagaline._model.events import SignalReceived, SignalsHandled
from sagaline._model.records import SignalRun

SIGNAL = SignalRun("m1", "w", "approve", b'["Ann"]', "client", 0)
RECEIVED = SignalReceived("m1", "approve", b'["Ann"]')


def test_it_means_the_open_run_of_the_id() -> None:
    partition = Partition()
    assert short(decide(partition.state, SIGNAL, NOW)) == "WorkflowNotFound"
    run = partition.start(FIRST)
    assert decide(partition.state, SIGNAL, NOW) == [RECEIVED]
    partition.emit(run, ENDS["completed"])
    assert short(decide(partition.state, SIGNAL, NOW)) == "RunEnded"


def test_it_is_recorded_once_also_when_its_run_has_ended_and_another_has_begun() -> None:
    partition = Partition()
    first = partition.start(FIRST, RECEIVED)
    assert decide(partition.state, SIGNAL, NOW) == []
    partition.emit(first, ENDS["completed"])
    assert decide(partition.state, SIGNAL, NOW) == []
    second = partition.start(LATER)
    assert decide(partition.state, SIGNAL, NOW) == []
    assert partition.state.receiver("w", "m1") == first.run_id
    other = msgspec.structs.replace(SIGNAL, request_id="m2")
    assert decide(partition.state, other, NOW) == [msgspec.structs.replace(RECEIVED, request_id="m2")]
    partition.emit(second, ENDS["failed"])
    assert decide(partition.state, SIGNAL, NOW) == []


def test_a_parked_run_receives_signals() -> None:
    partition = Partition()
    partition.start(FIRST, events.RunParked("bug", BOOM))
    assert decide(partition.state, SIGNAL, NOW) == [RECEIVED]


def test_those_that_wait_are_bounded_by_count_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "SIGNALS_WAITING", 2)
    partition = Partition()
    run = partition.start(FIRST, RECEIVED, msgspec.structs.replace(RECEIVED, request_id="m2"))
    third = msgspec.structs.replace(SIGNAL, request_id="m3")
    assert short(decide(partition.state, third, NOW)) == "TooManySignals"
    run = partition.emit(run, SignalsHandled((1,)))
    assert short(decide(partition.state, third, NOW)) == "SignalReceived"
    monkeypatch.setattr(signal, "SIGNALS_WAITING_BYTES", 13)
    assert short(decide(partition.state, third, NOW)) == "TooManySignals"


def test_those_that_wait_are_in_order_until_they_are_handled_and_named_when_the_run_ends() -> None:
    partition = Partition()
    names = [msgspec.structs.replace(RECEIVED, request_id=f"m{number}") for number in range(1, 5)]
    run = partition.start(FIRST, *names)
    run = partition.emit(run, SignalsHandled((2, 3)))
    waiting = [(number, row.request_id) for number, row in partition.state.signals.of(run.run_id)]
    assert waiting == [(1, "m1"), (4, "m4")]
    assert (run.signals_received, run.signals_waiting, run.signal_bytes) == (4, 2, 14)
    run = partition.emit(run, ENDS["completed"])
    assert list(partition.state.signals.of(run.run_id)) == []
    assert (run.signals_waiting, run.signal_bytes, run.signals_left) == (2, 0, {"approve": 2})


@pytest.mark.parametrize("how", sorted(ENDS))
def test_an_end_names_the_first_that_nobody_has_received_and_counts_all(how: str) -> None:
    partition = Partition()
    received = [
        msgspec.structs.replace(RECEIVED, request_id=f"m{number}", signal=f"name {number}") for number in range(25)
    ]
    run = partition.emit(partition.start(FIRST, *received), ENDS[how])
    assert run.signals_waiting == 25
    assert run.signals_left == {f"name {number}": 1 for number in range(20)}
