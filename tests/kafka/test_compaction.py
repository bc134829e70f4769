"""A real broker compacts a real history topic while zombies write and runs are retired: a rebuild is the same."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from functools import partial

import harness
import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from harness import running
from harness import state_rows as rows
from kafka_broker import Broker

from sagaline import Client, Worker, activity, saga, workflow
from sagaline._host.partition.partition import Partition
from sagaline._host.recovery.restore import Restore
from sagaline._log import HISTORY, Log, Record, open_log
from sagaline._model import events as e
from sagaline._model.codec import encode
from sagaline._model.keys import history_key
from sagaline._model.records import History
from sagaline._store.memory import MemoryStore

pytestmark = pytest.mark.kafka
# The smallest segments and the most eager cleaning that a broker allows.
EAGER = {
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1",
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "60000",
}
AFTER = ("after-1", "after-2")
executions: Counter[str] = Counter()
eventually = partial(harness.eventually, limit_s=60)


@activity
async def step(name: str) -> str:
    executions[name] += 1
    return name


@saga
async def short(name: str) -> str:
    await step(f"{name}-1")
    return await step(f"{name}-2")


@workflow(retention="1d")
async def long(name: str) -> str:
    await step(f"{name}-1")
    await asyncio.sleep(3_600)
    return name


def compact_eagerly(address: str, topic: str) -> None:
    """Sets the topic so that the broker's cleaner works all the time."""
    admin = AdminClient({"bootstrap.servers": address})
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in EAGER.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(timeout=20)


async def read_all(log: Log, end: int) -> list[Record]:
    return [record async for batch in log.read(HISTORY, 0, 0, end) for record in batch]


async def forge(log: Log, number: int) -> None:
    """A zombie's record: an epoch that is not the partition's, a key of its own."""
    run_id = f"{number:032x}"
    started = e.RunStarted("short", b'["z"]', f"z-{number}", "", 0, "")
    record = History(10**9, 1, f"zombie-{number}", run_id, 1, 10**6, 0, 0, (), False, (started,))
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    log.publish(HISTORY, 0, history_key(f"zombie-{number}", run_id, 1, 10**9), encode(record), done.set_result)
    assert await done is None


async def load(client: Client, log: Log, name: str, count: int) -> None:
    for number in range(count):
        await client.execute(short, f"{name}{number}", id=f"{name}-{number}")
        if number % 5 == 0:
            await forge(log, hash((name, number)) % 10**6)


def is_retired(partition: Partition) -> bool:
    """No closed run of ``short`` and nothing to tidy up is left, and all of it is acknowledged."""
    left = rows(partition.rows.acknowledged)
    pending = [key for key in left if key.startswith((b"c/short", b"x/", b"z/", b"o/"))]
    return not pending and partition.in_flight == 0


async def rebuilt(url: str, end: int) -> tuple[dict[bytes, bytes], int]:
    """The state that an empty disk gets from the topic as it is now, and how many records that took."""
    log = open_log(url)
    await log.open()
    store = MemoryStore()
    restore = Restore(store, lambda record, cause: pytest.fail(cause))
    records = await read_all(log, end)
    for start in range(0, len(records), 50):
        restore.apply(records[start : start + 50])
    await log.close()
    return rows(store), len(records)


async def test_a_topic_that_the_broker_has_compacted_rebuilds_the_same_state(broker: Broker) -> None:
    executions.clear()
    namespace = f"c{uuid.uuid4().hex[:8]}"
    url = f"kafka://{broker.address}/{namespace}?partitions=1"
    log = open_log(url)
    await log.open()
    compact_eagerly(broker.address, f"{namespace}.{HISTORY}")
    try:
        async with running(url, [short, long], [step], retention="500ms", worker_id="lived") as (worker, client):
            for number in range(5):
                await client.start(long, f"long{number}", id=f"long-{number}")
            for part in range(4):
                await load(client, log, f"r{part}", 20)
                await asyncio.sleep(0.3)
            await compare(worker, client, url)
        # everything but the open runs is retired: a worker with an empty disk executes nothing again
        before = {name: count for name, count in executions.items() if name not in AFTER}
        async with running(url, [short, long], [step], retention="500ms", worker_id="fresh") as (worker, client):
            assert (await client.handle("long-3").describe()).status == "running"
            await compare(worker, client, url)
        assert {name: count for name, count in executions.items() if name not in AFTER} == before
        assert all(count == 1 for count in before.values())
    finally:
        await log.close()


async def compare(worker: Worker, client: Client, url: str) -> None:
    """Waits until the cleaner has been everywhere, and compares."""
    partition = worker._host.live[0]
    await eventually(lambda: is_retired(partition))
    async with asyncio.timeout(60):
        while True:
            # another record rolls the segment: only closed segments are cleaned
            await client.execute(short, "after", id=f"after-{uuid.uuid4().hex}")
            await eventually(lambda: is_retired(partition))
            end = partition.rows.acknowledged.meta.next_offset
            partition.rows.acknowledged.flush()
            live = rows(partition.rows.acknowledged)
            found, count = await rebuilt(url, end)
            if end == partition.rows.acknowledged.meta.next_offset:
                assert found == live
                if count < end * 0.7:
                    return
