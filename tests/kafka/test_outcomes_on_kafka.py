"""The topic of outcomes on a real broker: made with the others, told through the outbox, read by a client."""

from __future__ import annotations

import parking_sagas as world
import pytest
from harness import eventually_status, running

from sagaline._log import OUTCOMES, open_log

pytestmark = pytest.mark.kafka


async def test_ends_and_repairs_are_told_over_a_restart(kafka_url: str) -> None:
    world.mended.clear()
    async with running(kafka_url, world.WORKFLOWS, world.ACTIVITIES) as (_, client):
        handle = await client.start(world.order, "dear", id="order-dear")
        await eventually_status(handle, "parked")
    world.mended.add("dear")
    async with running(kafka_url, world.WORKFLOWS, world.ACTIVITIES) as (_, client):
        handle = client.handle("order-dear")
        await handle.saga.retry(reason="mended", by="ann")
        await eventually_status(handle, "compensated")
        told: dict[str, str] = {}
        async for outcome in client.outcomes("beginning"):
            told[outcome.id] = outcome.outcome
            if outcome.outcome == "compensated":
                break
        assert list(told.values()) == ["parked", "resumed", "compensated"]
    log = open_log(kafka_url)
    await log.open(create=False)
    plans = {plan.topic: plan for plan in await log.plan_topics(None, None)}
    await log.close()
    assert (plans[OUTCOMES].action, plans[OUTCOMES].partitions) == ("nothing", log.partitions)
