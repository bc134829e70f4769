"""Messages of a run to others: one at a time to each of them, and none again once it is known to have arrived."""

from __future__ import annotations

import msgspec
from engine_inputs import short
from run_log import FIRST, Log, read, started

from sagaline._engine.decide import Rejected, decide
from sagaline._engine.family import is_settled
from sagaline._engine.state import State
from sagaline._model import events as e
from sagaline._model.codec import decode
from sagaline._model.failure import Failure
from sagaline._model.records import CancelRun, ChildReport, SignalRun


def requested(step: int, target: str = "other", signal: str = "told") -> e.MessageRequested:
    return e.MessageRequested(step, target, "", signal, b"[1]", "why")


def state_after(*records: tuple[e.Event, ...]) -> State:
    log = Log()
    log.run(FIRST, started("a"))
    for happened in records:
        log.run(FIRST, *happened)
    return read(log.records)[0]


def steps_sent(state: State) -> list[int]:
    sent = [decode(message.row.value) for message in state.outbox.messages()]
    return [record.sender_step for record in sent if isinstance(record, SignalRun | CancelRun)]


def test_one_message_to_a_run_is_on_its_way_and_those_to_others_beside_it() -> None:
    asked = (requested(1), requested(2), requested(3, "another", ""), requested(4))
    assert steps_sent(state_after(asked)) == [1, 3]
    assert steps_sent(state_after(asked, (e.MessageSettled(1),))) == [1, 3, 2]
    refused = (e.MessageSettled(1, Failure("RunEnded", "")), e.MessageSettled(2))
    assert steps_sent(state_after(asked, refused)) == [1, 3, 2, 4]


def test_what_has_not_left_when_the_sender_ends_leaves_then_and_no_row_stays() -> None:
    state = state_after((requested(1), requested(2), requested(3)), (e.RunCompleted(b"1"),))
    assert steps_sent(state) == [1, 2, 3]
    assert not list(state.outgoing.of(FIRST))


def test_a_message_is_sent_until_it_is_settled_and_by_a_run_that_has_ended_always() -> None:
    def settled(*records: tuple[e.Event, ...]) -> bool:
        state = state_after((requested(1),), *records)
        return is_settled(state, next(iter(state.outbox.messages())).row)

    assert not settled()
    assert settled((e.MessageSettled(1),))
    assert not settled((e.RunCompleted(b"1"),))


def test_a_report_counts_once() -> None:
    report = ChildReport("w", FIRST, 1, "other", "r", "received")
    assert decide(state_after((requested(1),)), report, 10) == [e.MessageSettled(1)]
    assert decide(state_after((requested(1),), (e.MessageSettled(1),)), report, 10) == []


def test_the_receiver_knows_a_message_and_tells_its_sender() -> None:
    signal = SignalRun("message/s/1", "w", "told", b"[1]", "", 0, "", "sender", "s", 1)
    cancel = CancelRun("message/s/2", "w", "why", "", 0, "", "sender", "s", 2)
    (received,), (stopped,) = (decide(state_after(), request, 10) for request in (signal, cancel))  # type: ignore[misc]
    state = state_after((received, stopped))
    reports = [decode(message.row.value) for message in state.outbox.messages()]
    told = [(r.workflow_id, r.run_id, r.step, r.status) for r in reports if isinstance(r, ChildReport)]
    assert told == [("sender", "s", 1, "received"), ("sender", "s", 2, "received")]
    assert decide(state, signal, 10) == decide(state, cancel, 10) == []
    third = CancelRun("message/t/1", "w", "too", "", 0, "", "third", "t", 1)
    assert decide(state, third, 10) == [e.CancelRequested("message/t/1", "too", "third", "t", 1)]
    ended = state_after((received, stopped), (e.RunCancelled("why", False),))
    assert decide(ended, cancel, 10) == []
    assert isinstance(decide(ended, third, 10), Rejected)


def test_a_signal_begins_the_run_that_it_is_for_where_none_is_open() -> None:
    signal = SignalRun("message/s/1", "w", "told", b"[1]", "", 0, "", "sender", "s", 1, "pay")
    plain = SignalRun("message/s/1", "w", "told", b"[1]", "", 0, "", "sender", "s", 1)
    received = e.SignalReceived("message/s/1", "told", b"[1]", "sender", "s", 1)
    begun = [e.RunStarted("pay", b"[]", "message/s/1", "", 0, "accepted"), received]
    assert decide(state_after(), signal, 10) == [received]
    assert decide(state_after((e.RunCompleted(b"1"),)), signal, 10) == begun
    assert decide(read([])[0], signal, 10) == begun
    assert isinstance(decide(read([])[0], plain, 10), Rejected)
    reserved = msgspec.structs.replace(signal, starts="sagaline.lock")
    assert short(decide(read([])[0], reserved, 10)) == "ReservedName"
    assert decide(state_after((received,), (e.RunCompleted(b"1"),)), signal, 10) == []
