"""Arbitrary exceptions out of SQLite's connections: no thread dies, nobody waits for ever, nothing is skipped."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness import eventually

from sagaline import LogUnavailable
from sagaline._log import COMMANDS, HISTORY, RESULTS, Ack, Log, Record, open_log
from sagaline._log.sqlite import tail, writer
from sagaline._log.sqlite.connection import connect

ARBITRARY = [RuntimeError("odd"), MemoryError(), SystemExit(3), sqlite3.DatabaseError("disk I/O error")]


class Faults:
    """Connections whose statements raise while ``error`` is set, those that hold ``word``."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.word = ""
        self.raised = 0

    def check(self, statement: str) -> None:
        if self.error is not None and self.word in statement:
            self.raised += 1
            raise self.error

    def connect(self, path: Path, create: bool = False) -> Any:
        return FaultyConnection(connect(path, create), self)


class FaultyConnection:
    def __init__(self, connection: sqlite3.Connection, faults: Faults) -> None:
        self._connection, self._faults = connection, faults

    def execute(self, statement: str, *parameters: Any) -> Any:
        self._faults.check(statement)
        return self._connection.execute(statement, *parameters)

    def executemany(self, statement: str, *parameters: Any) -> Any:
        self._faults.check(statement)
        return self._connection.executemany(statement, *parameters)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    made = Faults()
    monkeypatch.setattr(tail, "connect", made.connect)
    monkeypatch.setattr(writer, "connect", made.connect)
    return made


@pytest.fixture
async def log(tmp_path: Path, faults: Faults) -> AsyncIterator[Log]:
    opened = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=2")
    await opened.open()
    yield opened
    faults.error = None
    await opened.close()


@pytest.mark.parametrize("error", ARBITRARY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("word", ["BEGIN", "INSERT INTO record", "COMMIT"])
async def test_the_writer_answers_and_goes_on(log: Log, faults: Faults, error: BaseException, word: str) -> None:
    acks: list[Ack] = []
    published: list[str | None] = []
    faults.error, faults.word = error, word
    first = log.appender(acks.extend)
    first.append(0, b"k", b"in doubt", 1)
    log.publish(COMMANDS, 0, b"k", b"in doubt", published.append)
    await eventually(lambda: acks and published)
    assert acks[0].error is not None
    assert type(error).__name__ in acks[0].error
    assert published[0] is not None
    first.append(0, b"k", b"behind it", 2)
    faults.error = None
    await eventually(lambda: len(acks) == 2)
    assert acks[1].error == "its appender was given up"
    second = log.appender(acks.extend)
    second.append(0, b"k", b"later", 3)
    log.publish(COMMANDS, 0, b"k", b"later", published.append)
    await eventually(lambda: len(acks) == 3 and len(published) == 2)
    assert acks[2].error is published[1] is None
    landed = [record.value async for batch in log.read(HISTORY, 0, 0, 9) for record in batch]
    assert landed == [b"later"]


@pytest.mark.parametrize("error", ARBITRARY, ids=lambda error: type(error).__name__)
async def test_the_reader_goes_on_and_skips_nothing(log: Log, faults: Faults, error: BaseException) -> None:
    """The second of two partitions fails: what was read of the first one must come all the same."""
    seen: list[Record] = []
    tail = log.reader(seen.extend)
    tail.add(COMMANDS, 0, 0)
    tail.add(RESULTS, 1, 0)
    log.publish(COMMANDS, 0, b"k", b"1")
    await eventually(lambda: len(seen) == 1)
    select, failing = FaultyConnection.execute, [True]

    def second_fails(self: FaultyConnection, statement: str, *parameters: Any) -> Any:
        if failing[0] and parameters and RESULTS in parameters[0] and statement.startswith("SELECT offset"):
            faults.raised += 1
            raise error
        return select(self, statement, *parameters)

    FaultyConnection.execute = second_fails  # type: ignore[method-assign]
    try:
        log.publish(COMMANDS, 0, b"k", b"2")
        log.publish(RESULTS, 1, b"k", b"3")
        await eventually(lambda: faults.raised)
        failing[0] = False
        await eventually(lambda: len(seen) == 3)
    finally:
        FaultyConnection.execute = select  # type: ignore[method-assign]
    assert sorted((record.topic, record.offset, record.value) for record in seen) == [
        (COMMANDS, 0, b"1"),
        (COMMANDS, 1, b"2"),
        (RESULTS, 0, b"3"),
    ]
    await tail.close()


async def test_a_sink_that_raises_costs_its_batch_alone(log: Log) -> None:
    loop, seen, unhandled = asyncio.get_running_loop(), list[Record](), list[Any]()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))

    def sink(records: list[Record]) -> None:
        seen.extend(records)
        raise RuntimeError("sink")

    tail = log.reader(sink)
    tail.add(COMMANDS, 0, 0)
    for number in range(5):
        log.publish(COMMANDS, 0, b"k", b"%d" % number)
        await eventually(lambda: len(seen) == number + 1)  # noqa: B023
    assert len(unhandled) == 5
    await tail.close()


async def test_a_closed_log_says_so_and_a_publish_never_raises(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'closed.db'}?partitions=1")
    await log.open()
    await log.close()
    done: list[str | None] = []
    log.publish(COMMANDS, 0, b"k", b"v", done.append)
    await eventually(lambda: done)
    assert done == ["The log is closed."]
    with pytest.raises(LogUnavailable, match="it is closed"):
        await log.bounds(HISTORY, 0)
    with pytest.raises(LogUnavailable, match="it is closed"):
        log.appender(lambda acks: None)
