"""Results and heartbeats on their way to the owners of the runs: each is tried again until it is in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sagaline._host.partition.guard import describe
from sagaline._host.publishing.backoff import wait_s
from sagaline._log import RESULTS, Log
from sagaline._model.codec import encode
from sagaline._model.records import ActivityResult, Heartbeat

_log = logging.getLogger("sagaline.queues")


class Results:
    """``bytes_waiting`` are those of results that are not in the log yet: while they are many, no task is read."""

    def __init__(self, log: Log) -> None:
        self._log, self._loop = log, asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._idle.set()
        self._waiting = 0
        self.bytes_waiting = 0
        self._closed = False

    def send(self, record: ActivityResult | Heartbeat, on_sent: Callable[[], None]) -> None:
        """``on_sent`` is called once it is in the log."""
        value = encode(record)
        self._waiting += 1
        self.bytes_waiting += len(value)
        self._idle.clear()
        self._send(record.workflow_id.encode(), value, 0, on_sent)

    def _send(self, key: bytes, value: bytes, failures: int, on_sent: Callable[[], None]) -> None:
        if self._closed:
            return

        def on_done(error: str | None) -> None:
            if error is not None:
                delay_s = wait_s(failures + 1)
                _log.warning("A result could not be written: %s; trying again in %g s", error, delay_s)
                self._loop.call_later(delay_s, self._send, key, value, failures + 1, on_sent)
                return
            self._waiting -= 1
            self.bytes_waiting -= len(value)
            if not self._waiting:
                self._idle.set()
            on_sent()

        try:
            self._log.publish(RESULTS, None, key, value, on_done)
        except Exception as error:  # it is not to, but nothing may be lost by that
            self._loop.call_soon(on_done, f"{type(error).__name__}: {describe(error)}")

    async def sent(self, limit_s: float) -> None:
        """Waits until all is in the log, for so long at most."""
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("%d results could not be written: their tasks are done again", self._waiting)

    def close(self) -> None:
        """Tries nothing again."""
        self._closed = True
