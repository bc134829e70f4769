"""The embedded log gets rid of what nobody needs, a little at a time, and off the loop."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness import eventually

from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, OUTCOMES, REPLIES, RESULTS, Ack, Log, open_log
from sagaline._log.sqlite import pruner
from sagaline._log.sqlite.pruner import KEPT_MS, TOMBSTONES_KEPT_MS, SqlitePruner

DAY_MS = 86_400_000


class Clock:
    """Now, and later."""

    def __init__(self) -> None:
        self.later_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.later_ms


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
async def log(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Log]:
    monkeypatch.setattr(SqlitePruner, "start", lambda self: None)  # tests prune by hand
    opened = open_log(f"sqlite:///{file}?partitions=2")
    await opened.open()
    yield opened
    await opened.close()


async def publish(log: Log, topic: str, partition: int, count: int) -> None:
    done: list[str | None] = []
    for number in range(count):
        log.publish(topic, partition, b"k", b"%d" % number, done.append)
    await eventually(lambda: len(done) == count)


async def append(log: Log, partition: int, *records: tuple[bytes, bytes | None]) -> None:
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    for key, value in records:
        appender.append(partition, key, value, None)
    await eventually(lambda: len(acks) == len(records))
    appender.close()


async def history(log: Log, partition: int) -> list[tuple[int, bytes | None]]:
    _, end = await log.bounds(HISTORY, partition)
    return [(record.offset, record.value) async for batch in log.read(HISTORY, partition, 0, end) for record in batch]


async def test_records_go_when_their_time_is_over(log: Log, file: Path) -> None:
    assert set(KEPT_MS) == {COMMANDS, RESULTS, REPLIES, DEADLETTERS, OUTCOMES}
    clock = Clock()
    prune = SqlitePruner(file, "default", 2, clock).prune
    for topic in KEPT_MS:
        await publish(log, topic, 1, 450)
    assert prune() == 0
    clock.later_ms = KEPT_MS[REPLIES] + 1_000
    assert prune() == 450
    assert await log.bounds(REPLIES, 1) == (450, 450)
    await publish(log, REPLIES, 1, 3)
    assert await log.bounds(REPLIES, 1) == (450, 453)
    clock.later_ms = 8 * DAY_MS
    assert prune() == 2 * 450 + 3
    assert (await log.bounds(COMMANDS, 1), await log.bounds(DEADLETTERS, 1)) == ((450, 450), (0, 450))


async def test_a_record_goes_when_its_key_has_a_tombstone_behind_it(log: Log, file: Path) -> None:
    await append(log, 0, (b"a", b"1"), (b"b", b"2"), (b"a", None), (b"c", None), (b"c", b"behind its tombstone"))
    await append(log, 1, (b"a", b"another partition's"))
    prune = SqlitePruner(file, "default", 2).prune
    assert prune() == 1
    assert await history(log, 0) == [(1, b"2"), (2, None), (3, None), (4, b"behind its tombstone")]
    assert await history(log, 1) == [(0, b"another partition's")]
    assert prune() == 0


async def test_tombstones_go_later_than_the_log_says_and_never_before_their_records(log: Log, file: Path) -> None:
    clock = Clock()
    cleaner = SqlitePruner(file, "default", 2, clock)
    await append(log, 0, (b"a", b"1"), (b"a", None), (b"b", b"2"))
    assert log.tombstones_kept_s * 1_000 == TOMBSTONES_KEPT_MS == 7 * DAY_MS
    assert cleaner.prune() == 1
    clock.later_ms = 15 * DAY_MS
    await append(log, 0, (b"b", None))
    cleaner._passed_at.clear()  # as if an hour had passed
    assert cleaner.prune() == 2
    assert await history(log, 0) == [(3, None)]


async def test_a_pass_is_worth_its_while(log: Log, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few new tombstones wait for more, or for an hour; what has been seen is not looked at again."""
    cleaner = SqlitePruner(file, "default", 2)
    await append(log, 0, (b"a", b"1"), (b"a", None))
    assert cleaner.prune() == 1
    for number in range(3):
        await append(log, 0, (b"%d" % number, b"1"), (b"%d" % number, None))
        assert cleaner.prune() == 0
    monkeypatch.setattr(pruner, "_TOMBSTONES_WORTH_A_PASS", 3)
    assert cleaner.prune() == 3


async def test_more_tombstones_than_a_pass_takes_are_a_matter_of_passes(
    log: Log, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruner, "_KEYS_A_PASS", 10)
    monkeypatch.setattr(pruner, "_TOMBSTONES_WORTH_A_PASS", 1)
    await append(log, 0, *[(b"%d" % number, b"v") for number in range(35)])
    await append(log, 0, *[(b"%d" % number, None) for number in range(35)])
    cleaner = SqlitePruner(file, "default", 2)
    assert [cleaner.prune() for _ in range(5)] == [10, 10, 10, 5, 0]
    assert [value for _, value in await history(log, 0)] == [None] * 35


async def test_writers_have_their_turn_while_it_prunes(log: Log, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction deletes more than a few hundred records; appends go on between them."""
    await publish(log, REPLIES, 0, 5_000)
    clock = Clock()
    clock.later_ms = 2 * KEPT_MS[REPLIES]
    transactions: list[int] = []
    connect = pruner.connect

    class Counting:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def executemany(self, statement: str, rows: list[Any]) -> Any:
            transactions.append(len(rows))
            return self._connection.executemany(statement, rows)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    monkeypatch.setattr(pruner, "connect", lambda path: Counting(connect(path)))
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    pruning = asyncio.create_task(asyncio.to_thread(SqlitePruner(file, "default", 2, clock).prune))
    waits: list[float] = []
    while not pruning.done():
        began, count = time.monotonic(), len(acks)
        appender.append(0, b"k", b"v", None)
        await eventually(lambda: len(acks) > count)  # noqa: B023
        waits.append(time.monotonic() - began)
    assert await pruning == 5_000
    assert max(transactions) <= 200
    assert len(transactions) >= 25
    assert len(waits) > 10, "an append an interval, not one for all of it"
    assert all(ack.error is None for ack in acks)
    appender.close()


async def test_a_worker_prunes_at_once_and_again_and_a_client_never(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned: list[str] = []
    twice = threading.Event()

    def prune(self: SqlitePruner) -> int:
        pruned.append(threading.current_thread().name)
        if len(pruned) == 1:
            raise sqlite3.OperationalError("database is locked")
        twice.set()
        return 0

    monkeypatch.setattr(SqlitePruner, "prune", prune)
    monkeypatch.setattr(pruner, "PRUNE_EVERY_S", 0.01)
    worker = open_log(f"sqlite:///{file}?partitions=2")
    await worker.open()
    await eventually(twice.is_set)
    await worker.close()
    assert set(pruned) == {"sagaline-pruner"}
    count = len(pruned)
    client = open_log(f"sqlite:///{file}")
    await client.open(create=False)
    await client.close()
    assert len(pruned) == count
