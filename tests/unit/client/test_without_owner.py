"""Reading when no worker runs: the client reads history itself, by the rules of every reader."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from harness import eventually_status, running

from sagaline import ApplicationError, Client, RequestRefused, RequestTimeout, RunError, activity, saga, workflow
from sagaline._host.recovery.restore import Restore
from sagaline._log import HISTORY, Log, Record, open_log
from sagaline._model.codec import decode, encode
from sagaline._model.events import RunCompleted
from sagaline._model.keys import history_key
from sagaline._model.records import History
from sagaline.client import reads, requests, waiting, without_owner
from sagaline.client.without_owner import CopyTooLarge


@activity
async def book(name: str) -> str:
    return f"booked {name}"


@saga
async def trip(name: str) -> str:
    booked = await book(name)
    if name == "Atlantis":
        raise ApplicationError("nothing flies there")
    return booked


@workflow
async def sleeps(name: str) -> str:
    await asyncio.sleep(3_600)
    return name


@workflow
async def buggy(name: str) -> str:
    raise LookupError(f"no {name}")


WORKFLOWS, ACTIVITIES = [trip, sleeps, buggy], [book]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "PATIENCE_S", 0.02)
    monkeypatch.setattr(waiting, "_FIRST_LOOK_S", 0.02)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    place = f"memory://{tmp_path.name}" if request.param == "memory" else f"sqlite:///{tmp_path}/log.db"
    return f"{place}?partitions=2"


async def load(client: Client) -> None:
    await client.execute(trip, "Lisbon", id="completed")
    with pytest.raises(RunError):
        await client.execute(trip, "Atlantis", id="compensated")
    await client.start(sleeps, "a", id="running")
    await eventually_status(await client.start(buggy, "b", id="parked"), "parked")


IDS = ("completed", "compensated", "running", "parked")


async def test_what_the_log_says_is_what_the_owner_said(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (worker, client):
        await worker._host.wait_live(2)
        await load(client)
        described = {name: await client.handle(name).describe() for name in IDS}
        histories = {name: await client.handle(name).history() for name in IDS}
        runs = await client.runs()
        parked = await client.runs("parked")
    async with await Client.connect(url) as client:
        for name in IDS:
            alone = await client.handle(name).describe()
            assert alone.unowned_since is not None
            assert replace(alone, unowned_since=None) == described[name]
            assert await client.handle(name).history() == histories[name]
        assert await client.runs() == runs
        assert await client.runs("parked") == parked
        assert await client.handle("completed").result(20) == "booked Lisbon"
        with pytest.raises(RunError, match="nothing flies there"):
            await client.handle("compensated").result(20)
        with pytest.raises(RequestRefused, match="'nobody' but there is none"):
            await client.handle("nobody").describe()


async def test_the_result_of_an_open_run_waits_and_says_that_no_worker_answers(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await load(client)
    async with await Client.connect(url) as client:
        with pytest.raises(
            RequestTimeout, match=r"goes on: running.*a timer that is due.*No worker answers; a worker last"
        ):
            await client.handle("running").result(1.5)
        with pytest.raises(RequestTimeout, match=r"is parked since .*LookupError: no b"):
            await client.handle("parked").result(1.5)


async def test_a_zombies_records_and_foreign_bytes_are_not_believed(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(sleeps, "a", id="running")
        history = await handle.history()
    log = open_log(url)
    await log.open()
    partition, record = await last_record(log, "running")
    stale = msgspec.structs.replace(
        record, epoch=record.epoch - 1, first_event_id=len(history) + 1, events=(RunCompleted(b'"stolen"'),)
    )
    await publish(
        log, partition, history_key("running", stale.run_id, stale.first_event_id, stale.epoch), encode(stale)
    )
    await publish(log, partition, b"running", b"not ours")
    await publish(log, partition, b"claim/x", b"not a claim")
    await log.close()
    async with await Client.connect(url) as client:
        assert (await client.handle("running").describe()).status == "running"
        assert await client.handle("running").history() == history


async def test_a_retired_run_is_not_there_whatever_the_broker_has_compacted(url: str) -> None:
    """Its first record has its tombstone: what is left is a remnant."""
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.execute(trip, "Lisbon", id="gone")
        await client.execute(trip, "Lisbon", id="stays")
    log = open_log(url)
    await log.open()
    partition, record = await last_record(log, "gone")
    await publish(log, partition, history_key("gone", record.run_id, 1, record.epoch), None)
    await log.close()
    async with await Client.connect(url) as client:
        with pytest.raises(RequestRefused, match="there is none"):
            await client.handle("gone").describe()
        assert [run.workflow_id for run in await client.runs()] == ["stays"]


async def test_memory_is_bounded_by_what_is_asked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        for number in range(8):
            await client.execute(trip, "x" * 2_000, id=f"t-{number}")
    monkeypatch.setattr(without_owner, "_COPY_BYTES", 15_000)
    async with await Client.connect(url) as client:
        assert (await client.handle("t-3").describe()).status == "completed"
        with pytest.raises(CopyTooLarge, match="Expected to read no more than 15000 bytes of history without a worker"):
            await client.runs(timeout=0.5)


async def test_the_event_loop_stays_free_while_the_log_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await load(client)
    threads: set[str] = set()
    apply = Restore.apply

    def record(self: Restore, records: list[Record]) -> None:
        threads.add(threading.current_thread().name)
        apply(self, records)

    monkeypatch.setattr(Restore, "apply", record)
    async with await Client.connect(url) as client:
        await client.handle("completed").describe()
    assert threads
    assert all(name.startswith("sagaline-client") for name in threads)


async def test_with_workers_about_their_answer_is_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is there will answer: its log is not read behind its back, but after a while all the same."""
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await load(client)
        monkeypatch.setattr(client._requests, "publish", lambda *_: None)  # the worker is deaf
        with pytest.raises(RequestTimeout, match=r"workers of namespace .* are running, but none has answered"):
            await client.handle("completed").describe(0.2)
        monkeypatch.setattr(reads, "OWNED_PATIENCE_S", 0.1)
        assert (await client.handle("completed").describe()).unowned_since is not None


async def last_record(log: Log, workflow_id: str) -> tuple[int, History]:
    newest: tuple[int, History] | None = None
    for partition in range(log.partitions):
        _, end = await log.bounds(HISTORY, partition)
        async for batch in log.read(HISTORY, partition, 0, end):
            for entry in batch:
                record = None if entry.value is None else decode(entry.value)
                if isinstance(record, History) and record.workflow_id == workflow_id:
                    newest = partition, record
    assert newest is not None
    return newest


async def publish(log: Log, partition: int, key: bytes, value: bytes | None) -> None:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    log.publish(HISTORY, partition, key, value, done.set_result)
    assert await done is None


async def test_a_log_that_is_too_large_is_left_to_an_owner_that_comes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.execute(trip, "x" * 2_000, id="t")
    monkeypatch.setattr(without_owner, "_COPY_BYTES", 100)
    monkeypatch.setattr(requests, "ASK_AGAIN_S", 0.05)
    async with await Client.connect(url) as client:
        with pytest.raises(CopyTooLarge):
            await client.handle("t").describe(0.2)
        with pytest.raises(RequestTimeout, match="no worker of namespace"):
            await client.handle("t").result(0.3)
        described = asyncio.ensure_future(client.handle("t").describe())
        async with running(url, WORKFLOWS, ACTIVITIES):
            assert (await described).unowned_since is None
