"""Sends messages: tries again with backoff, and gives up for a dead letter what cannot be published."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sagaline._engine.effects import Publish
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._host import crash_points
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard, describe
from sagaline._host.publishing.backoff import wait_s
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._log import Log, Record
from sagaline._model.limits import RECORD_BYTES

_log = logging.getLogger("sagaline.outbox")


class Message:
    """A message on its way."""

    __slots__ = ("entry", "failing_since", "failures", "size")

    def __init__(self, entry: Publish) -> None:
        self.entry, self.size = entry, len(entry.row.key) + len(entry.row.value)
        self.failures, self.failing_since = 0, 0.0


class Sender:
    """``on_left`` is called once for each message, under the guard: when it, or its dead letter, is in the log, or
    when ``is_settled`` says after a failure that it has arrived all the same."""

    def __init__(
        self,
        log: Log,
        options: HostOptions,
        guard: Guard,
        on_left: Callable[[Message], None],
        is_settled: Callable[[OutboxRow], bool],
    ) -> None:
        self._log, self._options, self._guard, self._on_left = log, options, guard, on_left
        self._is_settled = is_settled
        self._loop = asyncio.get_running_loop()
        self.is_closed = False

    def close(self) -> None:
        """Sends nothing more; what is on its way may land."""
        self.is_closed = True

    def send(self, message: Message) -> None:
        """One that fails is tried again and holds no other up."""
        if self.is_closed:
            return
        row = message.entry.row
        if message.failures and self._is_settled(row):
            self._on_left(message)
            return
        if crash_points.armed:
            crash_points.reach("before-publish")
        if message.size > RECORD_BYTES:
            self._bury(message, f"it has {message.size} bytes and a record may have {RECORD_BYTES}")
            return

        def on_done(error: str | None) -> None:
            if error is None:
                self._guard.run(self._on_left, message)
            else:
                self._guard.run(self._retry, message, error)

        try:
            self._log.publish(
                row.topic, None if row.partition == BY_KEY else row.partition, row.key, row.value, on_done
            )
        except Exception as error:
            self._retry(message, f"{type(error).__name__}: {describe(error)}")

    def _retry(self, message: Message, error: str) -> None:
        if self.is_closed:
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
        self._loop.call_later(delay_s, self._guard.wrap(self.send), message)

    def _bury(self, message: Message, error: str) -> None:
        """It cannot be published, e.g. for its topic is gone: a dead letter keeps it, with the reason."""
        row = message.entry.row
        record = Record(row.topic, max(0, row.partition), message.entry.number[0], row.key, row.value)
        cause = f"A message that history asked for at this offset could not be published: {error}"

        def on_done(failed: str | None) -> None:
            if failed is None:
                self._guard.run(self._on_left, message)
            else:
                message.failures += 1
                self._loop.call_later(wait_s(message.failures), self._guard.wrap(self.send), message)

        send_to_dead_letters(self._log, record, cause, self._options.clock, on_done)
