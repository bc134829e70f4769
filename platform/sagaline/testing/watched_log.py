"""A client's log that knows what is on its way: requests not yet on the log, answers that were not read yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sagaline._log import Log, Reader, Record


class WatchedLog:
    """A log around another, for the client of an environment. Everything that is not written here is the other's."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._publishing = 0
        self._next: dict[tuple[str, int], int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def as_log(self) -> Log:
        """This object as the log that it stands for."""
        return cast("Log", self)

    async def is_still(self) -> bool:
        """True when all that was sent is on the log, and all that is on the log has been read."""
        if self._publishing:
            return False
        for (topic, partition), offset in self._next.items():
            if (await self._log.bounds(topic, partition))[1] != offset:
                return False
        return True

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        """As the log's, counted until it is there."""

        def done(error: str | None) -> None:
            self._publishing -= 1
            if on_done is not None:
                on_done(error)

        self._publishing += 1
        self._log.publish(topic, partition, key, value, done, headers)

    def reader(self, sink: Callable[[list[Record]], None]) -> Reader:
        """As the log's, and it is known how far it has read."""

        def read(records: list[Record]) -> None:
            for record in records:
                self._next[record.topic, record.partition] = record.offset + 1
            sink(records)

        return cast("Reader", _WatchedReader(self._log.reader(read), self._next))


class _WatchedReader:
    def __init__(self, reader: Reader, read_up_to: dict[tuple[str, int], int]) -> None:
        self._reader, self._read_up_to = reader, read_up_to

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def add(self, topic: str, partition: int, offset: int) -> None:
        self._read_up_to[topic, partition] = offset
        self._reader.add(topic, partition, offset)
