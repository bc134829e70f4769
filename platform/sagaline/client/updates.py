"""Updates: calls of a run's code that change it, and answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from sagaline._model.failure import Failure
from sagaline._model.records import Reply, UpdateRun
from sagaline._payloads import update_result
from sagaline._runtime.durations import Duration
from sagaline._runtime.handlers import UPDATE, HandlerDeclaration, HandlerDefinition
from sagaline.client import checks, words
from sagaline.client.link import Link
from sagaline.client.messages import named
from sagaline.client.requests import new_id
from sagaline.errors import RequestRefused, RequestTimeout, SagalineError, UpdateError

R = TypeVar("R")
_LOOK_S = 1.0


class Sent(NamedTuple):
    """An update on its way: what is asked, and who reads the answer."""

    link: Link
    request: UpdateRun
    definition: HandlerDefinition | None


class UpdateHandle(Generic[R]):
    """An update that was accepted; ``id`` is the one under which it counts once."""

    def __init__(self, sent: Sent, run_id: str) -> None:
        self._sent = sent
        self.id = sent.request.update_id
        self.workflow_id = sent.request.workflow_id
        self.run_id = run_id

    async def result(self, timeout: Duration | None = None) -> R:
        """What the handler has answered. Waiting changes nothing: a cancelled call may be made again.

        Raises UpdateError when it has failed, or the run has ended before it answered ("RunEnded"); RequestTimeout.
        """
        return await completed(self._sent, checks.seconds(timeout))  # type: ignore[no-any-return]


async def prepare(
    link: Link, ids: tuple[str, str], update: object, args: tuple[Any, ...], update_id: str | None
) -> Sent:
    """An update, checked and sealed. Raises InvalidInput, ConfigurationError, PayloadTooLarge."""
    link.requests.check_open()
    name, payload = named(update, args, UPDATE)
    workflow_id, run_id = ids
    request_id = new_id()
    known = request_id if update_id is None else checks.text_id(update_id, "the id of an update")
    request = UpdateRun(request_id, workflow_id, known, name, payload, *link.requests.address, run_id)
    definition = update.definition if isinstance(update, HandlerDeclaration) else None
    return Sent(link, await link.payloads.seal_message(request), definition)


async def accepted(sent: Sent, timeout_s: float | None) -> UpdateHandle[Any]:
    """Sends it until it is accepted. Raises RequestRefused, RequestTimeout."""
    reply = await _ask(sent, "accepted", timeout_s)
    return UpdateHandle(sent, reply.run_id)


async def completed(sent: Sent, timeout_s: float | None) -> Any:
    """Sends it until it is answered. Raises UpdateError, RequestRefused, RequestTimeout."""
    reply = await _ask(sent, "completed", timeout_s)
    request = sent.request
    if reply.failure is not None:
        raise UpdateError(reply.workflow_id, request.update_id, reply.failure)
    if reply.result is None:
        raise UpdateError(reply.workflow_id, request.update_id, Failure("Unknown", "no reason was given"))
    place = update_result(reply.run_id, request.update_id)
    return await sent.link.payloads.answer(place, reply.result, sent.definition)


async def _ask(sent: Sent, when: str, timeout_s: float | None) -> Reply:
    link, request = sent.link, msgspec.structs.replace(sent.request, reply_when=when)
    advice = "The update may still be handled: ask again with the same id."
    try:
        reply = await link.ask(request, timeout_s, advice)
    except RequestRefused:
        await link.payloads.forget_message(request)
        raise
    except RequestTimeout as error:
        if (told := await _paused(link, request)) is None:
            raise
        raise RequestTimeout(f"Expected update {request.update!r} to be answered in time. {told} {advice}") from error
    await asyncio.shield(link.payloads.forget_message(request))  # the run keeps a copy of its own
    return reply


async def _paused(link: Link, request: UpdateRun) -> str | None:
    """Says so when the run is paused, for then nothing is wrong with the worker."""
    try:
        run = await link.reads.describe(request.workflow_id, request.run_id, _LOOK_S)
    except SagalineError:
        return None
    return words.paused(run, datetime.now(UTC)) if run.paused_at is not None and run.status.is_open else None
