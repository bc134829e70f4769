"""Questions about runs: to their owner, and to the log itself where no owner answers."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import NamedTuple

from sagaline._model.attributes import SearchAttribute
from sagaline._model.keys import partition_of
from sagaline._model.records import ReadRun, Reply
from sagaline.client.descriptions import description_of
from sagaline.client.payloads import ClientPayloads
from sagaline.client.requests import Asking, Requests, new_id
from sagaline.client.threads import Threads
from sagaline.client.types import Description
from sagaline.client.without_owner import Copy, CopyTooLarge, answer, read_copy
from sagaline.errors import LogUnavailable, RequestTimeout

_log = logging.getLogger("sagaline.client")
PATIENCE_S = 2.0
"""So long an owner has to answer before the log is read, when no worker is there."""
_MEMBERS_S = 1.0
_NAMES_SHOWN = 5
OWNED_PATIENCE_S = 10.0
"""The same when there are workers: one of them will take the partition over."""


class Answer(NamedTuple):
    """An answer; ``unowned_since`` is set when it was read from the log."""

    reply: Reply
    unowned_since: datetime | None = None


def _drop(task: asyncio.Task[Answer]) -> None:
    """Nobody asks for what comes of it any more."""
    task.add_done_callback(_hear)
    task.cancel()


def _hear(task: asyncio.Task[Answer]) -> None:
    if not task.cancelled():
        task.exception()


class Reads:
    """Asks what changes nothing."""

    def __init__(self, requests: Requests, payloads: ClientPayloads, threads: Threads) -> None:
        self._requests, self._payloads, self._threads = requests, payloads, threads
        self._copying = asyncio.Lock()

    @property
    def partitions(self) -> int:
        """How many partitions the namespace has."""
        return self._requests.log.partitions

    async def describe(self, workflow_id: str, run_id: str, timeout_s: float | None) -> Description:
        """How a run stands. Raises RequestRefused, RequestTimeout."""
        told = await self.read(self.request(workflow_id, run_id, "description"), timeout_s)
        return await description_of(told.reply, self._payloads, told.unowned_since)

    def request(
        self, workflow_id: str, run_id: str, what: str, status: str = "", wanted: tuple[SearchAttribute, ...] = ()
    ) -> ReadRun:
        """A question about a run, or about all that have a status and search attributes."""
        reply_to, reply_partition = self._requests.address
        return ReadRun(new_id(), workflow_id, what, reply_to, reply_partition, run_id, status, search_attributes=wanted)

    async def read(self, request: ReadRun, timeout_s: float | None, partition: int | None = None) -> Answer:
        """Asks; after a while without an answer, and without a worker, reads the log. Raises RequestRefused,
        RequestTimeout, CopyTooLarge."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s

        def left_s() -> float | None:
            return None if deadline is None else max(0.0, deadline - loop.time())

        with self._requests.asking(request, partition) as asking:
            reply = await asking.answer(PATIENCE_S if timeout_s is None else min(PATIENCE_S, timeout_s))
            if reply is not None:
                return Answer(reply)
            copying = loop.create_task(self._from_log_in_time(request, partition))
            try:
                await asyncio.wait((asking.future, copying), timeout=left_s(), return_when=asyncio.FIRST_COMPLETED)
                if copying.done() and not asking.future.done():
                    failed = copying.exception()
                    if failed is None or not isinstance(failed, CopyTooLarge | LogUnavailable):
                        return copying.result()
                    await asking.answer(left_s())  # only an owner can say
                    if not asking.future.done():
                        raise failed
                if asking.future.done() and (reply := asking.future.result()) is not None:
                    return Answer(reply)
            finally:
                _drop(copying)
        raise RequestTimeout(await self.silence(request.workflow_id, timeout_s, asking))

    async def _from_log_in_time(self, request: ReadRun, partition: int | None) -> Answer:
        if await self._workers():
            await asyncio.sleep(OWNED_PATIENCE_S - PATIENCE_S)
        return await self.from_log(request, partition)

    async def from_log(self, request: ReadRun, partition: int | None = None) -> Answer:
        """The answer as the log has it. Raises RequestRefused, CopyTooLarge, LogUnavailable."""
        log = self._requests.log
        everything = partition is not None
        number = partition if partition is not None else partition_of(request.workflow_id, log.partitions)
        async with self._copying:  # one at a time: each may take much memory
            copy: Copy = await read_copy(log, self._threads, number, None if everything else request.workflow_id)
        _log.info(
            "No worker answered: partition %d is read from the log; %s took it over last, at %s.",
            number,
            copy.owner or "nobody",
            copy.owned_at,
        )
        return Answer(answer(copy, request), copy.owned_at)

    async def _workers(self) -> list[str] | None:
        """Ids of the workers that are there; None when nobody can tell."""
        try:
            async with asyncio.timeout(_MEMBERS_S):  # wait_for may swallow a cancellation
                return await self._requests.log.members()
        except (LogUnavailable, TimeoutError):
            return None

    async def silence(self, workflow_id: str, timeout_s: float | None, asking: Asking) -> str:
        """Why there may be no answer, in words."""
        namespace = self._requests.log.namespace
        within = "" if timeout_s is None else f" within {timeout_s:g} s"
        text = f"Expected an answer about {workflow_id!r}{within} but none came: "
        if asking.trouble:
            return text + f"the log did not take the request ({asking.trouble})."
        workers = await self._workers()
        if workers is None:
            return text + f"is a worker of namespace {namespace!r} running?"
        if not workers:
            return text + f"no worker of namespace {namespace!r} is running. Start one."
        names = ", ".join(workers[:_NAMES_SHOWN]) + (", ..." if len(workers) > _NAMES_SHOWN else "")
        return text + f"workers of namespace {namespace!r} are running, but none has answered ({names})."
