"""Bad input gets a clear error and nothing is lost: each case triggered for real, with the words a user needs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import harness
import pytest
from harness import running
from plain_sagas import (
    ACTIVITIES,
    GOOD,
    WORKFLOWS,
    Order,
    asks_for_an_object,
    asks_for_too_much,
    calls_unknown,
    fulfil,
    unknown_to_the_worker,
)

from sagaline import (
    InvalidInput,
    PayloadTooLarge,
    RequestRefused,
    RunError,
)
from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, REPLIES, RESULTS, open_log
from sagaline._model.codec import decode
from sagaline._model.records import Claim

eventually = partial(harness.eventually, limit_s=30)


async def written(url: str, topic: str) -> list[Any]:
    """All records of a topic."""
    log = open_log(url)
    await log.open()
    found: list[Any] = []
    for partition in range(log.partitions):
        _, end = await log.bounds(topic, partition)
        found += [record async for batch in log.read(topic, partition, 0, end) for record in batch]
    await log.close()
    return found


async def publish(url: str, topic: str, partition: int, value: bytes | None) -> None:
    log = open_log(url)
    await log.open()
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    log.publish(topic, partition, b"foreign", value, done.set_result)
    assert await done is None
    await log.close()


async def test_an_unknown_workflow_is_refused_and_the_refusal_is_recorded(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(RequestRefused, match=r"worker knows \(.*fulfil.*\) but got 'fulfill'") as caught:
            await client.start_by_name("fulfill", id="o")
        assert caught.value.type == "UnknownWorkflow"
        assert await client.execute(fulfil, GOOD, id="o") == "1"


async def test_an_unknown_activity_parks_the_run_until_a_worker_knows_it(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        handle = await client.start(calls_unknown, GOOD, id="o")
        described = await handle.describe()
        assert described.status == "parked"
        assert described.failure is not None
        assert "'unknown_to_the_worker' to be registered" in described.failure.message
        assert "Worker(activities=[...])" in described.failure.message
    async with running(log_url, WORKFLOWS, [*ACTIVITIES, unknown_to_the_worker], worker_id="w") as (_, client):
        assert await client.handle("o").result(30) == "1"


async def test_input_that_does_not_fit_is_heard_by_field_and_nothing_is_sent(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (worker, client):
        await worker._host.wait_live(2)
        wrong: Any = {"id": "1", "quantity": "many"}
        with pytest.raises(InvalidInput, match=r"input of fulfil but order\.quantity: .*integer.*'many'"):
            await client.start(fulfil, wrong, id="o")
        with pytest.raises(InvalidInput, match="missing a required argument: 'order'"):
            await client.start(fulfil, id="o")  # type: ignore[call-overload]
        assert await written(log_url, COMMANDS) == []
        assert [type(decode(one.value)) for one in await written(log_url, HISTORY)].count(Claim) == 2
        with pytest.raises(RequestRefused, match=r"order\.quantity: .*integer"):
            await client.start_by_name("fulfil", wrong, id="o")


async def test_payloads_over_the_limit(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(PayloadTooLarge, match=r"at most 512000 bytes but it has \d+: store the data elsewhere"):
            await client.start(fulfil, Order(id="x" * 600_000, quantity=1), id="o")
        with pytest.raises(
            RunError, match=r"result of returns_too_much to have at most 512000 bytes but it has 600002"
        ):
            await client.execute(asks_for_too_much, id="p")
        assert await client.execute(fulfil, GOOD, id="q") == "1"


async def test_a_result_that_cannot_be_written_as_json(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(
            RunError,
            match=r"returns_an_object to return Any but it returned <object object at .*: the value: Unable to serialize",
        ):
            await client.execute(asks_for_an_object, id="o")


@pytest.mark.parametrize("topic", [COMMANDS, RESULTS, HISTORY, REPLIES])
async def test_a_foreign_record_goes_to_dead_letters_and_the_partition_goes_on(log_url: str, topic: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        values = [b"not avro", b"\xc3\x01" + b"12345678" + b"rest", None]
        expected = 2 if topic == HISTORY else 3  # null on history is a tombstone
        if topic == REPLIES:
            expected = 3
            log = client._requests.log
            for value in values:
                log.publish(topic, client._requests.address[1], client._requests.address[0].encode(), value)
        else:
            for value in values:
                await publish(log_url, topic, 0, value)
        for number in range(6):
            assert await client.execute(fulfil, GOOD, id=f"o-{number}") == "1"
    if topic == HISTORY:  # and again when a new owner reads it
        async with running(log_url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
            assert (await client.handle("o-1").describe()).status == "completed"
    letters = await written(log_url, DEADLETTERS)
    assert {letter.value for letter in letters} >= set(values[:2])
    assert len(letters) >= expected


@pytest.mark.kafka
async def test_a_dead_letter_says_where_from_and_why(kafka_url: str, broker: Any) -> None:
    from confluent_kafka import Consumer, TopicPartition

    namespace = kafka_url.rsplit("/", 1)[1].split("?")[0]
    async with running(kafka_url, WORKFLOWS, ACTIVITIES) as (_, client):
        await publish(kafka_url, COMMANDS, 1, b"not avro")
        for number in range(4):
            await client.execute(fulfil, GOOD, id=f"o-{number}")
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "letters"})
    consumer.assign([TopicPartition(f"{namespace}.deadletters", 1, 0)])
    message = await asyncio.to_thread(consumer.poll, 20)
    headers = dict(message.headers())
    consumer.close()
    assert (message.key(), message.value()) == (b"foreign", b"not avro")
    origin: Any = decode(headers["sagaline-dead-letter"])
    assert (origin.topic, origin.partition, origin.offset) == (f"{namespace}.commands", 1, 0)
    assert "single-object header" in origin.cause
    assert headers["__connect.errors.topic"] == f"{namespace}.commands".encode()
    assert "known schema" in headers["__connect.errors.exception.message"].decode()
