"""Publishes what records have put into the outbox, and knows up to where all of it has left."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from sagaline._engine.effects import Publish
from sagaline._host import crash_points
from sagaline._host.options import HostOptions
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._log import Log, Record

_log = logging.getLogger("sagaline.outbox")
_RETRY_S = 2.0


class Outbox:
    """``released``: whatever records below this offset asked for has left. It rides on later records, which delete
    the rows."""

    def __init__(self, log: Log, options: HostOptions, next_offset: Callable[[], int]) -> None:
        self._log, self._options, self._next_offset = log, options, next_offset
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[int, int]] = deque()  # in order, without those that have left at its head
        self._left: set[tuple[int, int]] = set()
        self._failing_since: dict[tuple[int, int], float] = {}
        self.bytes_waiting = 0  # of messages that have not left
        self._closed = False

    @property
    def released(self) -> int:
        """Up to the first entry that has not left; all that is applied when there is none."""
        return self._waiting[0][0] if self._waiting else self._next_offset()

    def publish(self, entry: Publish) -> None:
        """Sends an entry. Contract: numbers increase."""
        self._waiting.append(entry.number)
        self.bytes_waiting += len(entry.row.value)
        self._send(entry)

    def _send(self, entry: Publish) -> None:
        """One that fails is tried again and holds no other up."""
        if self._closed:
            return
        if crash_points.armed:
            crash_points.reach("before-publish")
        row = entry.row
        self._log.publish(row.topic, row.partition, row.key, row.value, partial(self._on_done, entry))

    def _on_done(self, entry: Publish, error: str | None) -> None:
        if error is None:
            self._mark(entry)
            return
        since = self._failing_since.setdefault(entry.number, self._loop.time())
        if self._loop.time() - since > self._options.outbox_give_up_s:
            self._bury(entry, error)
        else:
            _log.warning("Outbox entry %s for %s: %s; trying again", entry.number, entry.row.topic, error)
            self._loop.call_later(_RETRY_S, self._send, entry)

    def _bury(self, entry: Publish, error: str) -> None:
        """It cannot be published, e.g. for its topic is gone: a dead letter keeps it, with the reason."""
        if self._closed:
            return
        row = entry.row
        record = Record(row.topic, row.partition, entry.number[0], row.key, row.value)
        cause = f"A message that history asked for at this offset could not be published: {error}"

        def on_done(failed: str | None) -> None:
            if failed is None:
                self._mark(entry)
            else:
                self._loop.call_later(_RETRY_S, self._send, entry)

        send_to_dead_letters(self._log, record, cause, self._options.clock, on_done)

    def _mark(self, entry: Publish) -> None:
        self._failing_since.pop(entry.number, None)
        self.bytes_waiting -= len(entry.row.value)
        self._left.add(entry.number)
        waiting = self._waiting
        while waiting and waiting[0] in self._left:
            self._left.remove(waiting.popleft())

    def close(self) -> None:
        """Publishes nothing more."""
        self._closed = True
