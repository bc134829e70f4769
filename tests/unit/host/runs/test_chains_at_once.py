"""Runs that go on as others at once: before they have received all that waits for them, and for ever."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import eventually_async, eventually_status, running

from sagaline import Client, RequestRefused, RunError, RunHandle, Signal, Status, Workflow, workflow
from sagaline._host.runs import hurried
from sagaline._host.runs.activations import Activations
from sagaline._model import limits

tasks, go = Signal[int]("task"), Signal[bool]("go")


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    memory = f"memory://{uuid.uuid4().hex}?partitions=1"
    return memory if request.param == "memory" else f"sqlite:///{tmp_path}/log.db?partitions=1"


def not_yet(self: Activations, workflow_id: str) -> None:
    """In the place of ``begin_next``."""


@workflow(signals=[tasks, go])
async def hurries(seen: list[int], runs: int, last: int) -> list[int]:
    """Is told to go on, does so twice before it receives anything, then takes one of its signals a run."""
    if runs == 0:
        await go.receive()
    elif runs > 2:
        seen.append(await tasks.receive())
        if seen[-1] == last:
            return seen
    hurries.continue_as_new(seen, runs + 1, last)


async def wait_for_all(handle: RunHandle[Any], last: int) -> None:
    """All signals wait for the first run, which is told to go on."""
    for number in range(last + 1):
        await handle.signal(tasks, number)
    await handle.signal(go, True)


@pytest.mark.parametrize("crash", [False, True])
async def test_no_signal_is_lost_when_runs_go_on_before_they_have_received_all(
    url: str, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is given three signals at once. So each goes on while most of what it inherits waits for the runs before.
    With ``crash`` the second run is begun by the next worker, and the others when it hears of an input."""
    monkeypatch.setattr(limits, "SIGNALS_AT_ONCE", 3)
    if crash:
        monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, [hurries]) as (_, client):
        handle = await client.start(hurries, list[int](), 0, 11, id="a")
        await wait_for_all(handle, 10)
        await eventually_status(handle, "continued")
    async with running(url, [hurries]) as (_, client):
        handle = client.handle("a", handle.run_id)
        await handle.signal(tasks, 11)
        assert await handle.result(60) == list(range(12))
        last = await client.handle("a").describe()
        assert (last.status, last.signals_waiting) == (Status.COMPLETED, 0)


@workflow(signals=[tasks, go])
async def leaves(runs: int) -> int:
    """Receives nothing but what lets its first run go on."""
    if runs == 0:
        await go.receive()
    if runs < 3:
        leaves.continue_as_new(runs + 1)
    return runs


async def test_what_nobody_received_is_named_where_it_was_received(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNALS_AT_ONCE", 2)
    async with running(url, [leaves]) as (_, client):
        handle = await client.start(leaves, 0, id="a")
        await wait_for_all(handle, 4)
        assert await handle.result(60) == 3
        first, last = await handle.describe(), await client.handle("a").describe()
        assert (first.signals_waiting, first.signals_left) == (3, {"task": 3})
        assert (last.signals_waiting, last.signals_left) == (2, {"task": 2})


@workflow(signals=[tasks])
async def spins(number: int) -> None:
    spins.continue_as_new(number + 1)


@workflow
async def answers() -> int:
    return 1


SPINNING: list[Workflow[Any, Any]] = [spins, answers]


async def spinning(client: Client, **options: Any) -> Any:
    handle = await client.start(spins, 0, id="a", **options)
    await eventually_status(handle, "continued")
    return handle


async def test_a_run_that_goes_on_at_once_for_ever_holds_nobody_up(url: str) -> None:
    """Others are answered, and whatever is asked of it is recorded: between two of its runs."""
    async with running(url, SPINNING) as (_, client):
        handle = await spinning(client)
        assert await client.execute(answers, id="b", timeout=60) == 1
        for number in range(3):
            await handle.signal(tasks, number)
        await handle.pause("look")
        paused = await client.handle("a").describe()
        assert paused.paused_by is not None
        await handle.resume("go on")

        async def goes_on() -> bool:
            return (await client.handle("a").describe()).run_id != paused.run_id

        await eventually_async(goes_on)
        with pytest.raises(RequestRefused):
            await client.start(spins, 0, id="a", id_conflict="fail")
        await handle.terminate("enough")
        with pytest.raises(RunError, match="terminated: Terminated: enough"):
            await handle.result(60)


@pytest.mark.parametrize(("url", "ask"), [("memory", "cancel"), ("sqlite", "replace")], indirect=["url"])
async def test_it_ends_when_it_is_asked_to_also_with_a_new_worker(url: str, ask: str) -> None:
    async with running(url, SPINNING) as (_, client):
        handle = await spinning(client)
    async with running(url, SPINNING) as (_, client):
        handle = client.handle("a", handle.run_id)
        if ask == "cancel":
            await handle.cancel("enough")
        else:
            assert await client.execute(answers, id="a", id_conflict="terminate_existing", timeout=60) == 1
        with pytest.raises(RunError, match="cancelled: Cancelled: enough" if ask == "cancel" else "Replaced"):
            await handle.result(60)


async def test_a_chain_ends_at_its_deadline_also_when_no_run_of_it_waits(url: str) -> None:
    async with running(url, SPINNING) as (_, client):
        handle = await spinning(client, run_timeout=0.5)
        with pytest.raises(RunError, match="RunTimeout"):
            await handle.result(60)


async def test_an_input_waits_for_a_bounded_number_of_runs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that is parked for it has no code yet: that is given all at once, when the input is recorded."""
    monkeypatch.setattr(hurried, "RUNS_AT_ONCE", 3)
    monkeypatch.setattr("sagaline._host.runs.activations.RUNS_AT_ONCE", 3)
    original = Activations.begin_next
    monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, [hurries]) as (_, client):
        handle = await client.start(hurries, list[int](), 0, 9, id="a")
        await wait_for_all(handle, 8)
        await eventually_status(handle, "continued")
        monkeypatch.setattr(Activations, "begin_next", original)
        await handle.signal(tasks, 9)
        assert await handle.result(60) == list(range(10))
        run, types = client.handle("a", handle.run_id), list[list[str]]()
        while (description := await run.describe()).continued_to is not None:
            types.append([event.type for event in await run.history()])
            run = client.handle("a", description.continued_to)
        (parked,) = [number for number, of_run in enumerate(types) if "run parked" in of_run]
        assert parked == 4
        assert types[4][-5:] == ["run parked", "signal received", "run resumed", "signals handled", "run continued"]


@workflow
async def ends_at_once(runs: int) -> int:
    if runs < 3:
        ends_at_once.continue_as_new(runs + 1)
    return runs


@pytest.mark.parametrize(("id_reuse", "result"), [("allow", 1), ("join", None)])
async def test_a_start_replaces_no_run_that_ends_before_it_is_its_turn(
    url: str, id_reuse: str, result: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that is to be replaced is there and has not begun: it comes first, and completes."""
    monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, [ends_at_once, answers]) as (_, client):
        handle = await client.start(ends_at_once, 0, id="a")
        await eventually_status(handle, "continued")
        options: dict[str, Any] = {"id_conflict": "terminate_existing", "id_reuse": id_reuse, "timeout": 60}
        if result is None:
            with pytest.raises(RequestRefused, match="that has ended"):
                await client.execute(answers, id="a", **options)
        else:
            assert await client.execute(answers, id="a", **options) == result
        assert await handle.result(60) == 3


@workflow(signals=[go])
async def waits_in_the_end(runs: int) -> bool:
    if runs < 3:
        waits_in_the_end.continue_as_new(runs + 1)
    return await go.receive()


async def test_a_start_with_a_signal_joins_a_run_that_goes_on_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = Activations.begin_next
    monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, [waits_in_the_end]) as (_, client):
        handle = await client.start(waits_in_the_end, 0, id="a")
        await eventually_status(handle, "continued")
        monkeypatch.setattr(Activations, "begin_next", original)
        await client.start(waits_in_the_end, 0, id="a", id_conflict="use_existing", signal=go.of(True))
        assert await handle.result(60) is True
    assert "made the engine fail" not in caplog.text
