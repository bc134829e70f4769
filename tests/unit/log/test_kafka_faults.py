"""Arbitrary exceptions out of librdkafka's clients: no thread dies, nobody waits for ever, nothing is skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import confluent_kafka
import pytest
from harness import eventually
from log_members import Member

from sagaline._log import COMMANDS, HISTORY, Ack, Log, Record, open_log
from sagaline._log.kafka import membership, producer, reader

pytestmark = pytest.mark.kafka
ARBITRARY = [RuntimeError("odd"), MemoryError(), SystemExit(3)]
failing: dict[str, BaseException] = {}


def fail(name: str) -> None:
    if name in failing:
        raise failing.pop(name)


class Consumer(confluent_kafka.Consumer):
    """Fails once in each call that ``failing`` names."""

    def poll(self, timeout: float = -1) -> Any:
        fail("poll")
        return super().poll(timeout)

    def consume(self, num_messages: int = 1, timeout: float = -1) -> Any:
        fail("consume")
        return super().consume(num_messages, timeout)

    def incremental_assign(self, partitions: Any) -> None:
        fail("assign")
        super().incremental_assign(partitions)


class Producer(confluent_kafka.Producer):
    def poll(self, timeout: float = -1) -> Any:
        fail("poll")
        return super().poll(timeout)

    def produce_batch(self, *args: Any, **kwargs: Any) -> Any:
        fail("produce")
        return super().produce_batch(*args, **kwargs)


@pytest.fixture
async def log(kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Log]:
    failing.clear()
    monkeypatch.setattr(reader, "Consumer", Consumer)
    monkeypatch.setattr(membership, "Consumer", Consumer)
    monkeypatch.setattr(producer, "Producer", Producer)
    opened = open_log(kafka_url)
    await opened.open()
    yield opened
    await opened.close()


async def publish(log: Log, *values: bytes) -> None:
    done: list[str | None] = []
    for value in values:
        log.publish(COMMANDS, 0, b"k", value, done.append)
    await eventually(lambda: len(done) == len(values))
    assert done == [None] * len(values)


@pytest.mark.parametrize("call", ["poll", "consume", "assign"])
async def test_a_reader_goes_on_and_skips_nothing(log: Log, call: str) -> None:
    """Also not the record that ``poll`` returned before ``consume`` raised, nor a partition while it is added."""
    seen: list[Record] = []
    tail = log.reader(seen.extend)
    tail.add(COMMANDS, 0, 0)
    await publish(log, b"0")
    await eventually(lambda: len(seen) == 1)
    for number, error in enumerate(ARBITRARY, 1):
        failing[call] = error
        if call == "assign":
            tail.remove(COMMANDS, 0)
            tail.add(COMMANDS, 0, number)
        await publish(log, b"%d" % number)
        await eventually(lambda: len(seen) == number + 1 and call not in failing)  # noqa: B023
    assert [(record.offset, record.value) for record in seen] == [(n, b"%d" % n) for n in range(len(ARBITRARY) + 1)]
    await tail.close()


async def test_a_member_joins_again(log: Log) -> None:
    member = Member(log, "worker-a")
    await eventually(lambda: member.owned == {0, 1})
    for call in ("poll", "assign"):
        told = len(member.told)
        failing[call] = RuntimeError("odd")
        if call == "assign":
            failing["poll"] = RuntimeError("odd")  # leaves, and fails when it is assigned its partitions
        await eventually(lambda: not failing and len(member.told) > told and member.owned == {0, 1}, 40)  # noqa: B023
    assert member.error is None
    assert ("revoked", (0, 1)) in member.told
    await member.membership.close()


async def test_a_producer_that_raises_is_given_up_and_says_so(log: Log) -> None:
    acks: list[Ack] = []
    for call in ("produce", "poll"):
        appender = log.appender(acks.extend)
        if call == "poll":
            await asyncio.sleep(0.6)  # its thread is in a poll that ends before
        failing[call] = RuntimeError("odd")
        await eventually(lambda: appender.append(0, b"k", b"v", call) or any(ack.error for ack in acks))  # type: ignore[func-returns-value] # noqa: B023
        appender.close()
        acks.clear()
    _, before = await log.bounds(HISTORY, 0)
    another = log.appender(acks.extend)
    another.append(0, b"k", b"anew", "anew")
    await eventually(lambda: acks)
    assert acks == [Ack("anew", before, None)]
    another.close()
    await publish(log, b"the publisher goes on")
