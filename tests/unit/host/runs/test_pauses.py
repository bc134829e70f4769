"""Runs that a person pauses: nothing of them runs, nothing that arrives is lost."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

import paused_runs
import pytest
from commands import command
from harness import events_of, eventually_async, running
from three_modes import NORMAL, Code, in_each_mode, run_in

from sagaline import Client, Description, RequestRefused, RequestTimeout, Retry, RunError, RunHandle, activity, workflow
from sagaline._model import events as e

done: Counter[str] = Counter()
gates: dict[str, asyncio.Event] = {}


@activity
async def step(name: str) -> str:
    done[name] += 1
    await gates.setdefault(name, asyncio.Event()).wait()
    return name


@activity(retry=Retry(attempts=3, first_interval="10ms"))
async def shaky(name: str) -> str:
    done[name] += 1
    if done[name] == 1:
        await gates.setdefault(name, asyncio.Event()).wait()
        raise OSError("not now")
    return name


@workflow
async def two_steps() -> list[str]:
    return [await step("first"), await shaky("second")]


@workflow
async def retries() -> str:
    return await shaky("second")


@workflow
async def sleeps() -> str:
    await asyncio.sleep(0.05)
    done["awake"] += 1
    return "awake"


@workflow
class Till:
    def __init__(self) -> None:
        self.total = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.total >= 10)
        return self.total

    @workflow.signal
    def put(self, amount: int) -> None:
        self.total += amount

    @workflow.update
    async def take(self, amount: int) -> int:
        self.total -= amount
        return self.total

    @workflow.query
    def holds(self) -> int:
        return self.total


WORKFLOWS, ACTIVITIES = [two_steps, retries, sleeps, Till], [step, shaky]


@pytest.fixture(autouse=True)
def fresh() -> None:
    done.clear()
    gates.clear()


def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=1"


async def seen(handle: RunHandle[object], kind: type[e.Event], client: object) -> None:
    async def there() -> bool:
        return any(isinstance(event, kind) for event in await events_of(client, handle.workflow_id))  # type: ignore[arg-type]

    await eventually_async(there)


async def test_what_runs_may_end_and_its_result_waits() -> None:
    async with running(url(), WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(two_steps, id="a")
        await seen(handle, e.ActivityScheduled, client)
        await handle.pause("the bank is down", by="ann")
        await handle.pause("again", by="bob")
        shown: Description = await handle.describe()
        assert (shown.status, shown.pause_reason, shown.paused_by) == ("running", "the bank is down", "ann")
        assert shown.paused_at is not None
        gates.setdefault("first", asyncio.Event()).set()
        await seen(handle, e.ActivityCompleted, client)
        assert done["second"] == 0
        gates.setdefault("second", asyncio.Event()).set()
        await handle.resume("it is back", by="ann")
        await handle.resume()
        assert await handle.result(20) == ["first", "second"]
        happened = [event for event in await events_of(client, "a") if isinstance(event, e.RunPaused | e.RunUnpaused)]
        assert [(type(event).__name__, event.reason, event.by) for event in happened] == [
            ("RunPaused", "the bank is down", "ann"),
            ("RunUnpaused", "it is back", "ann"),
        ]
        assert (await handle.describe()).paused_at is None


def test_no_attempt_begins_while_a_run_is_paused_and_the_next_does_after() -> None:
    async def scenario(client: Client) -> str:
        handle = await client.start(retries, id="a")
        await eventually_async(lambda: _true(done["second"] == 1))
        await handle.pause("wait")
        gates["second"].set()
        await seen(handle, e.ActivityAttemptFailed, client)
        await asyncio.sleep(60)  # of the virtual clock: the next attempt falls due, and does not begin
        assert done["second"] == 1
        await handle.resume("go on")
        return await handle.result(20)

    assert run_in(NORMAL, Code(WORKFLOWS, ACTIVITIES), scenario).outcome.returned == "second"
    assert done["second"] == 2


async def _true(value: bool) -> bool:
    return value


async def test_a_timer_that_falls_due_waits() -> None:
    async with running(url(), WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(sleeps, id="a")
        await handle.pause("wait")
        await seen(handle, e.TimerFired, client)
        assert done["awake"] == 0
        await handle.resume("go on")
        assert await handle.result(20) == "awake"


async def test_messages_wait_queries_are_answered_and_a_late_update_says_why() -> None:
    async with running(url(), WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Till.run, id="a")
        await handle.signal(Till.put, 3)
        await handle.pause("audit", by="ann")
        await handle.signal(Till.put, 10)
        assert await handle.query(Till.holds) == 3
        with pytest.raises(
            RequestTimeout, match=r"paused since .* by ann: audit\. It goes on with `sagaline resume a`"
        ):
            await handle.execute_update(Till.take, 1, id="u", timeout=0.3)
        with pytest.raises(RequestTimeout, match="paused since"):
            await handle.result(0.3)
        await handle.resume("done")
        assert await handle.execute_update(Till.take, 1, id="u", timeout=20) in (2, 12)
        assert await handle.result(20) == 12


async def test_a_cancellation_is_on_record_at_once_and_acts_when_the_run_goes_on() -> None:
    async with running(url(), WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(two_steps, id="a")
        await handle.pause("wait")
        await handle.cancel("enough")
        shown = await handle.describe()
        assert (shown.status, shown.cancel_requested) == ("running", True)
        await handle.resume("go on")
        with pytest.raises(RunError, match="enough"):
            await handle.result(20)


async def test_a_termination_acts_at_once_and_ended_runs_are_refused() -> None:
    async with running(url(), WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(two_steps, id="a")
        await handle.pause("wait")
        await handle.terminate("enough")
        assert (await handle.describe()).status == "terminated"
        for ask in (handle.pause, handle.resume):
            with pytest.raises(RequestRefused) as refused:
                await ask()
            assert refused.value.type == "RunEnded"


async def test_another_worker_leaves_a_paused_run_alone(tmp_path: object) -> None:
    link = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(link, WORKFLOWS, ACTIVITIES, stop_grace="20ms") as (_, client):
        handle = await client.start(two_steps, id="a")
        await seen(handle, e.ActivityScheduled, client)
        await eventually_async(lambda: _true(done["first"] == 1))
        await handle.pause("wait")
    for gate in ("first", "second"):
        gates.setdefault(gate, asyncio.Event()).set()
    async with running(link, WORKFLOWS, ACTIVITIES, replay_always=True) as (_, client):
        handle = client.handle("a")
        assert (await handle.describe()).pause_reason == "wait"
        assert await client.execute(sleeps, id="b") == "awake"  # its attempt would have begun before that
        assert done["first"] == 1
        asked = ["--log", link]
        assert (await command("resume", "a", "--reason", "go on", "--by", "bob", *asked)).out == "a goes on.\n"
        assert await handle.result(20) == ["first", "second"]
        assert done["first"] == 2


async def test_the_command_line_pauses_and_shows_it(tmp_path: object) -> None:
    link = f"sqlite:///{tmp_path}/log.db?partitions=1"
    asked = ["--log", link]
    async with running(link, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(two_steps, id="a")
        paused = await command("pause", "a", "--reason", "the bank is down", "--by", "ann", *asked)
        assert (paused.code, paused.out) == (0, "a is paused.\n")
        shown = await command("show", "a", *asked)
        assert "by ann: the bank is down" in shown.out
        assert "running, paused" in (await command("list", *asked)).out
        assert (await command("show", "a", "--json", *asked)).json["paused_by"] == "ann"
        await handle.terminate("enough")


def test_in_each_mode_with_a_child_that_ends_meanwhile() -> None:
    outcomes = in_each_mode(paused_runs.CODE, paused_runs.scenario, partitions=2)
    assert outcomes["normal"].returned == ["own", "of the child"]
    assert outcomes["normal"].effects == {"held": 2, "quick": 2}
    paused_runs.check_pause(run_in(NORMAL, paused_runs.CODE, paused_runs.scenario))


async def test_retention_leaves_a_paused_run_alone(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES, retention="1s", stop_grace="20ms") as (_, client):
        paused, ended = await client.start(two_steps, id="a"), await client.start(sleeps, id="b")
        await paused.pause("wait")
        for gate in ("first", "second"):
            gates.setdefault(gate, asyncio.Event()).set()
        await ended.result(60)
        await eventually_async(lambda: _is_gone(ended), 120)
        assert (await paused.describe()).pause_reason == "wait"
        await paused.resume("go on")
        assert await paused.result(60) == ["first", "second"]
        await eventually_async(lambda: _is_gone(paused), 120)


async def _is_gone(handle: RunHandle[object]) -> bool:
    try:
        await handle.describe()
    except RequestRefused as refusal:
        return refusal.type == "WorkflowNotFound"
    return False
