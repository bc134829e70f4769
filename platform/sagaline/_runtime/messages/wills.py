"""Signals that a run leaves for others, for when it has ended for good: whatever its end, also by somebody else."""

from __future__ import annotations

from sagaline._model import events
from sagaline._model.limits import WILL_BYTES, WILLS
from sagaline._runtime.calls import Calls
from sagaline._runtime.frames import caller
from sagaline.errors import PayloadTooLarge, SagalineError

WillId = tuple[str, int]
"""The run and step that left one."""


def leave(calls: Calls, target_id: str, name: str, payload: bytes) -> WillId:
    """Leaves a signal for the newest run of ``target_id``, whichever that is then. Nobody hears what becomes of it.
    Raises PayloadTooLarge, SagalineError."""
    if len(payload) > WILL_BYTES:
        raise PayloadTooLarge(
            f"Expected the arguments of signal {name!r}, which is sent when the run has ended, to have at most "
            f"{WILL_BYTES:,} bytes but they have {len(payload):,}."
        )
    wills = calls.table.to_others().wills
    if len(wills) >= WILLS:
        raise SagalineError(
            f"Expected at most {WILLS} signals to be sent when the run has ended but this is one more ({caller()})."
        )
    step = calls.table.next_number()
    will = (calls.run.identity, step)
    wills[will] = target_id
    calls.commands.add(events.WillLeft(step, target_id, name, payload))
    return will


def withdraw(calls: Calls, will: WillId) -> None:
    """It is not sent. One that does not stand is nothing to withdraw."""
    if calls.table.to_others().wills.pop(will, None) is not None:
        calls.commands.add(events.WillWithdrawn(will[1], will[0]))
