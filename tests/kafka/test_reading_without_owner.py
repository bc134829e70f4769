"""Reading on a real broker when no worker runs."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest
from harness import running
from kafka_broker import Broker

from sagaline import ApplicationError, Client, NamespaceNotFound, RunError, activity, saga

pytestmark = pytest.mark.kafka


@activity
async def book(name: str) -> str:
    return f"booked {name}"


@saga
async def trip(name: str) -> str:
    booked = await book(name)
    if name == "Atlantis":
        raise ApplicationError("nothing flies there")
    return booked


async def test_what_the_topics_say_is_what_the_owner_said(kafka_url: str) -> None:
    async with running(kafka_url, [trip], [book]) as (worker, client):
        await worker._host.wait_live(2)
        await client.execute(trip, "Lisbon", id="good")
        with pytest.raises(RunError):
            await client.execute(trip, "Atlantis", id="bad")
        described = {name: await client.handle(name).describe() for name in ("good", "bad")}
        histories = {name: await client.handle(name).history() for name in ("good", "bad")}
        runs = await client.runs()
    async with await Client.connect(kafka_url) as client:

        async def alone(name: str) -> None:
            found = await client.handle(name).describe()
            assert found.unowned_since is not None
            assert replace(found, unowned_since=None) == described[name]
            assert await client.handle(name).history() == histories[name]

        async def listed() -> None:
            assert await client.runs() == runs

        async def ended() -> None:
            assert await client.handle("good").result(30) == "booked Lisbon"

        await asyncio.gather(alone("good"), alone("bad"), listed(), ended())  # each waits for an owner first


async def test_a_namespace_that_is_not_there_is_an_error_at_once(broker: Broker) -> None:
    with pytest.raises(NamespaceNotFound, match="Expected namespace 'nowhere"):
        await Client.connect(f"kafka://{broker.address}/nowhere{uuid.uuid4().hex[:6]}")
