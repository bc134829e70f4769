"""Sends answers, with a bound on the bytes that are on their way: many large answers at once take no more memory.

Short answers go first, then one part of each long one in turn, so that a list of a million runs holds nobody up.
Between two parts everything else gets its turn of the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sagaline._engine.replies import REPLIES
from sagaline._host.partition.guard import Guard, describe
from sagaline._host.reading.answers import Parts, refused
from sagaline._host.reading.waiters import Asker
from sagaline._log import Log
from sagaline._model.codec import encode
from sagaline._model.limits import NAME_BYTES, RECORD_BYTES, cut
from sagaline._model.records import Reply
from sagaline._store import StoreUnavailable

_log = logging.getLogger("sagaline.reads")
_BYTES_ON_THEIR_WAY = 16_000_000
"""Of all partitions of a process."""
_LEAST_BYTES = 1_000_000
_LONG_AT_ONCE = 4
_SHORT_A_TURN = 20
_ENTRY_BYTES = 500
_END = object()


class Answer(NamedTuple):
    """Who is answered, and what makes the answer, when there is room for it: a reply, or parts of one."""

    asker: Asker
    make: Callable[[], Reply | Parts | None]
    run_id: str = ""
    """The run that has to stay until it is answered."""
    is_long: bool = False
    """It may need several parts, and is made a step at a time."""


class _Long(NamedTuple):
    answer: Answer
    parts: Parts


class Delivery:
    """Answers of one partition. What one of them raises is told to whoever asked for it, and to nobody else."""

    def __init__(self, log: Log, guard: Guard) -> None:
        self._log, self._guard = log, guard
        self._waiting: deque[Answer] = deque()
        self._long_waiting: deque[Answer] = deque()
        self._long: deque[_Long] = deque()
        self._on_their_way = 0
        self._bound = _BYTES_ON_THEIR_WAY
        self._room = asyncio.Event()
        self._room.set()
        self._sending: asyncio.Task[None] | None = None

    @property
    def bytes_waiting(self) -> int:
        """Bytes of answers on their way, and of the requests that wait for theirs."""
        requests = len(self._waiting) + len(self._long_waiting) + len(self._long)
        return self._on_their_way + _ENTRY_BYTES * requests

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this partition."""
        self._bound = max(_LEAST_BYTES, int(_BYTES_ON_THEIR_WAY * share))

    def __iter__(self) -> Iterator[Answer]:
        """All that are not made to their end."""
        yield from self._waiting
        yield from self._long_waiting
        for long in self._long:
            yield long.answer

    def send(self, answer: Answer) -> None:
        """Answers now if the answer is short, there is room and nobody else waits; else in turn."""
        if answer.is_long:
            self._long_waiting.append(answer)
        elif self._waiting or not self._has_room:
            self._waiting.append(answer)
        else:
            self._make(answer)
        if self._is_busy and self._sending is None:
            self._sending = self._guard.task(self._send_all(), "answers")

    @property
    def _is_busy(self) -> bool:
        return bool(self._waiting or self._long_waiting or self._long)

    @property
    def _has_room(self) -> bool:
        return self._on_their_way < self._bound

    async def _send_all(self) -> None:
        while self._is_busy:
            if not self._has_room:
                self._room.clear()
                await self._room.wait()
            for _ in range(_SHORT_A_TURN):
                if self._waiting and self._has_room:
                    self._make(self._waiting.popleft())
            if self._long_waiting and len(self._long) < _LONG_AT_ONCE:
                self._make(self._long_waiting.popleft())
            if self._long and self._has_room:
                self._advance(self._long.popleft())
            await asyncio.sleep(0)
        self._sending = None

    def _make(self, answer: Answer) -> None:
        """Sends a short answer; a long one begins."""
        try:
            made = answer.make()
        except Exception as error:
            self.failed(answer.asker, error)
            return
        if isinstance(made, Reply):
            self._publish(answer.asker, made)
        elif made is not None:
            self._long.append(_Long(answer, made))

    def _advance(self, long: _Long) -> None:
        """Sends the next part, if the next step comes to its end."""
        try:
            part = next(long.parts, _END)
        except Exception as error:
            self.failed(long.answer.asker, error)
            return
        if part is _END:
            return
        self._long.append(long)
        if isinstance(part, Reply):
            self._publish(long.answer.asker, part)

    def failed(self, asker: Asker, error: Exception) -> None:
        """A store that cannot be read is the partition's trouble; anything else costs this answer."""
        if isinstance(error, StoreUnavailable):
            self._guard.caught(error)
            return
        _log.error("A request about %s could not be answered", cut(asker.workflow_id, NAME_BYTES), exc_info=error)
        message = f"Expected to answer but the engine failed: {type(error).__name__}: {describe(error)}"
        self._publish(asker, refused(asker, "EngineError", message))

    def _publish(self, asker: Asker, reply: Reply) -> None:
        if not asker.reply_to:
            return
        value = encode(reply)
        if len(value) > RECORD_BYTES:
            message = f"Expected an answer of at most {RECORD_BYTES} bytes but it has {len(value)}."
            value = encode(refused(asker, "AnswerTooLarge", message))
        size = len(value)
        self._on_their_way += size

        def on_done(error: str | None) -> None:
            self._guard.run(self._done, size, error)

        try:
            self._log.publish(REPLIES, asker.reply_partition, asker.reply_to.encode(), value, on_done)
        except Exception as error:
            self._done(size, f"{type(error).__name__}: {describe(error)}")

    def _done(self, size: int, error: str | None) -> None:
        self._on_their_way -= size
        if self._has_room:
            self._room.set()
        if error is not None:
            _log.warning("An answer could not be sent: %s; its client asks again", error)

    def close(self) -> None:
        """Sends nothing more."""
        if self._sending is not None:
            self._sending.cancel()
        self._waiting.clear()
        self._long_waiting.clear()
        self._long.clear()
