"""Answers requests that only read, after a read index: a zombie never answers.

A request is answered once it is proven that nobody else owned the partition when it came: by an append that was
sent after it and acknowledged in sequence, or, when nothing is written, by one look at the end of history that
all waiting requests share (read index, Raft dissertation section 6.4, with claims in the place of terms).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from sagaline._engine.replies import REPLIES, outcome
from sagaline._engine.rows import RunRow
from sagaline._engine.state import State
from sagaline._log import Log
from sagaline._model.codec import encode
from sagaline._model.failure import Failure
from sagaline._model.records import PARKED, ReadRun, Reply, StartRun
from sagaline._payloads import is_sealed
from sagaline.errors import LogUnavailable

_logger = logging.getLogger("sagaline.reads")
_CHUNK_BYTES = 600_000
_RETRY_S = 1.0
Ask = ReadRun | StartRun


class Reads:
    """The requests of one partition that wait for proof, and those that wait for a run's end.

    ``state`` is that of what is acknowledged: nothing else is shown. ``start`` takes a start whose run is gone.
    """

    def __init__(
        self,
        log: Log,
        state: State,
        end_offset: Callable[[], Awaitable[int]],
        next_offset: Callable[[], int],
        start: Callable[[StartRun], None],
    ) -> None:
        self._log, self._state, self._end_offset, self._next_offset = log, state, end_offset, next_offset
        self._start = start
        self._unproven: deque[tuple[int, Ask]] = deque()
        self._asked: list[Ask] = []
        self._being_looked_up: list[Ask] = []
        self._looked_up: deque[tuple[int, list[Ask]]] = deque()
        self._waiters: dict[str, list[Ask]] = {}
        self._lookup: asyncio.Task[None] | None = None

    def ask(self, request: Ask, next_append: int, idle: bool) -> None:
        """Takes a request. ``next_append`` is the number of the next append: its acknowledgement is the proof."""
        if idle:
            self._asked.append(request)
            if self._lookup is None:
                self._lookup = asyncio.get_running_loop().create_task(self._look_up())
        else:
            self._unproven.append((next_append, request))

    async def _look_up(self) -> None:
        while self._asked:
            asked = self._being_looked_up = self._asked
            self._asked = []
            try:
                self._looked_up.append((await self._end_offset(), asked))
            except LogUnavailable as error:
                _logger.warning("%s Reads wait.", error)
                self._asked = asked + self._asked
                await asyncio.sleep(_RETRY_S)
            self._being_looked_up = []
            self._answer_looked_up()
        self._lookup = None

    def _answer_looked_up(self) -> None:
        while self._looked_up and self._looked_up[0][0] <= self._next_offset():
            for request in self._looked_up.popleft()[1]:
                self._answer(request)

    def proven(self, acknowledged: int, idle: bool) -> None:
        """``acknowledged`` appends are in sequence and their rows are in the store."""
        while self._unproven and self._unproven[0][0] <= acknowledged:
            self._answer(self._unproven.popleft()[1])
        self._answer_looked_up()
        if idle and self._unproven:  # nothing more is written: look instead
            waiting, self._unproven = self._unproven, deque()
            for _, request in waiting:
                self.ask(request, 0, idle=True)

    def starts_waiting(self) -> set[str]:
        """Workflow ids of starts that were repeated and have no answer yet: their runs must stay."""
        looked_up = [request for _, asked in self._looked_up for request in asked]
        waiting = [*(request for _, request in self._unproven), *self._asked, *looked_up, *self._being_looked_up]
        return {request.workflow_id for request in waiting if isinstance(request, StartRun)}

    def closed(self, workflow_id: str, run_id: str) -> None:
        """A run has ended, durably: whoever waits for it is told."""
        for request in self._waiters.pop(run_id, ()):
            self._answer(request)

    def close(self) -> None:
        """Answers nothing more; clients ask again."""
        if self._lookup is not None:
            self._lookup.cancel()
        self._unproven.clear()
        self._waiters.clear()

    def _answer(self, request: Ask) -> None:
        if isinstance(request, ReadRun) and request.what == "parked":
            self._reply_parked(request)
            return
        run = self._state.run(request.workflow_id)
        if run is None and isinstance(request, StartRun):
            self._start(request)  # the run that was there has been retired meanwhile
        elif run is None:
            message = f"Expected a run of workflow id {request.workflow_id!r} but there is none."
            failure = Failure("WorkflowNotFound", message, retryable=False)
            self._reply(request, Reply(request.request_id, request.workflow_id, "", "refused", "", None, failure))
        elif isinstance(request, StartRun):
            if request.reply_when == "closed":
                self._when_closed(request, run)
            else:
                self._reply(request, outcome(run, request.request_id, "accepted"))
        elif request.what == "result":
            self._when_closed(request, run)
        elif request.what == "history":
            self._reply_history(request, run)
        else:
            self._reply_description(request, run)

    def _when_closed(self, request: Ask, run: RunRow) -> None:
        if run.closed:
            self._reply(request, outcome(run, request.request_id, "closed"))
            return
        waiting = self._waiters.setdefault(run.run_id, [])
        if all(other.request_id != request.request_id for other in waiting):
            waiting.append(request)

    def _reply_description(self, request: ReadRun, run: RunRow) -> None:
        shown = {
            "workflow": run.workflow,
            "started_at_ms": run.started_at,
            "last_at_ms": run.last_at,
            "closed_at_ms": run.closed_at,
            "events": run.next_event_id - 1,
            "open_steps": run.open_steps,
            "cancel_requested": run.cancel_requested,
            "result": None if run.result is None or is_sealed(run.result) else msgspec.Raw(run.result),
            "sealed_result": run.result if run.result is not None and is_sealed(run.result) else None,
        }
        reply = outcome(run, request.request_id, "description")
        self._reply(request, msgspec.structs.replace(reply, result=msgspec.json.encode(shown)))

    def _reply_parked(self, request: ReadRun) -> None:
        """Every parked run of the partition, each as JSON."""
        parked = [_parked(run) for run in self._state.unfinished() if run.status == PARKED]
        self._reply_parts(request, Reply(request.request_id, "", "", "parked", ""), parked)

    def _reply_history(self, request: ReadRun, run: RunRow) -> None:
        reply = msgspec.structs.replace(outcome(run, request.request_id, "history"), result=None)
        self._reply_parts(request, reply, self._state.history(run.run_id))

    def _reply_parts(self, request: ReadRun, reply: Reply, values: list[bytes]) -> None:
        """One answer in as many records as it needs."""
        parts: list[list[bytes]] = [[]]
        size = 0
        for value in values:
            if parts[-1] and size + len(value) > _CHUNK_BYTES:
                parts.append([])
                size = 0
            parts[-1].append(value)
            size += len(value)
        for number, part in enumerate(parts):
            more = number < len(parts) - 1
            self._reply(request, msgspec.structs.replace(reply, records=tuple(part), more=more, part=number))

    def _reply(self, request: Ask, reply: Reply) -> None:
        if request.reply_to:
            self._log.publish(REPLIES, request.reply_partition, request.reply_to.encode(), encode(reply))


def _parked(run: RunRow) -> bytes:
    shown = {
        "workflow_id": run.workflow_id,
        "run_id": run.run_id,
        "workflow": run.workflow,
        "parked_at_ms": run.last_at,
        "event": run.next_event_id - 1,
        "type": run.failure.type if run.failure else "",
        "cause": run.failure.message if run.failure else "",
    }
    return msgspec.json.encode(shown)
