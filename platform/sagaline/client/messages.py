"""Messages to a run: signals."""

from __future__ import annotations

from typing import Any

from sagaline._model.records import Reply, SignalRun
from sagaline._runtime.handlers import DYNAMIC, HandlerDeclaration
from sagaline.client import checks
from sagaline.client.link import Link
from sagaline.client.requests import new_id
from sagaline.errors import RequestRefused, RequestTimeout


async def send_signal(
    link: Link, ids: tuple[str, str], signal: object, args: tuple[Any, ...], timeout_s: float | None
) -> None:
    """Sends a signal until it is on record. ``ids`` are those of the workflow and of the run, which may be empty.

    Raises InvalidInput, RequestRefused, RequestTimeout.
    """
    link.requests.check_open()
    name, payload = named(signal, args)
    workflow_id, run_id = ids
    request = SignalRun(new_id(), workflow_id, name, payload, *link.requests.address, run_id)
    sealed = await link.payloads.seal_message(request)
    try:
        await _until_accepted(link, sealed, timeout_s)
    except RequestRefused:
        await link.payloads.forget_message(sealed)
        raise
    await link.payloads.forget_message(sealed)  # the run keeps a copy of its own


def named(signal: object, args: tuple[Any, ...]) -> tuple[str, bytes]:
    """The name of a message, and its arguments as they are sent. Raises InvalidInput, ConfigurationError."""
    if isinstance(signal, str):
        return checks.text_id(signal, "the name of a signal"), checks.json_array(args)
    if not isinstance(signal, HandlerDeclaration):
        raise checks.not_a_handler(signal, "signal")
    definition = signal.definition
    if definition.name == DYNAMIC:
        raise checks.not_a_handler(signal, "signal")
    return definition.name, checks.encoded_by(definition.signature, definition.name, args)


async def _until_accepted(link: Link, request: SignalRun, timeout_s: float | None) -> Reply:
    with link.requests.asking(request) as asking:
        reply = await asking.answer(timeout_s)
        if reply is not None:
            return reply
    text = await link.reads.silence(request.workflow_id, timeout_s or 0.0, asking)
    raise RequestTimeout(f"{text} The signal is on the log and may still be handled.")
