"""A worker in another language: docs/task-protocol.md is all that it knows of Sagaline."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import queue_sagas
from harness import events_of, running
from java_worker import JavaWorker

from sagaline import RunError
from sagaline._log import open_log
from sagaline._model import events as e

pytestmark = pytest.mark.kafka


async def test_a_worker_in_java_completes_fails_and_times_out_steps(kafka_url: str, tmp_path: Path) -> None:
    queue_sagas.undone.clear()
    log = open_log(kafka_url)
    await log.open()
    await log.queues.make("java")
    await log.close()
    worker = await asyncio.to_thread(JavaWorker, kafka_url, "java", tmp_path / "java.log")
    activities = [queue_sagas.ship, queue_sagas.count, queue_sagas.refuse, queue_sagas.hang]
    try:
        async with running(kafka_url, [queue_sagas.shipped], activities) as (_, client):
            completing = client.execute(queue_sagas.shipped, "order-1", "", id="a", timeout="120s")
            failing = client.execute(queue_sagas.shipped, "order-22", "refuse", id="b", timeout="120s")
            hanging = client.execute(queue_sagas.shipped, "order-333", "hang", id="c", timeout="120s")
            completed, failed, hung = await asyncio.gather(completing, failing, hanging, return_exceptions=True)
            assert not isinstance(completed, BaseException), worker.text()
            shipment, counted = completed
            assert shipment.endswith("/1 11"), "the idempotency key of step 1, and the length of the arguments"
            assert counted == 3
            events = await events_of(client, "a")
            assert any(isinstance(event, e.HeartbeatRecorded) for event in events), "it has said that it began"
            assert isinstance(failed, RunError)
            assert "not with us" in str(failed)
            assert isinstance(hung, RunError)
            assert "did not end within 1 s" in str(hung)
            assert {order for order, _ in queue_sagas.undone} == {"order-22", "order-333"}
    finally:
        worker.end()
