"""Requests and their answers: asked again until they are answered, for an owner that dies forgets who waits.

A request that changes something keeps its id each time it is asked, so that it is done once. One that reads has a
new id each time, so that the parts of two answers never mix. Every asking says how long it is listened for
(``waits_ms``): the owner forgets it after that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType

import msgspec

from sagaline._host.options import wall_clock_ms
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._log import COMMANDS, REPLIES, Log, Record
from sagaline._model.codec import UnreadableRecord, decode, encode
from sagaline._model.failure import Failure
from sagaline._model.records import Command, ReadRun, Reply, StartRun
from sagaline.errors import ClientClosed, RequestRefused, SagalineError

_log = logging.getLogger("sagaline.client")
ASK_AGAIN_S, LONGEST_ASK_S = 5.0, 60.0
_SLACK_MS = 1_000
FIRST_WAIT_MS = int(ASK_AGAIN_S * 1_000) + _SLACK_MS
"""What an asking is listened for beyond the moment of the next: an answer on its way is not thrown away."""
_ANSWER_BYTES = 256_000_000
_ANSWER_PARTS = 100_000
_ASKINGS_HEARD = 3
"""Askings of one read whose answers are still taken."""


class AnswerTooLarge(SagalineError):
    """An answer in more parts, or bytes, than a client takes."""


class _Parts:
    """The parts of one answer by their numbers; they may come in any order, and more than once."""

    def __init__(self) -> None:
        self._parts: dict[int, Reply] = {}
        self._last: int | None = None
        self._size = 0

    def add(self, reply: Reply) -> Reply | None:
        """The whole answer, once no part is missing. Raises AnswerTooLarge."""
        if reply.part == 0 and not reply.more:
            return reply
        if reply.part in self._parts:
            return None
        self._parts[reply.part] = reply
        self._size += sum(map(len, reply.records))
        if self._size > _ANSWER_BYTES or len(self._parts) > _ANSWER_PARTS:
            raise AnswerTooLarge(f"Expected an answer of at most {_ANSWER_BYTES} bytes but it has more.")
        if not reply.more:
            self._last = reply.part
        if self._last is None or len(self._parts) <= self._last:
            return None
        records = tuple(record for number in range(self._last + 1) for record in self._parts[number].records)
        return msgspec.structs.replace(self._parts[0], records=records, more=False)


class Asking:
    """A request without its answer yet. A context manager: while it is open, the request is asked again."""

    def __init__(self, requests: Requests, request: Command, partition: int | None) -> None:
        self._requests, self._request, self._partition = requests, request, partition
        self._loop = asyncio.get_running_loop()
        self._wait_s = ASK_AGAIN_S
        self._timer: asyncio.TimerHandle | None = None
        self._parts: dict[str, _Parts] = {}  # by request id: of each asking
        self._trouble = ""
        self.future: asyncio.Future[Reply] = self._loop.create_future()

    def __enter__(self) -> Asking:
        self._ask()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._requests.forget(self._parts)
        if not self.future.done():
            self.future.cancel()
        elif not self.future.cancelled():
            self.future.exception()  # heard

    @property
    def request(self) -> Command:
        """What is asked."""
        return self._request

    @property
    def trouble(self) -> str:
        """Why the log did not take the request the last time, in words; empty when it did."""
        return self._trouble

    def _ask(self) -> None:
        request = self._request
        if isinstance(request, ReadRun) and self._parts:
            request = msgspec.structs.replace(request, request_id=new_id())
        waits_ms = int(self._wait_s * 1_000) + _SLACK_MS
        if isinstance(request, ReadRun | StartRun) and request.waits_ms != waits_ms:
            request = msgspec.structs.replace(request, waits_ms=waits_ms)
        first = not self._parts
        self._parts.setdefault(request.request_id, _Parts())
        if len(self._parts) > _ASKINGS_HEARD:
            self._requests.forget([oldest := next(iter(self._parts))])
            del self._parts[oldest]
        on_done = None if first else self._on_published  # the first time nobody would hear of it
        self._requests.publish(request, self, self._partition, on_done)
        self._timer = self._loop.call_later(self._wait_s, self._ask_again)

    def _ask_again(self) -> None:
        self._wait_s = min(self._wait_s * 2, LONGEST_ASK_S)
        if not self.future.done():
            self._ask()

    def _on_published(self, error: str | None) -> None:
        self._trouble = error or ""

    def add(self, reply: Reply) -> None:
        """A part of an answer."""
        if self.future.done():
            return
        try:
            whole = self._parts[reply.request_id].add(reply)
        except AnswerTooLarge as error:
            self.future.set_exception(error)
            return
        if whole is None:
            return
        if whole.kind == "refused":
            self.future.set_exception(RequestRefused(whole.failure or Failure("Refused", "no reason was given")))
        else:
            self.future.set_result(whole)

    async def answer(self, limit_s: float | None) -> Reply | None:
        """The answer, or None when there is none within the limit. Raises RequestRefused, ClientClosed."""
        if not self.future.done():  # as asyncio.wait does it, at a third of its cost
            turn: asyncio.Future[None] = self._loop.create_future()
            wake = partial(_wake, turn)
            timer = None if limit_s is None else self._loop.call_later(limit_s, wake)
            self.future.add_done_callback(wake)
            try:
                await turn
            finally:
                self.future.remove_done_callback(wake)
                if timer is not None:
                    timer.cancel()
        return self.future.result() if self.future.done() else None


def _wake(turn: asyncio.Future[None], *_: object) -> None:
    if not turn.done():
        turn.set_result(None)


class Requests:
    """What one client has asked and not been answered."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._id = f"client-{new_id()}"
        self._key = self._id.encode()
        self._partition = 0
        self._waiting: dict[str, Asking] = {}
        self._closed = False

    async def open(self) -> None:
        """Connects, and listens for answers. Raises ConfigurationError, LogUnavailable."""
        await self.log.open(create=False)
        try:
            self._partition = random.randrange(self.log.partitions)
            _, end = await self.log.bounds(REPLIES, self._partition)
        except BaseException:
            await self.log.close()
            raise
        self._reader = self.log.reader(self._on_replies)
        self._reader.add(REPLIES, self._partition, end)

    async def close(self) -> None:
        """Disconnects; whoever waits for an answer is told. May be called again."""
        if self._closed:
            return
        self._closed = True
        for asking in set(self._waiting.values()):
            if not asking.future.done():
                asking.future.set_exception(ClientClosed("The client was closed while it waited for an answer."))
        await self._reader.close()
        await self.log.close()

    def check_open(self) -> None:
        """Raises ClientClosed."""
        if self._closed:
            raise ClientClosed("Expected an open client but it is closed: connect another one.")

    @property
    def address(self) -> tuple[str, int]:
        """Where answers go: the client's id and the partition that it reads, as requests say it."""
        return self._id, self._partition

    @property
    def unanswered(self) -> set[Asking]:
        """What has been asked and not been answered yet."""
        return {asking for asking in self._waiting.values() if not asking.future.done()}

    def asking(self, request: Command, partition: int | None = None) -> Asking:
        """Asks; ``with`` it open. Without a partition the request goes to that of its workflow id."""
        self.check_open()
        return Asking(self, request, partition)

    def publish(
        self, request: Command, asking: Asking, partition: int | None, on_done: Callable[[str | None], None] | None
    ) -> None:
        """Sends a request, whose answer is for ``asking``."""
        self._waiting[request.request_id] = asking
        self.log.publish(COMMANDS, partition, request.workflow_id.encode(), encode(request), on_done)

    def forget(self, request_ids: Iterable[str]) -> None:
        """Nobody waits for these any more."""
        for request_id in request_ids:
            self._waiting.pop(request_id, None)

    def _on_replies(self, records: list[Record]) -> None:
        for record in records:
            if record.key != self._key:
                continue
            try:
                reply = decode(record.value)
            except UnreadableRecord as error:
                send_to_dead_letters(self.log, record, str(error), wall_clock_ms)
                continue
            if isinstance(reply, Reply) and (asking := self._waiting.get(reply.request_id)) is not None:
                asking.add(reply)


def new_id() -> str:
    """An id for a request."""
    return os.urandom(16).hex()
