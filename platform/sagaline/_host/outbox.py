"""Publishes what records have put into the outbox, and knows up to where all of it has left."""

from __future__ import annotations

import asyncio
import logging

from sagaline._engine.effects import Publish
from sagaline._log import Log

_log = logging.getLogger("sagaline.outbox")
_RETRY_S = 2.0


class Outbox:
    """``released``: every entry up to this number has left. It rides on later records, which delete the rows."""

    def __init__(self, log: Log, released: int) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self.released = released
        self._left: set[int] = set()
        self._closed = False

    def publish(self, entry: Publish) -> None:
        """Sends an entry; one that fails is tried again and holds no other up."""
        if self._closed:
            return

        def on_done(error: str | None) -> None:
            if error is None:
                self._mark(entry.number)
            else:
                _log.warning("Outbox entry %d for %s: %s; trying again", entry.number, entry.row.topic, error)
                self._loop.call_later(_RETRY_S, self.publish, entry)

        row = entry.row
        self._log.publish(row.topic, row.partition, row.key, row.value, on_done)

    def _mark(self, number: int) -> None:
        self._left.add(number)
        while self.released + 1 in self._left:
            self.released += 1
            self._left.remove(self.released)

    def close(self) -> None:
        """Publishes nothing more."""
        self._closed = True
