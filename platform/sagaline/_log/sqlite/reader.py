"""Tails the embedded log: one thread that sees writes of this process at once, and of others within milliseconds."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from sagaline._log.pool import BlockingCalls
from sagaline._log.port import Record
from sagaline._log.sqlite.connection import BATCH_BYTES, read_records
from sagaline._log.sqlite.tail import Batches, ChangeWatch, TailPositions
from sagaline._log.threads import Gate, StepThread, call

_RECORDS_A_PARTITION = 500
_BYTES_A_BATCH = 16_000_000
_NO_END = 2**63 - 1
_CLOSE_S = 5.0


class SqliteReader:
    """Reads whatever is new, of all partitions, and hands it to the loop a batch at a time."""

    def __init__(
        self,
        path: Path,
        namespace: str,
        written: threading.Event,
        loop: asyncio.AbstractEventLoop,
        sink: Callable[[list[Record]], None],
        calls: BlockingCalls,
    ) -> None:
        self._namespace, self._loop, self._sink, self._calls = namespace, loop, sink, calls
        self._positions = TailPositions()
        self._watch = ChangeWatch(path, written)
        self._gate = Gate()
        self._thread = StepThread("sagaline-reader", self._step, self._recover, self._watch.disconnect)
        self._thread.start()

    def _step(self) -> None:
        connection = self._watch.wait()
        if connection is None:
            return
        batches, more = self._read(connection)
        if batches:
            self._watch.be_busy()
            if more:
                self._watch.note_change()
            if self._gate.enter(self._thread.stopped):
                call(self._loop, self._deliver, self._positions.hand_over(batches))

    def _read(self, connection: sqlite3.Connection) -> tuple[Batches, bool]:
        """The records, and whether there may be more."""
        batches: Batches = {}
        more, size = False, 0
        for (topic, partition), start in self._positions.in_turn():
            place = (self._namespace, topic, partition)
            records = read_records(connection, place, start, _NO_END, _RECORDS_A_PARTITION)
            if records:
                batches[topic, partition] = (start, records)
                taken = sum(len(record.value or b"") for record in records)
                more = more or len(records) == _RECORDS_A_PARTITION or taken > BATCH_BYTES
                size += taken
            if size > _BYTES_A_BATCH:
                more = True
                break
        return batches, more

    def _deliver(self, records: list[Record]) -> None:
        try:
            self._sink(records)
        finally:
            self._gate.leave()

    def _recover(self, error: BaseException) -> None:
        """The next step reads everything with a connection of its own."""
        self._watch.reset()

    def add(self, topic: str, partition: int, offset: int) -> None:
        self._positions.put((topic, partition), offset)
        self._watch.note_change()

    def remove(self, topic: str, partition: int) -> None:
        self._positions.remove((topic, partition))

    def pause(self) -> None:
        self._gate.pause()

    def resume(self) -> None:
        self._gate.resume()

    async def close(self) -> None:
        self._thread.stop()
        self._gate.resume()
        await self._calls.run(self._thread.join, _CLOSE_S)
