"""One conformance suite for the log port, run on memory, sqlite and Kafka."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from harness import eventually

from sagaline._log import COMMANDS, HISTORY, REPLIES, Ack, Log, Record, open_log
from sagaline._log.sqlite.writer import SqliteWriter
from sagaline._model.keys import partition_of


async def test_appends_are_acknowledged_in_order_without_gaps(log: Log) -> None:
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    for number in range(500):
        appender.append(number % 2, f"k{number}".encode(), b"v" * 100, number)
    await eventually(lambda: len(acks) == 500)
    for partition in (0, 1):
        mine = [ack for ack in acks if ack.token % 2 == partition]
        assert [ack.offset for ack in mine] == list(range(250))
        assert [ack.token for ack in mine] == list(range(partition, 500, 2))
        assert all(ack.error is None for ack in mine)
    appender.close()


async def test_what_was_appended_is_read_back_as_it_was(log: Log) -> None:
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    for number in range(10):
        appender.append(1, f"key-{number}".encode(), bytes([number]) * number, None)
    await eventually(lambda: len(acks) == 10)
    assert await log.bounds(HISTORY, 1) == (0, 10)
    assert await log.bounds(HISTORY, 0) == (0, 0)
    found = [record async for batch in log.read(HISTORY, 1, 3, 8) for record in batch]
    assert found == [Record(HISTORY, 1, n, f"key-{n}".encode(), bytes([n]) * n) for n in range(3, 8)]
    assert [record async for batch in log.read(HISTORY, 1, 4, 4) for record in batch] == []
    appender.close()


async def test_what_is_acknowledged_is_seen_at_once_while_others_read(log: Log) -> None:
    """A claim is read back from the log by a worker whose other partitions read theirs at the same moment."""
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    for number in range(2_000):
        appender.append(0, b"key", b"v" * 200, number)
    await eventually(lambda: len(acks) == 2_000)
    over = False

    async def read_all() -> None:
        while not over:
            async for _ in log.read(HISTORY, 0, 0, 2_000):
                await asyncio.sleep(0)  # memory never waits

    others = [asyncio.create_task(read_all()) for _ in range(4)]
    for number in range(30):
        appender.append(1, b"key", b"value", None)
        await eventually(lambda number=number: len(acks) == 2_001 + number)
        assert [record.offset async for batch in log.read(HISTORY, 1, number, number + 1) for record in batch] == [
            number
        ]
        assert await log.bounds(HISTORY, 1) == (0, number + 1)
    over = True
    await asyncio.gather(*others)
    appender.close()


async def test_a_tombstone_is_a_record_without_a_value(log: Log) -> None:
    """Of a key of its own: what stands before a tombstone of the same key may be pruned at any moment."""
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    appender.append(0, b"key", b"value", None)
    appender.append(0, b"other", None, None)
    await eventually(lambda: len(acks) == 2)
    found = [record async for batch in log.read(HISTORY, 0, 0, 2) for record in batch]
    assert [(record.key, record.value) for record in found] == [(b"key", b"value"), (b"other", None)]
    appender.close()


async def append_and_see(log: Log, values: list[bytes]) -> tuple[list[str | None], list[bytes | None]]:
    """Appends to one partition; the errors in the order of the calls, and what has landed."""
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    for number, value in enumerate(values):
        appender.append(0, f"k{number}".encode(), value, number)
        if number % 5 == 0:
            await asyncio.sleep(0.01)
    await eventually(lambda: len(acks) == len(values))
    appender.close()
    _, end = await log.bounds(HISTORY, 0)
    landed = [record.value async for batch in log.read(HISTORY, 0, 0, end) for record in batch]
    return [ack.error for ack in sorted(acks, key=lambda ack: ack.token)], landed


async def test_behind_an_append_that_failed_nothing_lands_in_memory(seed: int) -> None:
    log = open_log(f"memory://gap{seed}?partitions=1&seed={seed}&failed_append=0.1&lost_ack=0.05")
    await log.open()
    values = [b"%d" % number for number in range(100)]
    errors, landed = await append_and_see(log, values)
    assert landed == values[: len(landed)]
    assert len(landed) < 100
    assert all(error is not None for error in errors[len(landed) :])


async def test_behind_an_append_that_failed_nothing_lands_in_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for one transaction, and has room again for those behind it."""
    insert, calls = SqliteWriter._insert, itertools.count()

    def full_once(self: SqliteWriter, connection: Any, appends: Any) -> Any:
        if next(calls) == 2:
            raise sqlite3.OperationalError("database or disk is full")
        return insert(self, connection, appends)

    monkeypatch.setattr(SqliteWriter, "_insert", full_once)
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=1")
    await log.open()
    values = [b"%d" % number for number in range(40)]
    errors, landed = await append_and_see(log, values)
    assert landed == values[: len(landed)]
    assert 0 < len(landed) < 40
    assert [error is None for error in errors] == [True] * len(landed) + [False] * (40 - len(landed))
    await log.close()


@pytest.mark.kafka
async def test_behind_an_append_that_failed_nothing_lands_in_kafka(kafka_url: str) -> None:
    """A record that is too large, in the middle of a batch and with more behind it."""
    log = open_log(kafka_url)
    await log.open()
    values = [b"%d" % number for number in range(40)]
    values[17] = bytes(2_000_000)
    errors, landed = await append_and_see(log, values)
    assert landed == values[: len(landed)]
    assert len(landed) <= 17
    assert all(error is not None for error in errors[17:])
    await log.close()


async def test_a_reader_tails_from_its_offset_in_order(log: Log) -> None:
    done: list[str | None] = []
    for number in range(20):
        log.publish(COMMANDS, 0, b"k", str(number).encode(), done.append)
    await eventually(lambda: len(done) == 20)
    assert done == [None] * 20
    seen: list[Record] = []
    reader = log.reader(seen.extend)
    reader.add(COMMANDS, 0, 15)
    await eventually(lambda: len(seen) >= 5)
    log.publish(COMMANDS, 0, b"k", b"20")
    await eventually(lambda: len(seen) >= 6)
    assert [(record.offset, record.value) for record in seen] == [(n, str(n).encode()) for n in range(15, 21)]
    await reader.close()


async def test_a_paused_reader_waits_and_a_removed_partition_is_silent(log: Log) -> None:
    seen: list[Record] = []
    reader = log.reader(seen.extend)
    reader.add(REPLIES, 0, 0)
    log.publish(REPLIES, 0, b"k", b"before")
    await eventually(lambda: len(seen) == 1)
    reader.pause()
    await asyncio.sleep(0.3)
    done: list[str | None] = []
    log.publish(REPLIES, 0, b"k", b"while paused", done.append)
    await eventually(lambda: done)
    reader.resume()
    await eventually(lambda: any(record.value == b"while paused" for record in seen))
    reader.remove(REPLIES, 0)
    reader.add(REPLIES, 1, 0)
    log.publish(REPLIES, 1, b"k", b"other")
    await eventually(lambda: any(record.value == b"other" for record in seen))
    await reader.close()


async def test_without_a_partition_the_key_decides_as_in_java(log: Log) -> None:
    done: list[str | None] = []
    ids = [f"order-{number}" for number in range(20)]
    for workflow_id in ids:
        log.publish(COMMANDS, None, workflow_id.encode(), b"v", done.append)
    await eventually(lambda: len(done) == 20)
    for partition in (0, 1):
        _, end = await log.bounds(COMMANDS, partition)
        found = [record.key async for batch in log.read(COMMANDS, partition, 0, end) for record in batch]
        assert found == [one.encode() for one in ids if partition_of(one, 2) == partition]


async def test_identity_stays_for_the_same_log(log: Log, log_url: str) -> None:
    again = open_log(log_url)
    await again.open()
    assert again.identity == log.identity
    assert again.partitions == log.partitions == 2
    await again.close()
