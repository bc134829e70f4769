"""Updates: calls of a run's code that change it, and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
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
_ADVICE = "The update may still be handled: ask again with the same id."


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
    return Sent(link, await link.payloads.seal_message(request), definition_of(update))


def definition_of(update: object) -> HandlerDefinition | None:
    """What reads the answer; None for an update that is known by its name alone."""
    return update.definition if isinstance(update, HandlerDeclaration) else None


async def accepted(sent: Sent, timeout_s: float | None) -> UpdateHandle[Any]:
    """Sends it until it is accepted. Raises RequestRefused, RequestTimeout."""
    reply = await _ask(sent, "accepted", timeout_s)
    return UpdateHandle(sent, reply.run_id)


async def completed(sent: Sent, timeout_s: float | None) -> Any:
    """Sends it until it is answered. Raises UpdateError, RequestRefused, RequestTimeout."""
    reply = await _ask(sent, "completed", timeout_s)
    return await answer_in(reply, sent.link, sent.request.update_id, sent.definition)


async def answer_in(reply: Reply, link: Link, update_id: str, definition: HandlerDefinition | None) -> Any:
    """What the handler of an update has answered. Raises UpdateError, PayloadUnavailable, InvalidInput."""
    if reply.failure is not None:
        raise UpdateError(reply.workflow_id, update_id, reply.failure)
    if reply.result is None:
        raise UpdateError(reply.workflow_id, update_id, Failure("Unknown", "no reason was given"))
    return await link.payloads.answer(update_result(reply.run_id, update_id), reply.result, definition)


async def _ask(sent: Sent, when: str, timeout_s: float | None) -> Reply:
    link, request = sent.link, msgspec.structs.replace(sent.request, reply_when=when)
    asking = link.ask(request, timeout_s, _ADVICE)
    try:
        reply = await in_time(link, (request.workflow_id, request.run_id), request.update, asking)
    except RequestRefused:
        await link.payloads.forget_message(request)
        raise
    await asyncio.shield(link.payloads.forget_message(request))  # the run keeps a copy of its own
    return reply


async def in_time(link: Link, ids: tuple[str, str], update: str, asking: Awaitable[Reply]) -> Reply:
    """The answer to an update of a run; a time-out says it when that is paused, for then nothing is wrong with the
    worker. Raises RequestRefused, RequestTimeout."""
    try:
        return await asking
    except RequestTimeout as error:
        try:
            run = await link.reads.describe(*ids, _LOOK_S)
        except SagalineError:
            raise error from None
        if run.paused_at is None or not run.status.is_open:
            raise
        told = words.paused(run, datetime.now(UTC))
        raise RequestTimeout(f"Expected update {update!r} to be answered in time. {told} {_ADVICE}") from error
