"""Two thousand records of rubbish on every topic in the middle of a load: all good runs end, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from harness import running
from kafka_broker import Broker

from sagaline import activity, saga
from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, REPLIES, RESULTS, open_log
from sagaline._model.codec import decode, encode
from sagaline._model.records import Claim, DeadLetter

pytestmark = pytest.mark.kafka
POISON = 2_000
RUNS = 400


@activity
async def step(number: int) -> int:
    return number + 1


@saga
async def climb(number: int) -> int:
    return await step(await step(number))


def rubbish(draw: random.Random, number: int) -> bytes | None:
    """Nothing, noise, a torn record of ours, a header of nobody, text."""
    good = encode(Claim("somebody", f"claim-{number}", number))
    return draw.choice([b"", draw.randbytes(40), good[: draw.randrange(1, len(good))], b"\xc3\x01" + bytes(20), b"{}"])


async def test_rubbish_on_every_topic_costs_no_run(broker: Broker, kafka_url: str, seed: int) -> None:
    draw = random.Random(seed)
    namespace = kafka_url.rpartition("/")[2].partition("?")[0]
    sent: Counter[tuple[str, bytes]] = Counter()
    async with running(kafka_url, [climb], [step]) as (worker, client):
        await worker._host.wait_live(2)
        producer = Producer({"bootstrap.servers": broker.address, "queue.buffering.max.messages": 100_000})

        async def poison(topic: str) -> None:
            for number in range(POISON):
                partition = client._requests.address[1] if topic == REPLIES else draw.randrange(2)
                value = rubbish(draw, number) or b""
                key = client._requests.address[0] if topic == REPLIES else f"poison-{topic}-{number}"
                producer.produce(f"{namespace}.{topic}", value, key, partition)
                sent[f"{namespace}.{topic}", value] += 1
                if number % 100 == 0:
                    producer.poll(0)
                    await asyncio.sleep(0.01)

        async def good(number: int) -> None:
            assert await client.execute(climb, number, id=f"run-{number}") == number + 2

        poisoning = [poison(topic) for topic in (COMMANDS, RESULTS, HISTORY, REPLIES)]
        await asyncio.wait_for(asyncio.gather(*poisoning, *(good(number) for number in range(RUNS))), 120)
        assert await asyncio.to_thread(producer.flush, 30) == 0
        for number in range(RUNS, RUNS + 20):  # owners notice what stands in history when they append
            await asyncio.wait_for(good(number), 60)
        found = await dead_letters(kafka_url, broker.address, namespace, 4 * POISON)
    assert found == sent


async def dead_letters(url: str, address: str, namespace: str, count: int) -> Counter[tuple[str, bytes]]:
    """Origin topic and value of every dead letter, each origin once, read by a bare consumer until ``count`` are there."""
    log = open_log(url)
    await log.open()
    partitions = log.partitions
    await log.close()
    consumer = Consumer({"bootstrap.servers": address, "group.id": "dead", "enable.auto.commit": False})
    consumer.assign([TopicPartition(f"{namespace}.{DEADLETTERS}", number, 0) for number in range(partitions)])
    by_origin: dict[tuple[str, int, int], bytes] = {}
    async with asyncio.timeout(60):
        while len(by_origin) < count:
            for message in await asyncio.to_thread(consumer.consume, 500, 0.2):
                assert message.error() is None
                headers = dict(message.headers() or [])
                origin = decode(headers["sagaline-dead-letter"])
                assert isinstance(origin, DeadLetter)
                assert headers["__connect.errors.topic"] == origin.topic.encode()
                assert origin.cause
                by_origin[origin.topic, origin.partition, origin.offset] = message.value() or b""
    consumer.close()
    return Counter((topic, value) for (topic, _, _), value in by_origin.items())
