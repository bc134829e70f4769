"""What is too large for Kafka is too large for every log, and costs no more than its own record."""

from __future__ import annotations

import asyncio

import pytest
from harness import eventually

from sagaline._log import COMMANDS, HISTORY, REPLIES, Ack, Log, Record
from sagaline._model.limits import RECORD_BYTES


def test_the_limit_has_room_for_a_value_and_its_key_and_is_below_a_megabyte(log: Log) -> None:
    assert RECORD_BYTES + 10_000 < log.record_limit < 1_000_000


async def test_an_append_over_the_limit_fails_its_appender_and_lands_nothing_more(log: Log) -> None:
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    appender.append(0, b"k0", b"before", 0)
    await eventually(lambda: acks)
    appender.append(0, b"k1", bytes(log.record_limit + 1), 1)
    appender.append(0, b"k2", b"behind", 2)
    appender.append(1, b"k3", b"elsewhere", 3)
    await eventually(lambda: len(acks) == 4)
    appender.close()
    assert [(ack.token, ack.error is None) for ack in acks[:1]] == [(0, True)]
    assert all(ack.error is not None for ack in acks[1:])
    assert (await log.bounds(HISTORY, 0), await log.bounds(HISTORY, 1)) == ((0, 1), (0, 0))
    another = log.appender(acks.extend)
    another.append(0, b"k4", b"anew", 4)
    await eventually(lambda: len(acks) == 5)
    another.close()
    assert acks[4] == Ack(4, 1, None)


async def test_a_record_of_exactly_the_limit_lands_and_is_read(log: Log) -> None:
    acks: list[Ack] = []
    appender = log.appender(acks.extend)
    appender.append(0, b"key", b"x" * (log.record_limit - 3), 0)
    await eventually(lambda: acks)
    appender.close()
    assert acks == [Ack(0, 0, None)]
    records = [record async for batch in log.read(HISTORY, 0, 0, 1) for record in batch]
    assert [len(record.value or b"") for record in records] == [log.record_limit - 3]


@pytest.mark.parametrize("headers", [None, {"h": b"x" * 100_000}])
async def test_a_publish_over_the_limit_is_an_error_to_its_caller_alone(
    log: Log, headers: dict[str, bytes] | None
) -> None:
    done: list[tuple[int, str | None]] = []
    value = b"x" * (log.record_limit + 1 if headers is None else log.record_limit - 50_000)
    log.publish(COMMANDS, 0, b"k", b"before", lambda error: done.append((0, error)))
    log.publish(COMMANDS, 0, b"k", value, lambda error: done.append((1, error)), headers)
    log.publish(COMMANDS, 0, b"k", b"after", lambda error: done.append((2, error)))
    log.publish(COMMANDS, 0, b"k", value, None, headers)  # nobody asks
    await eventually(lambda: len(done) == 3)
    assert [number for number, error in done if error is not None] == [1]
    assert f"at most {log.record_limit} bytes" in str(dict(done)[1])
    seen: list[Record] = []
    reader = log.reader(seen.extend)
    reader.add(COMMANDS, 0, 0)
    await eventually(lambda: len(seen) == 2)
    await asyncio.sleep(0)
    assert [record.value for record in seen] == [b"before", b"after"]
    await reader.close()


async def test_a_partition_that_there_is_not_is_an_error_to_its_caller(log: Log) -> None:
    """A client says where its answers go: no log makes a partition for it, or sends them elsewhere."""
    done: list[str | None] = []
    for partition in (-1, -5, 2, 2**31 - 1):
        log.publish(REPLIES, partition, b"k", b"v", done.append)
    await eventually(lambda: len(done) == 4, 40)
    assert all(error is not None for error in done)
    assert [await log.bounds(REPLIES, partition) for partition in (0, 1)] == [(0, 0), (0, 0)]
