"""Publishes what records have put into the outbox, and knows up to where all of it has left."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from sagaline._engine.effects import Publish
from sagaline._log import Log

_log = logging.getLogger("sagaline.outbox")
_RETRY_S = 2.0


class Outbox:
    """``released``: whatever records below this offset asked for has left. It rides on later records, which delete
    the rows."""

    def __init__(self, log: Log, next_offset: Callable[[], int]) -> None:
        self._log, self._next_offset = log, next_offset
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[int, int]] = deque()  # in order, without those that have left at its head
        self._left: set[tuple[int, int]] = set()
        self._closed = False

    @property
    def released(self) -> int:
        """Up to the first entry that has not left; all that is applied when there is none."""
        return self._waiting[0][0] if self._waiting else self._next_offset()

    def publish(self, entry: Publish) -> None:
        """Sends an entry. Contract: numbers increase."""
        self._waiting.append(entry.number)
        self._send(entry)

    def _send(self, entry: Publish) -> None:
        """One that fails is tried again and holds no other up."""
        if self._closed:
            return
        row = entry.row
        self._log.publish(row.topic, row.partition, row.key, row.value, partial(self._on_done, entry))

    def _on_done(self, entry: Publish, error: str | None) -> None:
        if error is None:
            self._mark(entry.number)
        else:
            _log.warning("Outbox entry %s for %s: %s; trying again", entry.number, entry.row.topic, error)
            self._loop.call_later(_RETRY_S, self._send, entry)

    def _mark(self, number: tuple[int, int]) -> None:
        self._left.add(number)
        waiting = self._waiting
        while waiting and waiting[0] in self._left:
            self._left.remove(waiting.popleft())

    def close(self) -> None:
        """Publishes nothing more."""
        self._closed = True
