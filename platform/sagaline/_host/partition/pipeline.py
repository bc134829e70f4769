"""Appends of one partition: sent without waiting, checked when they are acknowledged, then applied.

Deciding runs ahead: a record is decided on the state that the unacknowledged ones before it will leave (the
overlay). When the acknowledgement comes, and the offset is the next one, its rows count, and only then is
anything outside allowed to see them. If the offset is not the next one, or an append fails, everything above is
dropped and the partition is claimed anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from sagaline._engine.effects import Effect
from sagaline._engine.overlay import Writes
from sagaline._engine.state import OffsetRows
from sagaline._host import crash_points
from sagaline._host.partition.guard import Guard, loss_of
from sagaline._host.partition.lost import Lost, in_doubt
from sagaline._host.partition.progress import Progress, Watermarks
from sagaline._log import HISTORY, Ack, Appender, Log, Record

_log = logging.getLogger("sagaline.partition")


class Pending(msgspec.Struct, frozen=True):
    """An append that is not acknowledged yet, and what follows when it is."""

    owner: Pipeline
    watermarks: Watermarks
    writes: Writes
    effects: list[Effect]
    offset_rows: OffsetRows | None
    sent_at_ms: int
    bytes: int


class Sink(Protocol):
    """What follows an acknowledgement."""

    def apply(self, offset: int, acknowledged: Sequence[Pending]) -> None:
        """The records from ``offset`` on are durable."""
        ...

    def apply_foreign(self, records: Sequence[Record]) -> Lost | None:
        """Somebody else has written these between them; the reason when the partition is lost by it."""
        ...


class Pipeline:
    """Gives the partition up through ``guard`` when what is appended is in doubt, or history is somebody else's."""

    def __init__(self, number: int, log: Log, appender: Appender, progress: Progress, sink: Sink, guard: Guard) -> None:
        self._number, self._log, self._progress, self._sink = number, log, progress, sink
        self.appender, self.guard = appender, guard
        self._in_flight: deque[Pending] = deque()
        self.bytes_in_flight = 0
        self._gap: asyncio.Task[None] | None = None
        self._held: list[Ack] = []

    def oldest_ms(self, now_ms: int) -> int:
        """For how long the oldest append waits for its acknowledgement."""
        return now_ms - self._in_flight[0].sent_at_ms if self._in_flight and self._gap is None else 0

    def send(self, key: bytes, value: bytes | None, pending: Pending) -> None:
        """Appends a record; its writes are in the overlay already. Nothing once the partition is given up: behind a
        record that did not land none may."""
        if self.guard.given_up:
            return
        self._in_flight.append(pending)
        self.bytes_in_flight += pending.bytes
        self._progress.appended += 1
        try:
            self.appender.append(self._number, key, value, pending)
        except BaseException as error:  # nobody knows whether it was sent
            self._doubt(loss_of(error).text)
        if crash_points.armed:
            crash_points.reach("after-append")

    def on_acks(self, acks: Sequence[Ack]) -> None:
        """Acknowledgements of this partition's appends, in order."""
        if self.guard.given_up:
            return
        if self._gap is not None:
            self._held += acks
            return
        expected = self._progress.next_offset
        in_flight = self._in_flight
        acknowledged: list[Pending] = []
        for number, (token, offset, error) in enumerate(acks):
            if error is not None or offset < expected:
                self._doubt(error or "no offset in sequence")
                break
            if offset > expected:
                self._held = list(acks[number:])
                self._gap = self.guard.task(self._look_into_gap(expected, offset), "gap in history")
                break
            pending = in_flight.popleft()
            if pending is not token:
                self._doubt("acknowledgements are out of order")
                break
            acknowledged.append(pending)
            self.bytes_in_flight -= pending.bytes
            expected += 1
        if acknowledged:
            self._progress.next_offset = expected
            self._progress.acknowledged += len(acknowledged)
            self._sink.apply(expected - len(acknowledged), acknowledged)

    def _doubt(self, cause: str) -> None:
        self.guard.lose(in_doubt(cause))

    async def _look_into_gap(self, start: int, offset: int) -> None:
        """Somebody else has written. A claim among it means that the partition is theirs; the rest is a zombie's."""
        async for batch in self._log.read(HISTORY, self._number, start, offset):
            lost = self._sink.apply_foreign(batch)
            if lost is not None:
                self.guard.lose(lost)
                return
        _log.warning("Partition %d: ignored foreign records from %d to %d", self._number, start, offset - 1)
        self._progress.next_offset = offset
        self._gap = None
        held, self._held = self._held, []
        self.on_acks(held)
