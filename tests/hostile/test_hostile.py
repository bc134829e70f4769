"""Hundreds of hostile inputs against one worker: every good run ends, no partition stands, the log names each culprit."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from worker_process import WorkerProcess

from hostile import Hostile, everything
from sagaline import Client, RunHandle
from sagaline._log import COMMANDS, HISTORY, Record, open_log
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.keys import partition_of
from sagaline._model.records import Claim

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from hostile_sagas import ERRORS, MISBEHAVIOUR, RESULTS, good  # noqa: E402

PARTITIONS = 4
MEMORY_MB = 64
MEMORY_BOUND = (200 + 2.5 * MEMORY_MB) * 1_000_000  # docs/operations.md
GOOD_RUNS = 60
LIMIT_S = 240


class HostileWorker(WorkerProcess):
    """The worker in a process of its own, and the most memory that it took."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, "hostile", folder, "--memory", str(MEMORY_MB), sagas=HERE / "hostile_sagas.py")
        self.most_memory = 0

    def look(self) -> None:
        """Notes the memory in use; fails when the process has ended."""
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.text()[-3_000:]}"
        self.most_memory = max(self.most_memory, psutil.Process(self.process.pid).memory_info().rss)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.process.wait(60)


async def send(url: str, records: list[Hostile]) -> None:
    """Puts the records on their topics, a few at a time so that good runs come between them."""
    log = open_log(url)
    await log.open()
    try:
        for number, record in enumerate(records):
            named = record.topic == COMMANDS and record.culprit
            partition = partition_of(record.culprit, PARTITIONS) if named else number % PARTITIONS
            done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            log.publish(record.topic, partition, record.key, record.value, done.set_result)
            assert await done is None
    finally:
        await log.close()


async def good_results(client: Client, count: int) -> list[RunHandle[int]]:
    return [await client.start(good, number, id=f"good {number}") for number in range(count)]


async def settle(url: str, worker: HostileWorker, handles: list[RunHandle[int]]) -> list[int]:
    """The results of the good runs, while the worker's memory is watched."""
    waiting = asyncio.gather(*(handle.result() for handle in handles))
    async with asyncio.timeout(LIMIT_S):
        while not waiting.done():
            worker.look()
            await asyncio.wait([waiting], timeout=0.2)
    return await waiting


async def besiege(url: str, folder: Path, seed: int) -> None:
    records = everything(list(ERRORS), list(RESULTS), list(MISBEHAVIOUR), seed)
    assert len(records) >= 300
    log = open_log(url)
    await log.open()  # a worker's log makes the namespace
    await log.close()
    worker = HostileWorker(url, folder)
    try:
        async with await Client.connect(url) as client:
            first = await good_results(client, GOOD_RUNS // 2)
            await send(url, records)
            last = [await client.start(good, number, id=f"late {number}") for number in range(GOOD_RUNS // 2)]
            results = await settle(url, worker, first + last)
            assert results == [3 * number + 3 for number in range(GOOD_RUNS // 2)] * 2
            await all_dealt_with(client, records, worker)
        assert worker.stop() == 0
    finally:
        worker.end()
    await check_claims(url)
    assert worker.most_memory < MEMORY_BOUND, f"{worker.most_memory / 1e6:.0f} MB of {MEMORY_BOUND / 1e6:.0f}"
    text = worker.text()
    unnamed = [record.culprit for record in records if record.culprit and record.culprit[:200] not in text]
    assert not unnamed, f"{len(unnamed)} culprits are not named in the log: {unnamed[:20]}"


async def all_dealt_with(client: Client, records: list[Hostile], worker: HostileWorker) -> None:
    """Every partition has read all of its commands: one more good run in each ends."""
    begin = time.monotonic()
    names = [next(f"end {n}" for n in range(10_000) if partition_of(f"end {n}", PARTITIONS) == p) for p in range(4)]
    handles = [await client.start(good, 1, id=name) for name in names]
    assert await settle("", worker, handles) == [6] * PARTITIONS
    print(f"{len(records)} hostile records; the last good runs ended after {time.monotonic() - begin:.1f} s")


def is_claim(record: Record) -> bool:
    try:
        return record.value is not None and isinstance(decode(record.value), Claim)
    except UnreadableRecord:
        return False


async def check_claims(url: str) -> None:
    """One process was started: no partition was claimed more than twice."""
    claims: Counter[int] = Counter()
    log = open_log(url)
    await log.open()
    for partition in range(PARTITIONS):
        async for batch in log.read(HISTORY, partition, *await log.bounds(HISTORY, partition)):
            claims[partition] += sum(map(is_claim, batch))
    await log.close()
    assert len(claims) == PARTITIONS
    assert all(count <= 2 for count in claims.values()), f"claims by partition: {dict(claims)}"


@pytest.mark.timeout(600)
async def test_hostile_inputs_on_the_embedded_log(tmp_path: Path, seed: int) -> None:
    await besiege(f"sqlite:///{tmp_path / 'log.db'}?partitions={PARTITIONS}", tmp_path, seed)


@pytest.mark.kafka
@pytest.mark.timeout(600)
async def test_hostile_inputs_on_kafka(kafka_url: str, tmp_path: Path, seed: int) -> None:
    await besiege(kafka_url.replace("partitions=2", f"partitions={PARTITIONS}"), tmp_path, seed)
