"""Publishes what records have put into the outbox, and knows up to where all of it has left.

The earliest messages are in memory and on their way, as many as fit into a window; those behind stay in the store
until their turn comes, so that a million of them take no memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator

from sagaline._engine.effects import Publish
from sagaline._host import crash_points
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard, describe
from sagaline._host.partition.progress import Progress
from sagaline._host.publishing.backoff import wait_s
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._log import Log, Record
from sagaline._model.limits import RECORD_BYTES

_log = logging.getLogger("sagaline.outbox")
_WINDOW_BYTES = 16_000_000
"""Of all partitions of a process."""
_LEAST_BYTES = 1_000_000
_WINDOW_MESSAGES = 20_000
Number = tuple[int, int]
"""Offset of the record that asked for a message, and the message's number in it."""


class _Message:
    """A message on its way."""

    __slots__ = ("entry", "failing_since", "failures", "size")

    def __init__(self, entry: Publish) -> None:
        self.entry, self.size = entry, len(entry.row.key) + len(entry.row.value)
        self.failures, self.failing_since = 0, 0.0


class Outbox:
    """``stored`` gives the durable messages behind a number, in order. Writes ``Progress.released``.

    Nothing leaves before ``begin``: until then all that was not known to have left counts as waiting.
    """

    def __init__(
        self,
        log: Log,
        options: HostOptions,
        guard: Guard,
        progress: Progress,
        stored: Callable[[Number | None], Iterator[Publish]],
    ) -> None:
        self._log, self._options, self._guard = log, options, guard
        self._progress, self._stored = progress, stored
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Number] = deque()  # in order, without those that have left at its head
        self._left: set[Number] = set()
        self._last: Number | None = None  # of those that have been in the window
        self._more, self._filling, self._closed = True, False, False
        self._released_before = progress.released
        self._window_bytes = self._bytes_behind = 0
        self._bound = _WINDOW_BYTES

    @property
    def released(self) -> int:
        """Whatever records below this offset asked for has left. It rides on later records, which delete the rows."""
        if self._waiting:
            return self._waiting[0][0]
        if self._more:
            return self._released_before if self._last is None else self._last[0]
        return self._progress.next_offset

    @property
    def bytes_waiting(self) -> int:
        """Bytes of messages that have not left, as far as they are known."""
        return self._window_bytes + self._bytes_behind

    @property
    def is_empty(self) -> bool:
        """True when everything has left."""
        return not self._waiting and not self._more

    @property
    def _is_full(self) -> bool:
        return self._window_bytes >= self._bound or len(self._waiting) >= _WINDOW_MESSAGES

    def begin(self) -> None:
        """Sends what an owner before has left behind."""
        self._fill()
        self.advance()

    def advance(self) -> None:
        """History has been applied further, or messages have left."""
        self._progress.released = self.released

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this partition."""
        self._bound = max(_LEAST_BYTES, int(_WINDOW_BYTES * share))

    def publish(self, entry: Publish) -> None:
        """Sends an entry, now or in its turn. Contract: numbers increase, and its row is durable."""
        message = _Message(entry)
        if self._more or self._is_full:
            self._more = True
            self._bytes_behind += message.size
        else:
            self._hold(message)

    def _fill(self) -> None:
        """Takes the next ones from the store while there is room."""
        if not self._more or self._filling or self._closed:
            return
        self._filling = True
        try:
            for entry in self._stored(self._last):
                message = _Message(entry)
                self._bytes_behind = max(0, self._bytes_behind - message.size)
                self._hold(message)
                if self._is_full:
                    return
            self._more, self._bytes_behind = False, 0
        finally:
            self._filling = False

    def _hold(self, message: _Message) -> None:
        self._last = message.entry.number
        self._waiting.append(message.entry.number)
        self._window_bytes += message.size
        self._send(message)

    def _send(self, message: _Message) -> None:
        """One that fails is tried again and holds no other up."""
        if self._closed:
            return
        if crash_points.armed:
            crash_points.reach("before-publish")
        row = message.entry.row
        if message.size > RECORD_BYTES:
            self._bury(message, f"it has {message.size} bytes and a record may have {RECORD_BYTES}")
            return

        def on_done(error: str | None) -> None:
            self._guard.run(self._on_done, message, error)

        try:
            self._log.publish(row.topic, row.partition, row.key, row.value, on_done)
        except Exception as error:
            self._retry(message, f"{type(error).__name__}: {describe(error)}")

    def _on_done(self, message: _Message, error: str | None) -> None:
        if error is None:
            self._mark(message)
        else:
            self._retry(message, error)

    def _retry(self, message: _Message, error: str) -> None:
        if self._closed:
            return
        now = self._loop.time()
        if not message.failures:
            message.failing_since = now
        message.failures += 1
        if now - message.failing_since > self._options.outbox_give_up_s:
            self._bury(message, error)
            return
        delay_s = wait_s(message.failures)
        number, topic = message.entry.number, message.entry.row.topic
        _log.warning("Outbox entry %s for %s: %s; trying again in %g s", number, topic, error, delay_s)
        self._loop.call_later(delay_s, self._guard.wrap(self._send), message)

    def _bury(self, message: _Message, error: str) -> None:
        """It cannot be published, e.g. for its topic is gone: a dead letter keeps it, with the reason."""
        row = message.entry.row
        record = Record(row.topic, row.partition, message.entry.number[0], row.key, row.value)
        cause = f"A message that history asked for at this offset could not be published: {error}"

        def on_done(failed: str | None) -> None:
            if failed is None:
                self._guard.run(self._mark, message)
            else:
                message.failures += 1
                self._loop.call_later(wait_s(message.failures), self._guard.wrap(self._send), message)

        send_to_dead_letters(self._log, record, cause, self._options.clock, on_done)

    def _mark(self, message: _Message) -> None:
        self._window_bytes -= message.size
        self._left.add(message.entry.number)
        waiting = self._waiting
        while waiting and waiting[0] in self._left:
            self._left.remove(waiting.popleft())
        if self._more and self._window_bytes <= self._bound // 2 and len(waiting) <= _WINDOW_MESSAGES // 2:
            self._fill()
        self.advance()

    def close(self) -> None:
        """Publishes nothing more."""
        self._closed = True
