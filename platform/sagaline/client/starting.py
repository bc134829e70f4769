"""Starts runs: one request, answered when the run has begun or when it has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from sagaline._engine.decide import run_id_of
from sagaline._model.records import Reply, StartRun
from sagaline._runtime.attributes import memo_bytes, search_of
from sagaline._runtime.durations import Duration, milliseconds
from sagaline.client import checks
from sagaline.client.link import Link
from sagaline.client.messages import called
from sagaline.client.requests import FIRST_WAIT_MS, new_id
from sagaline.client.types import OnParked, StartOptions, TimeOptions
from sagaline.client.updates import in_time
from sagaline.client.waiting import EndOfRun, Terms
from sagaline.errors import RequestRefused
from sagaline.handlers import SignalCall


class Start(NamedTuple):
    """What is to begin: a workflow with its encoded input, under an id. ``reply_when``: the request is answered when
    the run is "accepted", "completed" (an update) or "closed"."""

    workflow: str
    payload: bytes
    id: str
    reply_when: str
    id_conflict: str = "join"
    id_reuse: str = "join"
    signal: SignalCall | None = None


def start_request(link: Link, start: Start, times: TimeOptions) -> StartRun:
    """The request for a run of the user's, checked. Raises InvalidInput, ConfigurationError."""
    checks.not_reserved(start.workflow, start.id)
    return checked_start(link, start, times)


def checked_start(link: Link, start: Start, times: TimeOptions) -> StartRun:
    """The same of any run, also of a workflow of the platform."""
    link.requests.check_open()
    name, arguments = ("", b"") if start.signal is None else called(start.signal)
    request = StartRun(
        new_id(),
        checks.text_id(start.id),
        start.workflow,
        start.payload,
        *link.requests.address,
        start.reply_when,
        checks.word(start.id_conflict, checks.ID_CONFLICT, "id_conflict"),
        checks.word(start.id_reuse, checks.ID_REUSE, "id_reuse"),
        FIRST_WAIT_MS,
        signal=name,
        signal_input=arguments,
    )
    return msgspec.structs.replace(request, **_options(times)) if times else request


def _options(times: TimeOptions) -> dict[str, Any]:
    """What only some starts say."""
    checks.known_options(times, StartOptions, "a start")
    return dict(
        delay_ms=_milliseconds(times.get("delay"), "delay"),
        run_timeout_ms=_milliseconds(times.get("run_timeout"), "run_timeout"),
        memo=memo_bytes(times.get("memo")),
        search_attributes=search_of(times.get("search_attributes")),
    )


def _milliseconds(value: Duration | None, what: str) -> int:
    return 0 if value is None else milliseconds(value, what)


async def begin(link: Link, request: StartRun, timeout: Duration | None) -> str:
    """Sends the request until the run has begun; returns its id."""
    limit_s = checks.seconds(timeout)

    advice = "The start is on the log and is handled when a worker comes: ask again with the same id."
    return (await _sealed(link, request, lambda sealed: link.ask(sealed, limit_s, advice))).run_id


def update(link: Link, request: StartRun, timeout_s: float | None) -> Awaitable[Reply]:
    """Sends the request until its update is accepted, or answered. Raises RequestRefused, RequestTimeout."""
    advice = "The run may begin and the update be handled: ask again with the same ids."
    ids = (request.workflow_id, "")

    def ask(sealed: StartRun) -> Awaitable[Reply]:
        return in_time(link, ids, request.update, link.ask(sealed, timeout_s, advice))

    return _sealed(link, request, ask)


def finish(link: Link, request: StartRun, timeout: Duration | None, on_parked: OnParked) -> Awaitable[Reply]:
    """Sends the request until the run has ended."""
    terms = Terms(checks.seconds(timeout), checks.word(on_parked, checks.ON_PARKED, "on_parked") == "raise")

    return _sealed(link, request, lambda sealed: EndOfRun(link.requests, link.reads, sealed, terms).reply())


async def _sealed(link: Link, request: StartRun, ask: Callable[[StartRun], Awaitable[Reply]]) -> Reply:
    """Asks with the input sealed; a blob that no run will use is taken away again."""
    request = await link.payloads.seal_input(request)
    own = run_id_of(request)
    try:
        reply = await ask(request)
    except RequestRefused as refusal:
        if refusal.run_id != own:  # else an update was refused, and the run that has begun stays
            await link.payloads.forget_input(request)
        raise
    if own not in (reply.run_id, reply.first_run_id):  # it was given a run that was there
        await link.payloads.forget_input(request)
    return reply
