"""A run has begun; whoever asked for it to begin is told."""

from __future__ import annotations

from sagaline._engine.replies import send_reply
from sagaline._engine.rows import RunRow
from sagaline._engine.state import WriteState
from sagaline._model.events import RunStarted


def apply(state: WriteState, run: RunRow, event: RunStarted) -> None:
    """Contract: ``run`` was made from this event (``emit.new_run``); the caller writes it."""
    if event.reply_to and event.reply_when == "accepted":
        send_reply(state, run, event.request_id, "accepted")
