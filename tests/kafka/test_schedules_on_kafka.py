"""A schedule over a real broker: made by one client, on record in the topics, and one owner after the other fires it."""

from __future__ import annotations

import pytest
from harness import eventually_async, running
from schedule_sagas import WORKFLOWS, totals

from sagaline import Every, Worker

pytestmark = pytest.mark.kafka


async def test_each_due_time_fires_once_over_a_takeover(kafka_url: str) -> None:
    async with running(kafka_url, WORKFLOWS, worker_id="first") as (first, client):
        await client.schedules.create("seconds", totals, spec=Every("1s"), overlap="buffer_all")

        async def has_counted(least: int) -> bool:
            return ((await client.schedules.describe("seconds", timeout="60s")).last_result or 0) >= least

        await eventually_async(lambda: has_counted(1))
        async with Worker(kafka_url, workflows=WORKFLOWS, id="second"):
            await first.stop()
            before = (await client.schedules.describe("seconds", timeout="60s")).last_result
            await eventually_async(lambda: has_counted(before + 2))
            await client.schedules.pause("seconds", timeout="60s")

            async def has_ended() -> bool:
                return not (await client.schedules.describe("seconds", timeout="60s")).open

            await eventually_async(has_ended)
            shown = await client.schedules.describe("seconds", timeout="60s")
            runs = await client.runs(search_attributes={"sagaline.schedule": "seconds"}, timeout="60s")
            assert len({run.workflow_id for run in runs}) == len(runs) == shown.fired
            assert shown.refused == 0
