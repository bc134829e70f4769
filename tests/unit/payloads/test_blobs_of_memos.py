"""Memos that lie in the store of blobs: shown, taken along by chains, forks and children, neither lost nor left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from harness import eventually, eventually_status, running
from off_loop import OffLoop

from sagaline import Client, RequestRefused, RunHandle, Signal, Status, workflow
from sagaline._host.runs.activations import Activations
from sagaline.payloads import Payloads

LARGE = "x" * 5_000
go = Signal[int]("go")


@workflow
async def child() -> int:
    return len(workflow.memo()["note"])


@workflow(signals=[go])
async def keeps(left: int) -> list[int]:
    """Goes on twice at once, and changes its memo in its last run. Each note lies in the store."""
    if left:
        if left == 3:
            await go.receive()
        keeps.continue_as_new(left - 1)
    before = workflow.memo()
    workflow.upsert_memo({"other": LARGE + "!"})
    of_child = await child.options(memo={"note": LARGE * 2})()
    await go.receive()
    return [len(before["note"]), len(workflow.memo()["other"]), of_child]


def blobs_in(directory: Path) -> set[str]:
    """The runs that have payloads there."""
    return {path.parent.name for path in directory.rglob("[!.]*") if path.is_file()}


def not_yet(self: Activations, workflow_id: str) -> None:
    """In the place of ``begin_next``."""


@pytest.fixture
def payloads(tmp_path: Path) -> Payloads:
    return Payloads(blobs=OffLoop(tmp_path / "blobs"), threshold_bytes=1_000)


def url_of(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/log.db?partitions=2"


async def goes_on(client: Client) -> RunHandle[Any]:
    """The run waits with its memo of two large notes."""
    newest = client.handle("a")

    async def waits() -> bool:
        return set((await newest.describe()).memo) == {"note", "other"}

    async with asyncio.timeout(60):
        while not await waits():
            await asyncio.sleep(0.01)
    return client.handle("a", (await newest.describe()).run_id)


@pytest.mark.parametrize("crash", [False, True])
async def test_they_are_shown_taken_along_and_retired(
    tmp_path: Path, payloads: Payloads, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, blobs = url_of(tmp_path), tmp_path / "blobs"
    given: dict[str, Any] = {"memo": {"note": LARGE}, "search_attributes": {"tier": 1, "notes": ["y" * 40] * 20}}
    if crash:
        monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, [keeps, child], payloads=payloads) as (_, client):
        first = await client.start(keeps, 3, id="a", **given)
        assert (await first.describe()).memo == {"note": LARGE}
        assert blobs_in(blobs) == {first.run_id}
        await first.signal(go, 1)
        await eventually_status(first, Status.CONTINUED)
    monkeypatch.undo()
    async with running(url, [keeps, child], payloads=payloads, replay_always=True) as (_, client):
        last = await goes_on(client)
        described = await last.describe()
        assert described.memo == {"note": LARGE, "other": LARGE + "!"}
        assert described.search_attributes == given["search_attributes"]
        assert (await client.handle("a", first.run_id).describe()).memo == {"note": LARGE}
        assert [run.workflow_id for run in await client.runs(search_attributes={"tier": 1}, status="running")] == ["a"]
        await last.signal(go, 1)
        assert await last.result(60) == [5_000, 5_001, 10_000]
    async with await Client.connect(url, payloads=payloads) as client:  # from the log
        assert (await client.handle("a").describe()).memo == described.memo
    async with running(url, [keeps, child], payloads=payloads, retention="1s") as (_, client):
        await eventually(lambda: not blobs_in(blobs))
        with pytest.raises(RequestRefused, match="there is none"):
            await client.handle("a").describe()


async def test_a_fork_has_its_own(tmp_path: Path, payloads: Payloads) -> None:
    """The memo as it was at the event that its run was reset to; the other run's blobs may go before."""
    url, blobs = url_of(tmp_path), tmp_path / "blobs"
    async with running(url, [keeps, child], payloads=payloads) as (_, client):
        await client.start(keeps, 0, id="a", memo={"note": LARGE})
        run = await goes_on(client)
        points = [event.id for event in await run.history() if event.type == "child began"]
        fork = await run.reset(points[0], "once more")
        assert (await fork.describe()).memo == {"note": LARGE, "other": LARGE + "!"}
        await run.signal(go, 1)
        assert await fork.result(60) == [5_000, 5_001, 10_000]
        assert fork.run_id != run.run_id
        assert {run.run_id, fork.run_id} <= blobs_in(blobs)
    async with running(url, [keeps, child], payloads=payloads, retention="1s"):
        await eventually(lambda: not blobs_in(blobs))


async def test_those_of_starts_that_begin_nothing_are_taken_away(tmp_path: Path, payloads: Payloads) -> None:
    url, blobs = url_of(tmp_path), tmp_path / "blobs"
    async with running(url, [keeps, child], payloads=payloads) as (_, client):
        with pytest.raises(RequestRefused, match="Expected a workflow that the worker knows"):
            await client.start_by_name("unknown", id="w", memo={"note": LARGE})
        assert blobs_in(blobs) == set()
        first = await client.start(keeps, 3, id="a", memo={"note": LARGE})
        with pytest.raises(RequestRefused, match="another input"):
            await client.start(keeps, 2, id="a", memo={"note": LARGE + "?"})
        assert (await client.start(keeps, 3, id="a", memo={"note": LARGE + "??"})).run_id == first.run_id
        assert blobs_in(blobs) == {first.run_id}
        await client.handle("a").terminate("enough")
