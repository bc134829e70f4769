"""Runs that send each other signals over a real broker, while one of two workers stops and the other takes over."""

from __future__ import annotations

import asyncio

import pytest
from harness import running

from sagaline import Signal, Worker, workflow

pytestmark = pytest.mark.kafka
number = Signal[int]("number")
COUNT = 30


@workflow(signals=[number])
async def collects(senders: int) -> list[int]:
    return [await number.receive() for _ in range(senders * COUNT)]


@workflow
async def sends(target: str, first: int) -> None:
    other = workflow.external(target)
    await asyncio.gather(*(other.signal(number, first + place) for place in range(COUNT)))


async def test_each_signal_arrives_once_and_in_order_over_a_takeover(kafka_url: str) -> None:
    async with running(kafka_url, [collects, sends], worker_id="first") as (first, client):
        await first._host.wait_live(2)
        async with Worker(kafka_url, workflows=[collects, sends], id="second"):
            targets = [await client.start(collects, 2, id=f"c{place}") for place in range(3)]
            for place in range(3):
                for sender in range(2):
                    await client.start(sends, f"c{place}", 1_000 * sender, id=f"s{place}-{sender}")
            await first.stop()
            for target in targets:
                heard = await target.result(60)
                for sender in range(2):
                    of_sender = [value for value in heard if value // 1_000 == sender]
                    assert of_sender == list(range(1_000 * sender, 1_000 * sender + COUNT))
