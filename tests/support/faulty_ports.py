"""The ports of log and store, one call of which raises what nobody expects: the one with number ``at``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from sagaline._log.memory import MemoryAppender, MemoryLog
from sagaline._log.port import Ack, Record
from sagaline._store import Identity
from sagaline._store.memory import MemoryStore, MemoryStores


class Faults:
    """``raised`` is the name of the call that has raised."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.at, self.error = at, error
        self.calls = 0
        self.raised = ""

    def reach(self, name: str) -> None:
        self.calls += 1
        if self.calls == self.at:
            self.raised = name
            raise self.error


class FaultyStore:
    """In front of a store in memory."""

    def __init__(self, faults: Faults, below: MemoryStore) -> None:
        self._faults, self._below = faults, below

    def get(self, key: bytes) -> bytes | None:
        self._faults.reach("get")
        return self._below.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        self._faults.reach("scan")
        yield from self._below.scan(prefix, after)

    def write(self, writes: Any) -> None:
        self._faults.reach("write")
        self._below.write(writes)

    def close(self) -> None:
        self._faults.reach("close")


class FaultyStores:
    """Opens faulty stores."""

    def __init__(self, faults: Faults) -> None:
        self._below, self._faults = MemoryStores(), faults

    def open(self, partition: int, identity: Identity) -> FaultyStore:
        self._faults.reach("open")
        return FaultyStore(self._faults, self._below.open(partition, identity))

    def wipe(self, partition: int) -> None:
        self._faults.reach("wipe")
        self._below.wipe(partition)

    def close(self) -> None: ...


class FaultyLog(MemoryLog):
    """A log in memory."""

    faults: Faults

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        self.faults.reach("bounds")
        return await super().bounds(topic, partition)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        self.faults.reach("read")
        async for batch in super().read(topic, partition, start, end):
            yield batch

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> MemoryAppender:
        made = super().appender(on_acks)
        append = made.append

        def append_or_raise(*args: Any) -> None:
            self.faults.reach("append")
            append(*args)

        made.append = append_or_raise  # type: ignore[method-assign,assignment]
        return made

    def publish(self, *args: Any, **options: Any) -> None:
        self.faults.reach("publish")
        super().publish(*args, **options)
