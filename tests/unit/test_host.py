"""The host as a whole, on a log in memory: retries, time-outs, timers, cancellation, large activations."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness import events_of, eventually, running

from sagaline import ApplicationError, RequestRefused, Retry, RunError, RunHandle, activity, saga, workflow
from sagaline._engine import decide
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, open_log
from sagaline._model import events as e
from sagaline._model.codec import decode, encode
from sagaline._model.failure import RetryPolicy
from sagaline._model.keys import claim_key, history_key
from sagaline._model.records import ActivityResult, Claim, History, Refusals, StartRun, TerminateRun
from sagaline._runtime.definitions import Registry
from sagaline._store import StoreUnavailable, open_stores
from sagaline._store.rocksdb import RocksStore
from sagaline.client import Client

QUICK = Retry(attempts=3, first_interval="5ms")
attempts: Counter[str] = Counter()
keys: set[str] = set()


@pytest.fixture
def url() -> str:
    attempts.clear()
    keys.clear()
    return f"memory://h{uuid.uuid4().hex}?partitions=1"


@activity(retry=QUICK, timeout="50ms")
async def act(what: str) -> str:
    return await perform(what)


@activity(retry=QUICK, timeout="50ms")
def act_in_thread(what: str) -> str:
    attempts[what] += 1
    keys.add(activity.info().idempotency_key)
    if what == "slow":
        time.sleep(0.2)
    return what


async def perform(what: str) -> str:
    attempts[what] += 1
    keys.add(activity.info().idempotency_key)
    if what == "third time" and activity.info().attempt < 3:
        raise ConnectionError(what)
    if what == "never":
        raise ConnectionError(what)
    if what == "pointless":
        raise ApplicationError(what, type="Pointless", retryable=False)
    if what == "hangs":
        await asyncio.sleep(60)
    return what


@act.compensation
async def undo(what: str, done: str | None) -> None:
    attempts[f"undo {what} {done}"] += 1


@workflow
async def one(what: str) -> str:
    return await act(what)


@workflow
async def one_in_thread(what: str) -> str:
    return await act_in_thread(what)


@saga
async def waits() -> None:
    await act("a")
    await asyncio.sleep(60)


@workflow
async def sleeps(seconds: float) -> float:
    before = workflow.now()
    await asyncio.sleep(seconds)
    return (workflow.now() - before).total_seconds()


@activity
async def measure(text: str) -> int:
    return len(text)


@workflow
async def large(count: int) -> int:
    return sum(await asyncio.gather(*(measure("x" * 200_000) for _ in range(count))))


@workflow
async def many(count: int) -> int:
    return sum(await asyncio.gather(*(measure("x") for _ in range(count))))


WORKFLOWS = [one, one_in_thread, waits, sleeps, large, many]
ACTIVITIES = [act, act_in_thread, measure]


@pytest.mark.parametrize(
    ("what", "expected", "failure"),
    [
        ("ok", 1, None),
        ("third time", 3, None),
        ("never", 3, "ConnectionError"),
        ("pointless", 1, "Pointless"),
        ("hangs", 3, "Timeout"),
    ],
)
async def test_attempts_follow_the_policy_under_one_key(
    url: str, what: str, expected: int, failure: str | None
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        if failure is None:
            assert await client.execute(one, what, id="w") == what
        else:
            with pytest.raises(RunError) as caught:
                await client.execute(one, what, id="w")
            assert (caught.value.status, caught.value.type) == ("failed", failure)
    assert attempts[what] == expected
    assert len(keys) == 1


async def test_a_thread_that_is_too_slow_times_out_and_its_late_result_is_dropped(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        assert await client.execute(one_in_thread, "quick", id="q") == "quick"
        with pytest.raises(RunError, match=r"did not end within 0\.05 s"):
            await client.execute(one_in_thread, "slow", id="s")
        events = await events_of(client, "s")
        assert sum(isinstance(event, e.ActivityFailed | e.ActivityCompleted) for event in events) == 1


async def test_cancel_rolls_back_and_terminate_does_not(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        for workflow_id in ("cancelled", "terminated"):
            handle = await client.start(waits, id=workflow_id)
            async with asyncio.timeout(10):
                while (await handle.describe()).events < 4:
                    await asyncio.sleep(0.01)
        await client.handle("cancelled").cancel("changed my mind")
        with pytest.raises(RunError, match="changed my mind") as caught:
            await client.handle("cancelled").result(10)
        assert caught.value.status == "cancelled"
        assert attempts["undo a a"] == 1
        await client.handle("terminated").terminate("enough")
        with pytest.raises(RunError) as caught:
            await client.handle("terminated").result(10)
        assert caught.value.status == "terminated"
        assert attempts["undo a a"] == 1


async def test_timers_never_fire_early_and_survive_a_restart(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        assert await client.execute(sleeps, 0.05, id="a") >= 0.05
        began = time.monotonic()
        await client.start(sleeps, 0.5, id="b")
    async with running(url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        assert await client.handle("b").result(10) >= 0.5
        assert time.monotonic() - began >= 0.5


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


async def test_the_same_id_gives_the_same_run_however_often_it_is_asked_for(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handles = await asyncio.gather(*(client.start(one, "ok", id="w") for _ in range(20)))
        assert len({handle.run_id for handle in handles}) == 1
        assert await asyncio.gather(*(handle.result(10) for handle in handles)) == ["ok"] * 20
        assert await client.execute(one, "ok", id="w") == "ok"
    assert attempts["ok"] == 1


async def test_an_input_that_makes_the_engine_fail_is_a_dead_letter_and_the_others_go_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours costs the one input: the partition is claimed anew, and next time the input is dead."""
    real = decide.PROCESSORS[TerminateRun]

    def broken(state: Any, given: TerminateRun, now_ms: int) -> Any:
        if given.reason == "boom":
            raise ZeroDivisionError("a bug")
        return real(state, given, now_ms)

    monkeypatch.setitem(decide.PROCESSORS, TerminateRun, broken)
    async with running(url, [one, waits], [act]) as (_, client):
        handle = await client.start(waits, id="open")
        with pytest.raises(RequestRefused, match="put aside as a dead letter: The engine failed: ZeroDivisionError"):
            await handle.terminate("boom")
        assert await client.execute(one, "after", id="after") == "after"
        log = open_log(url)
        await log.open()
        _, end = await log.bounds(DEADLETTERS, 0)
        found = [record async for batch in log.read(DEADLETTERS, 0, 0, end) for record in batch]
    (dead,) = (decode(record.value) for record in found)
    assert isinstance(dead, TerminateRun)
    assert dead.reason == "boom"


async def test_a_run_whose_result_makes_the_engine_fail_is_quarantined(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decide.PROCESSORS[ActivityResult]

    def broken(state: Any, given: ActivityResult, now_ms: int) -> Any:
        if given.workflow_id == "bad":
            raise ZeroDivisionError("a bug")
        return real(state, given, now_ms)

    monkeypatch.setitem(decide.PROCESSORS, ActivityResult, broken)
    async with running(url, [one], [act]) as (_, client):
        bad = await client.start(one, "bad", id="bad")
        assert await client.execute(one, "good", id="good") == "good"
        async with asyncio.timeout(10):
            while (found := await bad.describe()).status != "parked":
                await asyncio.sleep(0.02)
    assert found.failure is not None
    assert "ZeroDivisionError: a bug" in found.failure.message


async def test_a_full_disk_stops_nothing_for_good(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the disk takes nothing the partition is claimed again and again; then all goes on, and nothing is lost."""
    write = RocksStore.write
    full = False

    def write_if_there_is_room(self: RocksStore, writes: Any) -> None:
        if full:
            raise StoreUnavailable("the state could not be written: No space left on device")
        write(self, writes)

    monkeypatch.setattr(RocksStore, "write", write_if_there_is_room)
    async with running(url, [one], [act], state_dir=tmp_path / "state") as (_, client):
        assert await client.execute(one, "before", id="before") == "before"
        full = True
        during = asyncio.create_task(client.execute(one, "during", id="during"))
        await eventually(lambda: caplog.text.count("No space left on device") >= 3)
        full = False
        assert await asyncio.wait_for(during, 30) == "during"
        assert (await client.handle("before").describe()).status == "completed"


async def test_a_quarantined_run_is_listed_and_goes_on_when_it_is_retried(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decide.PROCESSORS[ActivityResult]
    mended = False

    def broken(state: Any, given: ActivityResult, now_ms: int) -> Any:
        if given.workflow_id == "bad" and not mended:
            raise ZeroDivisionError("a bug")
        return real(state, given, now_ms)

    monkeypatch.setitem(decide.PROCESSORS, ActivityResult, broken)
    async with running(url, [one], [act]) as (_, client):
        bad = await client.start(one, "bad", id="bad")
        async with asyncio.timeout(10):
            while not (found := await client.runs("parked")):
                await asyncio.sleep(0.02)
        assert [(run.workflow_id, run.workflow) for run in found] == [("bad", "one")]
        assert found[0].failure is not None
        assert found[0].failure.type == "EngineError"
        assert "ZeroDivisionError: a bug" in found[0].failure.message
        mended = True
        await bad.retry()
        assert await bad.result(10) == "bad"
        assert await client.runs("parked") == []
        with pytest.raises(RequestRefused, match="it has ended: completed"):
            await bad.retry()
    with pytest.raises(RequestRefused, match="there is none"):
        async with running(url, [one], [act]) as (_, client):
            await client.handle("nobody").retry()


async def test_a_parked_run_that_cannot_go_on_says_so_when_it_is_retried(url: str) -> None:
    async with running(url, [buggy, buggy_later], [act]) as (_, client):
        handle = await client.start(buggy, id="b")
        await eventually_parked(handle)
        with pytest.raises(RequestRefused, match="Expected the run of 'b' to go on but: no such thing"):
            await handle.retry()
        assert (await handle.describe()).status == "parked"
        waits_on = await client.start(buggy_later, id="open")
        with pytest.raises(RequestRefused, match="Expected a parked run of workflow id 'open' but it is running"):
            await waits_on.retry()


async def eventually_parked(handle: RunHandle[Any]) -> None:
    async with asyncio.timeout(10):
        while (await handle.describe()).status != "parked":
            await asyncio.sleep(0.02)


@workflow
async def buggy() -> None:
    raise LookupError("no such thing")


@workflow
async def buggy_later() -> None:
    await asyncio.sleep(1_000)
