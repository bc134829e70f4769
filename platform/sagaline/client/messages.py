"""Messages to a run: signals and queries."""

from __future__ import annotations

from typing import Any

from sagaline._engine.decide import run_id_of
from sagaline._model.records import QueryRun, SignalRun
from sagaline._payloads import message_answer
from sagaline._runtime.handlers import DYNAMIC, QUERY, SIGNAL, HandlerDeclaration
from sagaline.client import checks
from sagaline.client.link import Link
from sagaline.client.requests import new_id
from sagaline.errors import RequestRefused
from sagaline.handlers import SignalCall


async def send_signal(
    link: Link, ids: tuple[str, str], signal: object, args: tuple[Any, ...], timeout_s: float | None
) -> None:
    """Sends a signal until it is on record. ``ids`` are those of the workflow and of the run, which may be empty.

    Raises InvalidInput, RequestRefused, RequestTimeout.
    """
    name, payload = named(signal, args, SIGNAL)
    await send_named(link, ids, name, payload, timeout_s)


async def send_named(link: Link, ids: tuple[str, str], name: str, payload: bytes, timeout_s: float | None) -> None:
    """The same with the name and the arguments as they are sent."""
    link.requests.check_open()
    workflow_id, run_id = ids
    request = SignalRun(new_id(), workflow_id, name, payload, *link.requests.address, run_id)
    sealed = await link.payloads.seal_message(request)
    try:
        await link.ask(sealed, timeout_s, "The signal is on the log and may still be handled.")
    except RequestRefused:
        await link.payloads.forget_message(sealed)
        raise
    await link.payloads.forget_message(sealed)  # the run keeps a copy of its own


def called(call: Any) -> tuple[str, bytes]:
    """The name of a signal that is sent with a start, and its arguments. Raises InvalidInput, ConfigurationError."""
    checks.instance(call, SignalCall, "signal to be one with its arguments, as in signal=Order.approve.of(...)")
    return named(call.signal, call.args, SIGNAL)


async def ask_query(
    link: Link, ids: tuple[str, str], query: object, args: tuple[Any, ...], timeout_s: float | None
) -> Any:
    """Asks a run's code until it answers. Raises InvalidInput, RequestRefused, RequestTimeout."""
    link.requests.check_open()
    name, payload = named(query, args, QUERY)
    workflow_id, run_id = ids
    request = await link.payloads.seal_message(
        QueryRun(new_id(), workflow_id, name, payload, *link.requests.address, run_id)
    )
    try:
        reply = await link.ask(request, timeout_s)
        definition = query.definition if isinstance(query, HandlerDeclaration) else None
        return await link.payloads.answer(message_answer(run_id_of(request)), reply.result, definition)
    finally:
        await link.payloads.forget_message(request)


def named(message: object, args: tuple[Any, ...], kind: str) -> tuple[str, bytes]:
    """The name of a message, and its arguments as they are sent. Raises InvalidInput, ConfigurationError."""
    if isinstance(message, str):
        return checks.text_id(message, f"the name of a {kind}"), checks.json_array(args)
    if not isinstance(message, HandlerDeclaration):
        raise checks.not_a_handler(message, kind)
    definition = message.definition
    if definition.name == DYNAMIC or definition.kind != kind:
        raise checks.not_a_handler(message, kind)
    return definition.name, checks.encoded_by(definition.signature, definition.name, args)
