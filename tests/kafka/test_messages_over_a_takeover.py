"""Messages, children, tokens and chains of runs on a real broker, over a kill -9 of the only worker."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path

import harness
import pytest
from harness import eventually_async, make_namespace
from worker_process import WorkerProcess

from sagaline import Client, RequestRefused, Status

pytestmark = pytest.mark.kafka
eventually = partial(harness.eventually, limit_s=60)
SAGAS = Path(__file__).with_name("message_flow_sagas.py")


async def test_nothing_that_was_acknowledged_is_lost_or_doubled(kafka_url: str, tmp_path: Path) -> None:
    worker = WorkerProcess(kafka_url, "one", tmp_path, sagas=SAGAS)
    try:
        await make_namespace(kafka_url)
        async with await Client.connect(kafka_url) as client:
            await eventually(lambda: worker.text().count("claimed at offset") == 2)
            desk = await client.start_by_name("Desk", id="desk", timeout="60s")
            await client.start_by_name("parent", "child", id="parent")
            await client.start_by_name("chained", 0, 20, id="chain")
            for number in range(20):
                await desk.signal("add", number)
            await desk.start_update("passes", "update", id="u")

            async def waits() -> bool:
                runs = [await client.handle(name).describe() for name in ("parent", "chain")]
                return all(run.open_steps == 1 for run in runs) and runs[1].continued_from is not None

            await eventually_async(waits, 60)
            worker.signal(signal.SIGKILL)
            worker.process.wait()
            late = [asyncio.create_task(desk.signal("add", number, timeout="60s")) for number in range(20, 40)]
            asked = asyncio.create_task(desk.query("count", timeout="60s"))
            worker = WorkerProcess(kafka_url, "one", tmp_path, sagas=SAGAS)
            assert await asked >= 20, "no query is older than what was acknowledged before it"
            await asyncio.gather(*late)
            assert await desk.query("count", timeout="60s") == 40

            token = await desk.query("token_id", timeout="60s")
            await client.complete_token(token, 1_000, timeout="60s")
            with pytest.raises(RequestRefused) as used:
                await client.complete_token(token, 1_001, timeout="60s")
            assert used.value.type == "TokenUsed"
            for name in ("update", "child", "chain"):
                (tmp_path / name).touch()
            assert await desk.execute_update("passes", "update", id="u", timeout="60s") == "update"
            assert await client.handle("parent").result("60s") == "parent of child child"
            assert await client.handle("chain").result("60s") == 20
            await desk.signal("close", timeout="60s")
            seen = await desk.result("60s")
            assert seen[:20] == list(range(20)), "in the order in which they were sent, one after the other"
            assert sorted(seen) == [*range(40), 1_000]
            stands = await desk.describe()
            assert (stands.status, stands.signals_left) == (Status.COMPLETED, {})
    finally:
        worker.end()
