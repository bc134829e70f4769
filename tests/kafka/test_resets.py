"""A run that is reset over a real broker, while its worker stops and another takes over."""

from __future__ import annotations

import pytest
from harness import running

from sagaline import Signal, Worker, activity, workflow

pytestmark = pytest.mark.kafka
go = Signal[str]("go")


@activity
async def look(name: str) -> str:
    return f"{name} by {activity.info().idempotency_key}"


@workflow(signals=[go])
async def order(name: str) -> list[str]:
    return [await look(name), await look(await go.receive())]


async def test_a_reset_run_goes_on_with_another_worker(kafka_url: str) -> None:
    async with running(kafka_url, [order], [look], worker_id="first") as (first, client):
        await first._host.wait_live(2)
        handle = await client.start(order, "a", id="o")
        await handle.signal(go, "b")
        before = await handle.result(60)
        point = next(event.id for event in await handle.history() if event.is_reset_point and event.id > 2)
        async with Worker(kafka_url, workflows=[order], activities=[look], id="second"):
            new = await handle.reset(point, "drill", by="ann", timeout=60)
            await first.stop()
            after = await new.result(60)
            assert (before[0], after[0]) == (f"a by {handle.run_id}/1", before[0])
            assert after[1] == f"b by {new.run_id}/2"
            assert (await handle.describe(60)).reset_to == new.run_id
            assert (await new.history(60))[0].details["fork"]["reason"] == "drill"
