"""``sagaline doctor`` against a real broker, as it is and with faults made on purpose."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from harness import eventually, running
from kafka_broker import Broker
from worker_process import WorkerProcess

from sagaline import workflow
from sagaline._log import open_log

pytestmark = pytest.mark.kafka


@workflow
async def nothing() -> None:
    pass


def doctor(url: str, *more: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "sagaline.cli", "doctor", "--log", url.partition("?")[0], "--json", *more]
    found = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return found.returncode, json.loads(found.stdout) if found.stdout else found.stderr


def codes(shown: Any) -> set[tuple[str, str]]:
    return {(finding["code"], subject) for finding in shown["findings"] for subject in finding["subjects"]}


def alter(address: str, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(timeout=20)


async def test_a_namespace_at_work_is_described_and_only_the_single_broker_is_found(kafka_url: str) -> None:
    async with running(kafka_url, [nothing], worker_id="doctored") as (worker, client):
        await worker._host.wait_live(2)
        for number in range(5):
            await client.execute(nothing, id=f"n-{number}")
        code, shown = await asyncio.to_thread(doctor, kafka_url)
    assert code == 0, shown
    assert {one["code"] for one in shown["findings"]} == {"few-brokers"}
    assert [(one["member_id"], one["partitions"]) for one in shown["workers"]] == [("doctored", [0, 1])]
    assert [(one["owner"], one["lag"]) for one in shown["partitions"]] == [("doctored", 0)] * 2


@workflow
async def buggy() -> None:
    raise LookupError("no such thing")


def has_claimed(worker: WorkerProcess, times: int) -> bool:
    return worker.text().count("claimed at offset") >= times


async def test_parked_runs_and_owners_that_do_not_answer_are_found(kafka_url: str, tmp_path: Path) -> None:
    async with running(kafka_url, [buggy]) as (_, client):
        await client.start(buggy, id="b-1")
        async with asyncio.timeout(20):
            while not await client.runs("parked"):
                await asyncio.sleep(0.05)
        code, shown = await asyncio.to_thread(doctor, kafka_url)
        assert code == 0, shown
        assert ("parked", "runs") in codes(shown)
        assert [(run["workflow_id"], run["failure"]["message"]) for run in shown["parked"]] == [
            ("b-1", "no such thing")
        ]
    worker = WorkerProcess(kafka_url, "silent", tmp_path)
    try:
        await eventually(partial(has_claimed, worker, 2))
        for turn in range(1, 6):
            freeze = asyncio.get_running_loop().call_later(1.0, worker.signal, signal.SIGSTOP)
            code, shown = await asyncio.to_thread(doctor, kafka_url)
            while ("silent-owner", "workers") not in codes(shown) and shown["workers"]:
                code, shown = await asyncio.to_thread(doctor, kafka_url)
            freeze.cancel()
            if shown["workers"]:
                break
            worker.signal(signal.SIGCONT)  # on a busy machine the group had put it out before doctor looked: again
            await eventually(partial(has_claimed, worker, 2 + 2 * turn))
        assert (code, ("silent-owner", "workers") in codes(shown)) == (1, True), shown
    finally:
        worker.end()


async def test_faults_made_on_a_real_broker_are_found(broker: Broker, kafka_url: str) -> None:
    namespace = kafka_url.rpartition("/")[2].partition("?")[0]
    code, shown = await asyncio.to_thread(doctor, kafka_url)
    assert code == 1
    assert ("topic-missing", "history") in codes(shown)
    log = open_log(kafka_url)
    await log.open()
    await log.close()
    alter(broker.address, f"{namespace}.history", "max.message.bytes", "100000")
    alter(broker.address, f"{namespace}.history", "unclean.leader.election.enable", "true")
    alter(broker.address, f"{namespace}.history", "delete.retention.ms", "1000")
    alter(broker.address, f"{namespace}.commands", "retention.ms", "1000")
    code, shown = await asyncio.to_thread(doctor, kafka_url)
    assert code == 1
    assert codes(shown) >= {
        ("record-limit", "history"),
        ("unclean-election", "history"),
        ("tombstones-short", "history"),
        ("inputs-short", "commands"),
        ("no-worker", "workers"),
    }
    alter(broker.address, f"{namespace}.history", "cleanup.policy", "delete")
    code, shown = await asyncio.to_thread(doctor, kafka_url)
    assert code == 1
    assert ("topic-unfit", "history") in codes(shown)


def test_no_broker_is_said() -> None:
    code, shown = doctor("kafka://127.0.0.1:1/nowhere")
    assert code == 5
    assert "Expected a Kafka broker at 127.0.0.1:1" in shown


def test_the_embedded_log_is_checked_too(tmp_path: Any) -> None:
    async def fill(url: str) -> None:
        async with running(url, [nothing]) as (_, client):
            await client.execute(nothing, id="n")

    url = f"sqlite:///{tmp_path / 'log.db'}"
    assert doctor(url)[0] == 1, "it is not there yet"
    asyncio.run(fill(url))
    code, shown = doctor(url)
    assert (code, shown["findings"]) == (0, [])
    with (tmp_path / "log.db").open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)
    assert doctor(url)[0] != 0
