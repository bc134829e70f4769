"""Activations as records: split when they are too large, finished by the next owner, preceded by refusals."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from harness import events_of, running
from host_sagas import (
    ACTIVITIES,
    WORKFLOWS,
    act,
    attempts,
    keys,
    large,
    many,
    measure,
    one,
    waits,
)

from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._log import COMMANDS, HISTORY, open_log
from sagaline._model import events as e
from sagaline._model.codec import decode, encode
from sagaline._model.failure import RetryPolicy
from sagaline._model.keys import claim_key, history_key
from sagaline._model.records import Claim, History, Refusals, StartRun
from sagaline._runtime.definitions import Registry
from sagaline._store import open_stores
from sagaline.client import Client


@pytest.fixture
def url() -> str:
    attempts.clear()
    keys.clear()
    return f"memory://h{uuid.uuid4().hex}?partitions=1"


async def history(url: str) -> list[Any]:
    log = open_log(url)
    await log.open()
    _, end = await log.bounds(HISTORY, 0)
    found = [decode(record.value) async for batch in log.read(HISTORY, 0, 0, end) for record in batch]
    await log.close()
    return [record for record in found if isinstance(record, History)]


async def test_an_activation_too_large_for_a_record_is_recorded_in_several(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        assert await client.execute(large, 12, id="l") == 12 * 200_000
        assert await client.execute(many, 2_000, id="m") == 2_000
    records = [record for record in await history(url) if record.workflow_id == "l"]
    assert [record.more for record in records[:4]] == [True, True, False, False]
    assert all(len(encode(record)) < 900_000 for record in records)


@pytest.mark.parametrize("written", [0, 1, 2])
async def test_an_owner_that_finds_an_activation_cut_off_appends_the_rest(url: str, written: int) -> None:
    log = open_log(url)
    await log.open()
    log.publish(HISTORY, 0, claim_key("c"), encode(Claim("dead", "c", 1)))
    scheduled = [e.ActivityScheduled(step, "measure", b'["x"]', 60_000, RetryPolicy()) for step in (1, 2, 3)]
    started = e.RunStarted("many", b"[3]", "q", "", 0, "closed")
    record = History(0, 1, "cut", "run", 1, 0, 0, 0, (1, 2), True, (started, *scheduled[:written]))
    log.publish(HISTORY, 0, history_key("cut", "run", 1, 0), encode(record))
    await log.close()
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        assert await client.handle("cut").result(10) == 3
        events = await events_of(client, "cut")
        assert [event for event in events if isinstance(event, e.ActivityScheduled)] == scheduled


async def test_a_refusal_is_recorded_before_what_follows_it(url: str) -> None:
    """Else a crash between the two would leave a request that was read, and neither recorded nor read again."""
    log = open_log(url)
    await log.open()
    for number, name in enumerate(["unknown", "unknown", "one", "unknown", "one"]):
        start = StartRun(f"q{number}", f"w{number}", name, b'["ok"]')
        log.publish(COMMANDS, 0, start.workflow_id.encode(), encode(start))
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        for workflow_id in ("w2", "w4"):
            assert await client.handle(workflow_id).result(10) == "ok"
    _, end = await log.bounds(HISTORY, 0)
    records = [decode(record.value) async for batch in log.read(HISTORY, 0, 0, end) for record in batch]
    found: list[Any] = [record for record in records if isinstance(record, History | Refusals)][:4]
    shown = [(type(record).__name__, record.commands_position) for record in found]
    assert shown == [("Refusals", 2), ("History", 3), ("Refusals", 4), ("History", 5)]
    await log.close()


async def test_with_no_instance_in_memory_every_activation_is_a_replay(url: str) -> None:
    log = open_log(url)
    await log.open()
    stores = open_stores(None)
    registry = Registry([item.definition for item in (many, one, waits)], [item.definition for item in (act, measure)])
    host = Host(log, stores, registry, HostOptions("w", cached_instances=0, cached_runs=0))
    await host.start()
    await host.wait_live(1)
    async with await Client.connect(url) as client:
        assert await client.execute(many, 50, id="m") == 50
        assert await client.execute(one, "third time", id="o") == "third time"
    await host.stop()
    await log.close()
