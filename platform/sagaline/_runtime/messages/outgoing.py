"""Messages of a run to other runs."""

from __future__ import annotations

from sagaline._model import events
from sagaline._model.limits import MESSAGES_SENT, cut
from sagaline._runtime.calls import ROLLING_BACK, Calls
from sagaline._runtime.frames import caller
from sagaline.errors import MessageError, PayloadTooLarge, SagalineError


async def signal(calls: Calls, target: tuple[str, str], name: str, payload: bytes, starts: str = "") -> None:
    """Sends a signal and returns when it is on record there. ``target``: workflow id and run id, which may be empty.
    ``starts``: the workflow that begins, without arguments, where no run of that workflow id is open.
    Raises MessageError, PayloadTooLarge, SagalineError."""
    if (size := calls.setup.sealed_size(payload)) > calls.setup.payload_bytes:
        raise PayloadTooLarge(
            f"Expected the arguments of signal {name!r} to have at most {calls.setup.payload_bytes:,} bytes but they "
            f"have {size:,}. Store them, and pass a reference to them."
        )
    await _send(calls, target, name, payload, starts=starts)


async def cancel(calls: Calls, target: tuple[str, str], reason: str) -> None:
    """Asks a run to stop and returns when that is on record there. Raises MessageError, SagalineError."""
    await _send(calls, target, "", b"", cut(reason))


def post(calls: Calls, target_id: str, name: str, payload: bytes) -> bool:
    """Sends a small signal of the system's own, and does not wait for it: nobody has to hear what becomes of it. False,
    and nothing is sent, when so many are on their way that it is one too many."""
    messages = calls.table.to_others().messages
    if len(messages) >= MESSAGES_SENT:
        return False
    number = calls.table.next_number()
    messages[number] = calls.create_future()
    calls.commands.add(events.MessageRequested(number, target_id, "", name, payload, ""), len(payload))
    return True


async def _send(
    calls: Calls, target: tuple[str, str], name: str, payload: bytes, reason: str = "", starts: str = ""
) -> None:
    if calls.phase == ROLLING_BACK:  # a branch on its way out: it is closed there
        await calls.create_future()
    messages = calls.table.to_others().messages
    if len(messages) >= MESSAGES_SENT:
        raise SagalineError(
            f"Expected at most {MESSAGES_SENT:,} messages to other runs to be on their way but this is one more "
            f"({caller()}). Wait for some of them before others are sent."
        )
    number = calls.table.next_number()
    settled = messages[number] = calls.create_future()
    calls.commands.add(events.MessageRequested(number, *target, name, payload, reason, starts), len(payload))
    failure = await settled
    if failure is not None:
        raise MessageError(target[0], name, failure)
