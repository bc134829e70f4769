"""Memo and search attributes of runs, from the start to readers: over children, chains, encryption, and retirement."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from harness import events_of, running
from sealing import encrypted

from sagaline import Client, InvalidInput, RequestRefused, workflow
from sagaline._model import events as e
from sagaline._model.attributes import SearchAttribute
from sagaline._model.records import StartRun
from sagaline.client.requests import new_id


@workflow
async def packs(stages: list[str]) -> dict[str, Any]:
    for stage in stages:
        workflow.upsert_search_attributes({"stage": stage})
        await workflow.sleep("1ms")
    workflow.upsert_memo({"packed": len(stages), "secret": "changed"})
    return workflow.memo()


@workflow
async def parent() -> None:
    await packs.options(id="child", memo={"secret": "of the child"}, search_attributes={"tier": 7})([])


@workflow
async def chain(left: int) -> list[Any]:
    if left:
        workflow.upsert_memo({"left": left, "secret": "in a chain"})
        workflow.upsert_search_attributes({"left": left})
        chain.continue_as_new(left - 1)
    await workflow.sleep("1ms")
    return [workflow.memo(), workflow.search_attributes()]


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=2"


async def ids(client: Client, **options: Any) -> list[str]:
    return [run.workflow_id for run in await client.runs(**options)]


async def test_they_are_shown_and_runs_are_found_by_them(url: str) -> None:
    due = datetime(2026, 11, 29, 12, tzinfo=UTC)
    async with running(url, [packs]) as (_, client):
        await client.execute(packs, ["a", "b"], id="1", memo={"by": "Ann"}, search_attributes={"tier": 1, "due": due})
        await client.execute_by_name("packs", ["a"], id="2", search_attributes={"tier": 2, "tags": ["x", "y"]})
        await client.execute(packs, [], id="3")
        described = await client.handle("1").describe()
        assert described.memo == {"by": "Ann", "packed": 2, "secret": "changed"}
        assert described.search_attributes == {"tier": 1, "due": due, "stage": "b"}
        assert (await client.handle("3").describe()).search_attributes == {}
        assert await ids(client, search_attributes={"stage": "b"}) == ["1"]
        assert await ids(client, search_attributes={"stage": "a"}) == ["2"], "as they are now"
        assert await ids(client, search_attributes={"tags": "y", "tier": 2}) == ["2"]
        assert await ids(client, search_attributes={"due": due}, status="completed", workflow="packs") == ["1"]
        assert await ids(client, search_attributes={"due": due}, status="failed") == []
        assert len(await ids(client)) == 3
        shown = {run.workflow_id: run.search_attributes for run in await client.runs()}
        assert shown["2"] == {"tier": 2, "tags": ["x", "y"], "stage": "a"}
        with pytest.raises(InvalidInput):
            await client.runs(search_attributes={"tier": 1j})  # type: ignore[dict-item]
    assert [event.details for event in await of_log(url, "1") if event.type == "attributes given"] == [
        {"memo": {"by": "Ann"}, "search_attributes": {"due": due, "tier": 1}}
    ]


async def of_log(url: str, workflow_id: str) -> list[Any]:
    async with await Client.connect(url) as client:
        assert await ids(client, search_attributes={"tier": 1}) == ["1"], "read from the log"
        return await client.handle(workflow_id).history()


@pytest.mark.parametrize("seals", [False, True])
async def test_children_have_their_own_and_chains_take_theirs_along(url: str, seals: bool) -> None:
    """Encrypted ones are sealed for each run, and nothing of a memo is on the log in plain."""
    options: dict[str, Any] = {"payloads": encrypted(k1=os.urandom(32))} if seals else {}
    async with running(url, [packs, parent, chain], replay_always=True, **options) as (_, client):
        await client.execute(parent, id="parent", memo={"secret": "of the parent"})
        described = await client.handle("child").describe()
        assert described.memo == {"secret": "changed", "packed": 0}
        assert described.search_attributes == {"tier": 7}
        assert (await client.handle("parent").describe()).memo == {"secret": "of the parent"}
        given = {"memo": {"secret": "first", "kept": 1}, "search_attributes": {"tier": 3}}
        assert await client.execute(chain, 2, id="chain", **given) == [
            {"secret": "in a chain", "kept": 1, "left": 1},
            {"tier": 3, "left": 1},
        ]
        assert await ids(client, search_attributes={"left": 1}, status="completed") == ["chain"]
        events = [event for name in ("parent", "child", "chain") for event in await events_of(client, name)]
    memos = [event.memo for event in events if isinstance(event, e.AttributesGiven | e.MemoChanged | e.ChildRequested)]
    assert len([memo for memo in memos if memo]) >= 4
    assert any(b"secret" in memo for memo in memos) is not seals


async def test_a_start_of_another_program_with_unfit_attributes_is_refused(url: str) -> None:
    async with running(url, [packs]) as (_, client):
        address = client._requests.address
        wrong = (SearchAttribute("tier", "int", "many"),)
        request = StartRun(new_id(), "w", "packs", b"[[]]", *address, search_attributes=wrong)
        with pytest.raises(RequestRefused, match="search attribute 'tier' to be a value of its kind"):
            await client._link.ask(request, 20, "")
