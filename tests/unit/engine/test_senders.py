"""Who may ask again: those who have begun a run, or have sent it something, and whose requests were refused."""

from __future__ import annotations

import pytest
from partition_rows import PartitionRows, started

from sagaline._engine.apply import apply_refusals
from sagaline._engine.senders import refused_senders, senders_to
from sagaline._engine.tables.refusals import RefusalsRecord
from sagaline._model.events import CancelRequested, Event, RunStarted, SignalReceived
from sagaline._model.failure import Failure
from sagaline._model.records import Refusal, Refusals

CHILD = RunStarted("w", b"[]", "request", "", 0, "accepted", parent_id="parent", parent_run_id="p", parent_step=1)
SIGNAL = SignalReceived("message/s/1", "go", b"[]", "sender", "s", 1)
CANCEL = CancelRequested("message/c/2", "why not", "canceller", "c", 2)


@pytest.mark.parametrize(
    ("events", "senders"),
    [
        ([started()], []),
        ([started(), SignalReceived("of a client", "go", b"[]"), CancelRequested("of a client too", "")], []),
        ([CHILD], ["parent"]),
        ([started(), SIGNAL], ["sender"]),
        ([started(), CANCEL], ["canceller"]),
        ([CHILD, SIGNAL, CANCEL], ["canceller", "parent", "sender"]),
    ],
)
def test_the_senders_of_what_a_run_has_received_are_known(events: list[Event], senders: list[str]) -> None:
    rows = PartitionRows()
    rows.append("id", *events)
    run = rows.state.run("id")
    assert run is not None
    assert sorted(senders_to(rows.state, run)) == senders


def test_so_are_those_whose_requests_a_record_has_refused() -> None:
    rows, failure = PartitionRows(), Failure("IdInUse", "no", retryable=False)
    of_client, of_run = Refusal("a", "w", failure), Refusal("b", "w", failure, "parent", "p", 1)
    apply_refusals(rows.state, Refusals(7, 1, 0, 0, 0, (of_client, of_run)), 3)
    assert list(refused_senders(rows.state, RefusalsRecord(1, 7, 3))) == ["parent"]
    assert list(refused_senders(rows.state, RefusalsRecord(1, 7, 4))) == []


def test_rows_of_messages_go_with_their_run() -> None:
    rows = PartitionRows()
    rows.append("id", started(), SIGNAL, CANCEL)
    run = rows.state.run("id")
    assert run is not None
    for key in rows.state.history.keys("id", run.run_id):
        rows.delete(key)
    assert list(rows.state.messages.senders(run.run_id)) == []
    assert rows.state.receiver("id", SIGNAL.request_id) is None
