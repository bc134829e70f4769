"""Who appends to the log in memory, and who reads it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from sagaline._log.memory.broker import MemoryBroker
from sagaline._log.port import Ack, Record
from sagaline._log.sizes import size_error
from sagaline._log.threads import call
from sagaline._log.topics import HISTORY
from sagaline._model.limits import RECORD_LIMIT

_GIVEN_UP = "its appender was given up"
_RECORDS_A_BATCH = 500


class MemoryAppender:
    """Appends in order; with latency, acknowledgements come later but in order too."""

    def __init__(
        self,
        broker: MemoryBroker,
        fate: Callable[[], tuple[bool, bool, float]],
        loop: asyncio.AbstractEventLoop,
        on_acks: Callable[[list[Ack]], None],
    ) -> None:
        self._broker, self._fate, self._loop, self._on_acks = broker, fate, loop, on_acks
        self._acks: deque[Ack] = deque()
        self._broken: set[int] = set()
        self._failed = False  # as a whole, as Kafka's producer is
        self._closed = False
        self._due = 0.0

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        if self._closed:
            return
        too_large = size_error(RECORD_LIMIT, key, value)
        self._failed = self._failed or too_large is not None
        lands, ack_lost, late = self._fate()
        if not lands:
            self._broken.add(partition)
        lands = lands and partition not in self._broken and not self._failed
        offset = self._broker.write(HISTORY, partition, key, value) if lands else -1
        if lands and not ack_lost:
            self._acks.append(Ack(token, offset, None))
        else:
            self._acks.append(Ack(token, -1, too_large or (_GIVEN_UP if self._failed else "timed out (injected)")))
        if late:
            self._due = max(self._due, self._loop.time() + late)
            self._loop.call_at(self._due, self._deliver, 1)
        elif len(self._acks) == 1:
            self._loop.call_soon(self._deliver, None)

    def _deliver(self, count: int | None) -> None:
        """Timers of the same time come in any order; acknowledgements do not. None: all that are there."""
        acks = [self._acks.popleft() for _ in range(len(self._acks) if count is None else min(count, len(self._acks)))]
        if acks and not self._closed:
            self._on_acks(acks)

    def close(self) -> None:
        self._closed = True


class MemoryReader:
    """Tails partitions; a wake-up a turn of the loop."""

    def __init__(
        self, broker: MemoryBroker, loop: asyncio.AbstractEventLoop, sink: Callable[[list[Record]], None]
    ) -> None:
        self._broker, self._loop, self._sink = broker, loop, sink
        self._next: dict[tuple[str, int], int] = {}
        self._scheduled = self._paused = False
        broker.readers.append(self)

    def wake(self) -> None:
        """There is something new."""
        if not self._scheduled and not self._paused:
            self._scheduled = True
            call(self._loop, self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self._paused:
            return
        batch: list[Record] = []
        for place, start in self._next.items():
            records = self._broker.records.get(place, [])[start : start + _RECORDS_A_BATCH]
            self._next[place] = start + len(records)
            batch += records
        if batch:
            self.wake()  # first, for the sink may raise
            self._sink(batch)

    def add(self, topic: str, partition: int, offset: int) -> None:
        self._next[topic, partition] = offset
        self.wake()

    def remove(self, topic: str, partition: int) -> None:
        self._next.pop((topic, partition), None)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.wake()

    async def close(self) -> None:
        self._next.clear()
        if self in self._broker.readers:
            self._broker.readers.remove(self)
