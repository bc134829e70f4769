"""The rooms of a partition without a host: an appender that a test acknowledges, rows in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.pipeline import Pending, Pipeline
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.recorder import Recorder
from sagaline._log import HISTORY, Ack, Record
from sagaline._model.codec import decode
from sagaline._store.memory import MemoryStore

EPOCH = 4


class Appended(NamedTuple):
    """A record that was handed to the appender."""

    key: bytes
    value: bytes | None
    token: Any

    @property
    def record(self) -> Any:
        return decode(self.value)


class Appender:
    """``error`` is raised at the next append."""

    def __init__(self) -> None:
        self.appended: list[Appended] = []
        self.error: BaseException | None = None

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        if self.error is not None:
            raise self.error
        self.appended.append(Appended(key, value, token))

    def close(self) -> None: ...


class Sink:
    """What follows acknowledgements. ``foreign`` is the answer to records of somebody else."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, int]] = []
        self.seen: list[Record] = []
        self.foreign: Lost | None = None

    def apply(self, offset: int, acknowledged: Sequence[Pending]) -> None:
        self.applied.append((offset, len(acknowledged)))

    def apply_foreign(self, records: Sequence[Record]) -> Lost | None:
        self.seen += records
        return self.foreign


class HistoryLog:
    """History that somebody else has written into; ``error`` is raised instead."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        if self.error is not None:
            raise self.error
        yield [Record(topic, partition, offset, b"foreign", b"foreign") for offset in range(start, end)]


class Rooms:
    """Progress, pipeline and recorder of an owner that has claimed at ``EPOCH``; history goes on behind the claim."""

    def __init__(self) -> None:
        self.losses: list[Lost] = []
        self.guard = Guard(self.losses.append)
        meta = Meta(EPOCH + 1, EPOCH, 10, 20, 3)
        self.progress = Progress.begin(meta)
        self.appender, self.sink, self.log = Appender(), Sink(), HistoryLog()
        log: Any = self.log
        self.pipeline = Pipeline(0, log, self.appender, self.progress, self.sink, self.guard)
        self.state = State(Overlay(MemoryStore()), meta)
        self.now_ms = 1_000
        self._told = 0
        self.recorder = Recorder(EPOCH, self.state, self.progress, self.pipeline, lambda: self.now_ms)

    def acknowledge(self, *offsets: int, error: str | None = None) -> None:
        """Acknowledges the oldest appends that wait, at these offsets."""
        waiting = self.appender.appended[self._told :]
        self._told += len(offsets)
        acks = [Ack(waiting[number].token, offset, error) for number, offset in enumerate(offsets)]
        self.guard.run(self.pipeline.on_acks, acks)

    @property
    def kinds(self) -> list[Kind]:
        return [lost.kind for lost in self.losses]


__all__ = ["EPOCH", "HISTORY", "Rooms"]
