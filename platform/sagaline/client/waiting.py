"""Waits for a run's end, and looks now and then how the run stands: a run may be parked, or have no owner."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

from sagaline._engine.decide import run_id_of
from sagaline._model.failure import Failure
from sagaline._model.records import ReadRun, Reply, StartRun
from sagaline.client import words
from sagaline.client.reads import Reads
from sagaline.client.requests import Asking, Requests
from sagaline.client.types import Description, Status
from sagaline.errors import ClientClosed, RequestTimeout, RunParkedError, SagalineError

_FIRST_LOOK_S, _LONGEST_PAUSE_S = 2.0, 60.0
_FIRST_EAGER_LOOK_S, _LONGEST_EAGER_PAUSE_S = 0.1, 1.0
"""When the run's parking is to be told at once."""
_LOOK_LIMIT_S = 15.0
_LAST_LOOK_S = 1.0
"""So long before its end a time-out looks once more, to say how the run stands."""


class Terms(NamedTuple):
    """How long to wait, and what to do when the run parks."""

    timeout_s: float | None
    raise_parked: bool


class EndOfRun:
    """``request`` is answered when the run has ended: a question for a result, or a start that waits for the end."""

    def __init__(self, requests: Requests, reads: Reads, request: StartRun | ReadRun, terms: Terms) -> None:
        self._requests, self._reads, self._request, self._terms = requests, reads, request, terms
        self._joins = not isinstance(request, StartRun) or request.id_conflict in ("join", "use_existing")
        self._known: Description | None = None

    @property
    def _run_id(self) -> str:
        """The run that is meant, or that the start begins; "" is the newest of the workflow id."""
        return run_id_of(self._request) if isinstance(self._request, StartRun) else self._request.run_id

    async def reply(self) -> Reply:
        """How the run has ended. Raises RequestRefused, RequestTimeout, RunParkedError, ClientClosed."""
        loop = asyncio.get_running_loop()
        timeout_s, eager = self._terms
        deadline = None if timeout_s is None else loop.time() + timeout_s
        pause_s = _FIRST_EAGER_LOOK_S if eager else _FIRST_LOOK_S
        with self._requests.asking(self._request) as asking:
            while True:
                now = loop.time()
                reply = await asking.answer(_look_at(now, pause_s, deadline, timeout_s) - now)
                if reply is None and deadline is not None and loop.time() >= deadline:
                    raise RequestTimeout(await self._late(asking))
                reply = reply or await self._look(asking, deadline)
                if reply is not None:
                    return reply
                pause_s = min(pause_s * 2, _LONGEST_EAGER_PAUSE_S if eager else _LONGEST_PAUSE_S)

    async def _look(self, asking: Asking, deadline: float | None) -> Reply | None:
        """Looks how the run stands, until the answer comes. The run's end, where only the log tells of it."""
        loop = asyncio.get_running_loop()
        limit_s = _LOOK_LIMIT_S if deadline is None else max(0.05, deadline - loop.time())
        run_id = "" if isinstance(self._request, StartRun) else self._run_id
        looking = loop.create_task(self._stands(run_id, limit_s))
        try:
            await asyncio.wait((asking.future, looking), return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                return None
            description = looking.result()
        except ClientClosed:
            raise
        except SagalineError:  # a start that is not handled yet; nobody answers; the log is too large to be read
            return None
        finally:
            looking.cancel()
        return await self._consider(description)

    async def _stands(self, run_id: str, limit_s: float) -> Description:
        """How the run stands, or the one as which it goes on."""
        workflow_id = self._request.workflow_id
        description = await self._reads.describe(workflow_id, run_id, limit_s)
        first = description.first_run_id or description.run_id
        if description.status is Status.CONTINUED:
            newest = await self._reads.describe(workflow_id, "", limit_s)
            if newest.first_run_id == first:
                return newest
        return description

    async def _consider(self, description: Description) -> Reply | None:
        own = self._run_id in ("", description.run_id, description.first_run_id)
        if not own and not (self._joins and description.status.is_open):
            return None  # an earlier run of the id
        self._known = description
        if description.status is Status.PARKED and self._terms.raise_parked:
            why = description.failure or Failure("Unknown", "no reason is known")
            text = words.parked(description, datetime.now(UTC))
            raise RunParkedError(description.workflow_id, description.run_id, why, text)
        if description.status.is_open or description.unowned_since is None or not own:
            return None
        request = self._reads.request(description.workflow_id, description.run_id, "result")
        return (await self._reads.from_log(request)).reply

    async def _late(self, asking: Asking) -> str:
        timeout_s = self._terms.timeout_s or 0.0
        workflow_id = self._request.workflow_id
        if self._known is not None:
            told = words.standing(self._known, datetime.now(UTC))
            return f"Expected the run of {workflow_id!r} to end within {timeout_s:g} s but it has not. {told}"
        text = await self._reads.silence(workflow_id, timeout_s, asking)
        if isinstance(self._request, StartRun):
            text += " The start is on the log and is handled when a worker comes: ask again with the same id."
        return text


def _look_at(now: float, pause_s: float, deadline: float | None, timeout_s: float | None) -> float:
    """When to look next: after the pause, and once shortly before the time-out."""
    if deadline is None or timeout_s is None:
        return now + pause_s
    last = deadline - min(_LAST_LOOK_S, timeout_s / 4)
    return min(now + pause_s, last) if now < last else deadline
