"""Tells other partitions when nothing that this one has sent so far will be sent again.

A message leaves again when its partition changes hands, until a valid record says that it has left. Its receiver must
know it for that long, and asks before it forgets (docs/decisions/0074). The question comes with the commands, as a
read, and is proven like one: by then everything that has ever come from this partition is among its records. It is
answered when a record that is durable says that the messages of all of these have left, or are dead letters.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sagaline._engine.state import State
from sagaline._host.partition.guard import Guard, call_logged
from sagaline._host.partition.progress import Progress
from sagaline._log import RESULTS, Log
from sagaline._model.codec import encode
from sagaline._model.records import DEPARTURES, ReadRun, Reply

_RECHECK_S = 0.2


class _Waiting(NamedTuple):
    """A question, and what it waits for."""

    request: ReadRun
    offset: int
    """The messages of records below have to have left."""
    appended: int | None = None
    """They have, and so many appends say so when they are acknowledged."""


class Departures:
    """``decided`` is the state above all appends. Of each partition that asks the newest question is kept."""

    def __init__(self, log: Log, decided: State, progress: Progress, guard: Guard) -> None:
        self._log, self._decided, self._progress, self._guard = log, decided, progress, guard
        self._waiting: dict[int, _Waiting] = {}
        self._watching: asyncio.Task[None] | None = None

    def ask(self, request: ReadRun) -> None:
        """Takes a question, which is proven. One that comes again while it waits is the same."""
        asker = request.reply_partition
        waiting = self._waiting.get(asker)
        if not 0 <= asker < self._log.partitions:
            return  # not of ours
        if waiting is None or waiting.request.request_id != request.request_id:
            self._waiting[asker] = _Waiting(request, self._progress.next_offset)
        if self._watching is None:
            self._watching = self._guard.task(self._watch(), "departures")

    async def _watch(self) -> None:
        """Looks now and then: nothing is paid for it while nobody asks."""
        while self._waiting:
            for asker, waiting in list(self._waiting.items()):
                self._look(asker, waiting)
            await asyncio.sleep(_RECHECK_S)
        self._watching = None

    def _look(self, asker: int, waiting: _Waiting) -> None:
        appended = waiting.appended
        if appended is None:
            oldest = self._decided.outbox.oldest_offset()
            if oldest is not None and oldest < waiting.offset:
                return
            appended = self._progress.appended
            self._waiting[asker] = waiting._replace(appended=appended)
        if self._progress.acknowledged >= appended:
            del self._waiting[asker]
            self._answer(waiting.request)

    def _answer(self, request: ReadRun) -> None:
        """One that is lost is asked for again."""
        reply = Reply(request.request_id, request.workflow_id, "", DEPARTURES, "")
        value = encode(reply)
        call_logged("An answer to another owner", self._log.publish, RESULTS, request.reply_partition, b"", value)
