"""Appends of one partition: sent without waiting, checked when acknowledged, applied, and their effects released.

Deciding runs ahead: a record is decided on the state that the unacknowledged ones before it will leave (the
overlay). When the acknowledgement comes, and the offset is the next one, its rows count, and only then is
anything outside allowed to see them. If the offset is not the next one, or an append fails, everything above is
dropped and the partition is claimed anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sagaline._engine.effects import Effect
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Writes
from sagaline._engine.state import OffsetRows
from sagaline._host import crash_points
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._log import HISTORY, Ack, Appender, Log, Record

_log = logging.getLogger("sagaline.partition")


class Recorded(NamedTuple):
    """What the newest record up to here says of inputs and messages."""

    commands_position: int
    results_position: int
    released: int


class Pending(NamedTuple):
    """An append that is not acknowledged yet, and what follows when it is."""

    owner: Pipeline
    recorded: Recorded
    writes: Writes
    effects: list[Effect]
    offset_rows: OffsetRows | None
    sent_at_ms: int
    bytes: int


class Pipeline:
    """``lost`` is set, with the reason, when the partition has to be claimed anew."""

    def __init__(
        self,
        number: int,
        meta: Meta,
        log: Log,
        appender: Appender,
        on_applied: Callable[[int, Sequence[Pending]], None],
        on_foreign: Callable[[Sequence[Record]], Lost | None],
    ) -> None:
        self._number, self._log = number, log
        self.appender = appender
        self.epoch, self.next_offset = meta.epoch, meta.next_offset
        self._on_applied, self._on_foreign = on_applied, on_foreign
        self._in_flight: deque[Pending] = deque()
        self.appended = self.acknowledged = self.bytes_in_flight = 0
        self._gap: asyncio.Task[None] | None = None
        self._held: list[Ack] = []
        self.lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
        self.guard = Guard(self.lose)

    @property
    def in_flight(self) -> int:
        """Appends that are not acknowledged."""
        return len(self._in_flight)

    def oldest_ms(self, now_ms: int) -> int:
        """For how long the oldest append waits for its acknowledgement."""
        return now_ms - self._in_flight[0].sent_at_ms if self._in_flight and self._gap is None else 0

    def lose(self, lost: Lost) -> None:
        """The partition has to be claimed anew."""
        if not self.lost.done():
            self.lost.set_result(lost)

    def close(self) -> None:
        """Whatever is not acknowledged does not count."""
        self.lose(Lost(Kind.CLOSED, "closed"))
        self.guard.close()

    def send(self, key: bytes, value: bytes | None, pending: Pending) -> None:
        """Appends a record; its writes are in the overlay already."""
        self._in_flight.append(pending)
        self.bytes_in_flight += pending.bytes
        self.appended += 1
        self.appender.append(self._number, key, value, pending)
        if crash_points.armed:
            crash_points.reach("after-append")

    def on_acks(self, acks: Sequence[Ack]) -> None:
        """Acknowledgements of this partition's appends, in order."""
        if self.lost.done():
            return
        if self._gap is not None:
            self._held += acks
            return
        expected = self.next_offset
        in_flight = self._in_flight
        acknowledged: list[Pending] = []
        for number, (token, offset, error) in enumerate(acks):
            if error is not None or offset < expected:
                self.lose(Lost(Kind.PRODUCER, f"an append is in doubt: {error or 'no offset in sequence'}"))
                break
            if offset > expected:
                self._held = list(acks[number:])
                self._gap = self.guard.task(self._look_into_gap(expected, offset), "gap")
                break
            pending = in_flight.popleft()
            if pending is not token:
                self.lose(Lost(Kind.PRODUCER, "an append is in doubt: acknowledgements are out of order"))
                break
            acknowledged.append(pending)
            self.bytes_in_flight -= pending.bytes
            expected += 1
        self.next_offset = expected
        if acknowledged:
            self.acknowledged += len(acknowledged)
            self._on_applied(expected - len(acknowledged), acknowledged)

    async def _look_into_gap(self, start: int, offset: int) -> None:
        """Somebody else has written. A claim among it means that the partition is theirs; the rest is a zombie's."""
        async for batch in self._log.read(HISTORY, self._number, start, offset):
            lost = self._on_foreign(batch)
            if lost is not None:
                self.lose(lost)
                return
        _log.warning("Partition %d: ignored foreign records from %d to %d", self._number, start, offset - 1)
        self.next_offset = offset
        self._gap = None
        held, self._held = self._held, []
        self.on_acks(held)
