"""A signal has come."""

from __future__ import annotations

from sagaline._engine.family import report_message
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.signals import SignalRow
from sagaline._model.events import SignalReceived
from sagaline._model.tokens import PREFIX, message_of


def apply(state: State, run: RunRow, event: SignalReceived) -> None:
    """Contract: ``run`` is open; the caller writes it."""
    run.receive_again()
    state.signals.put(run, SignalRow(event.request_id, event.signal, event.input))
    if run.inherits:
        state.signals.pass_on(run, event.request_id)
    state.messages.put(run.workflow_id, run.run_id, event.request_id, event.sender_id)
    if event.signal.startswith(PREFIX):
        state.messages.put(run.workflow_id, run.run_id, message_of(run.run_id, event.signal))
    report_message(state, run, event)
