"""Ids: what a start does when its id is in use, and which run a handle means."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from harness import running

from sagaline import RequestRefused, Status, saga, workflow


@saga
async def sleeps(name: str) -> str:
    await asyncio.sleep(3_600)
    return name


@workflow
async def quick(name: str) -> str:
    return name


WORKFLOWS = [sleeps, quick]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"memory://{tmp_path.name}?partitions=1"


async def test_a_handle_from_start_means_its_own_run(url: str) -> None:
    """Also when a later run has the same id."""
    async with running(url, WORKFLOWS) as (_, client):
        first = await client.start(quick, "first", id="same")
        assert await first.result(20) == "first"
        second = await client.start(quick, "second", id="same", id_reuse="allow")
        assert second.run_id != first.run_id
        assert await second.result(20) == "second"
        assert await first.result(20) == "first"
        assert (await first.describe()).result == "first"
        assert (await first.history())[0].details["input"] == ["first"]
        assert (await client.handle("same").describe()).run_id == second.run_id
        assert await client.handle("same", first.run_id).result(20) == "first"
        with pytest.raises(RequestRefused) as caught:
            await client.handle("same", "0" * 32).describe()
        assert caught.value.type == "WorkflowNotFound"


async def test_cancel_and_terminate_of_an_earlier_run_do_not_reach_the_one_that_has_its_id_now(url: str) -> None:
    async with running(url, WORKFLOWS) as (_, client):
        first = await client.start(quick, "first", id="same")
        await first.result(20)
        second = await client.start(sleeps, "second", id="same", id_reuse="allow")
        for call in (first.cancel, first.terminate, first.retry):
            with pytest.raises(RequestRefused) as caught:
                await call()
            assert caught.value.type == "RunEnded"
        described = await second.describe()
        assert (described.status, described.cancel_requested) == (Status.RUNNING, False)


async def test_the_same_id_with_another_workflow_or_input_is_refused_with_both_named(url: str) -> None:
    """The old result was given, silently."""
    async with running(url, WORKFLOWS) as (_, client):
        opened = await client.start(sleeps, "a", id="open")
        ended = await client.start(quick, "a", id="ended")
        await ended.result(20)
        assert (await client.start(sleeps, "a", id="open")).run_id == opened.run_id
        assert (await client.start(quick, "a", id="ended")).run_id == ended.run_id
        assert await client.execute(quick, "a", id="ended") == "a"
        for workflow_id, kind in (("open", "IdInUse"), ("ended", "IdUsed")):
            for start in (client.start, client.execute):
                with pytest.raises(RequestRefused) as caught:
                    await start(quick, "b", id=workflow_id)
                assert caught.value.type == kind
                assert "'quick'" in str(caught.value)


async def test_what_to_do_about_an_open_run(url: str) -> None:
    async with running(url, WORKFLOWS) as (_, client):
        opened = await client.start(sleeps, "a", id="x")
        assert (await client.start(quick, "b", id="x", id_conflict="use_existing")).run_id == opened.run_id
        with pytest.raises(RequestRefused) as caught:
            await client.start(sleeps, "a", id="x", id_conflict="fail")
        assert caught.value.type == "IdInUse"
        assert await client.execute(quick, "new", id="x", id_conflict="terminate_existing", timeout=20) == "new"
        assert (await opened.describe()).status is Status.TERMINATED


async def test_what_to_do_about_a_run_that_has_ended(url: str) -> None:
    async with running(url, WORKFLOWS) as (_, client):
        assert await client.execute(quick, "a", id="x") == "a"
        with pytest.raises(RequestRefused) as caught:
            await client.start(quick, "a", id="x", id_reuse="reject")
        assert caught.value.type == "IdUsed"
        assert await client.execute(quick, "a", id="x", id_reuse="if_failed") == "a", "it completed: it is joined"
        assert len(await client.runs()) == 1
        await (await client.start(sleeps, "b", id="y")).terminate()
        assert await client.execute(quick, "c", id="y", id_reuse="if_failed", timeout=20) == "c"
        assert await client.execute(quick, "d", id="y", id_reuse="allow", timeout=20) == "d"
