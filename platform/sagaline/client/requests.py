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
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType

import msgspec

from sagaline._host.options import wall_clock_ms
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._log import COMMANDS, REPLIES, Log, Record
from sagaline._model.codec import UnreadableRecord, decode, encode
from sagaline._model.failure import Failure
from sagaline._model.records import Command, ReadRun, Reply, StartRun, UpdateRun
from sagaline.client.alarms import NO_ALARM, Alarms
from sagaline.errors import ClientClosed, RequestRefused, SagalineError

_log = logging.getLogger("sagaline.client")
ASK_AGAIN_S, LONGEST_ASK_S = 5.0, 60.0
_SLACK_MS = 1_000
FIRST_WAIT_MS = int(ASK_AGAIN_S * 1_000) + _SLACK_MS
"""What an asking is listened for beyond the moment of the next: an answer on its way is not thrown away."""
_LISTENED_FOR = (ReadRun, StartRun, UpdateRun)
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
        return msgspec.structs.replace(self._parts[0], records=records, more=False)  # the only part that there is now


class Asking:
    """A request without its answer yet. A context manager: while it is open, the request is asked again."""

    def __init__(self, requests: Requests, request: Command, partition: int | None) -> None:
        self._requests, self._request, self._partition = requests, request, partition
        self._wait_s = ASK_AGAIN_S
        self._next = self._limit = NO_ALARM
        self._parts: dict[str, _Parts | None] = {}  # by request id: of each asking, None while there are none
        self._trouble = ""
        self._loop = requests.loop
        self.future: asyncio.Future[Reply | None] = self._loop.create_future()
        """The answer. None: there was none within a limit, and another future has taken the place of this one."""

    def __enter__(self) -> Asking:
        self._ask()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._next.cancel()
        self._limit.cancel()
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
        if isinstance(request, _LISTENED_FOR) and request.waits_ms != waits_ms:
            request = msgspec.structs.replace(request, waits_ms=waits_ms)
        first = not self._parts
        self._parts.setdefault(request.request_id, None)
        if len(self._parts) > _ASKINGS_HEARD:
            self._requests.forget([oldest := next(iter(self._parts))])
            del self._parts[oldest]
        on_done = None if first else self._on_published  # the first time nobody would hear of it
        self._requests.publish(request, self, self._partition, on_done)
        self._next = self._requests.alarms.after(self._wait_s, self._ask_again)

    def _ask_again(self) -> None:
        self._wait_s = min(self._wait_s * 2, LONGEST_ASK_S)
        if not self.future.done():
            self._ask()

    def repeat(self) -> None:
        """Asks again at once: whoever was asked has gone."""
        self._next.cancel()
        self._ask()

    def _on_published(self, error: str | None) -> None:
        self._trouble = error or ""

    def add(self, reply: Reply) -> None:
        """A part of an answer."""
        if self.future.done():
            return
        if reply.more or reply.part:
            self._add_part(reply)
        elif reply.kind == "refused":
            failure = reply.failure or Failure("Refused", "no reason was given")
            self.future.set_exception(RequestRefused(failure, reply.run_id))
        else:
            self.future.set_result(reply)

    def _add_part(self, reply: Reply) -> None:
        parts = self._parts[reply.request_id]
        if parts is None:
            parts = self._parts[reply.request_id] = _Parts()
        try:
            whole = parts.add(reply)
        except AnswerTooLarge as error:
            self.future.set_exception(error)
        else:
            if whole is not None:
                self.add(whole)

    def answer(self, limit_s: float | None) -> Awaitable[Reply | None]:
        """The answer, or None when there is none within the limit. Raises RequestRefused, ClientClosed."""
        if limit_s is not None and not self.future.done():
            self._limit.cancel()
            self._limit = self._requests.alarms.after(limit_s, self._end_turn)
        return self.future

    def _end_turn(self) -> None:
        """Whoever waits goes on without an answer, which may still come."""
        if not self.future.done():
            waited_for, self.future = self.future, self._loop.create_future()
            waited_for.set_result(None)


class Requests:
    """What one client has asked and not been answered."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._id = f"client-{new_id()}"
        self._key = self._id.encode()
        self._partition = 0
        self._waiting: dict[str, Asking] = {}
        self._closed = False
        self.tails: set[asyncio.Event] = set()
        """Set for whoever reads a topic for as long as the client is open, when it is closed."""

    async def open(self) -> None:
        """Connects, and listens for answers. Raises ConfigurationError, LogUnavailable."""
        await self.log.open(create=False)
        self.loop, self.alarms = asyncio.get_running_loop(), Alarms()
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
        for tail in self.tails:
            tail.set()
        self.alarms.close()
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
