"""Who has which slot and who waits, by the client and on the command line; and why a run waits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from harness import eventually_async, running
from typer.testing import CliRunner

from sagaline import Client, InvalidInput, Key, LimitName, Rate, Signal, activity, workflow
from sagaline.cli import app
from sagaline.client import words

go = Signal[str]("go")
ends = asyncio.Event()


@activity(concurrency=Key("customer", limit=1), timeout="1h")
async def holds(customer: str) -> None:
    activity.complete_later()


@activity(rate=Rate("1/h"))
async def rare(number: int) -> None: ...


@workflow
async def pays(customer: str) -> None:
    await holds(customer)


@workflow(signals=[go], concurrency=Key("customer", limit=2, total=3))
async def whole(customer: str) -> None:
    await go.receive()


@workflow
async def rarely() -> None:
    await asyncio.gather(rare(1), rare(2))


async def stands(client: Client, name: str, key: str | None, *, holders: int, waiters: int) -> None:
    async def so_many() -> bool:
        found = await client.limits.describe(name, key)
        return (len(found.holders), len(found.waiters)) == (holders, waiters)

    await eventually_async(so_many)


async def test_a_limit_is_described_and_listed_and_a_run_says_why_it_waits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=2"
    async with running(url, [pays, whole, rarely], [holds, rare]) as (_, client):
        assert (await client.limits.describe("nobody's")).holders == ()
        for place, who in enumerate(("first", "second", "third")):
            await client.start(pays, "ann", id=who)
            await stands(client, "holds.customer", "ann", holders=1, waiters=place)
        for place in range(5):
            await client.start(whole, "ab"[place % 2], id=f"whole-{place}")
            await stands(client, "whole.customer", None, holders=min(place + 1, 3), waiters=max(0, place - 2))
        await client.start(rarely, id="rarely")

        async def waits() -> bool:
            limit = await client.limits.describe("rare", kind="rate")
            return len(limit.waiters) == 1

        await eventually_async(waits)
        limit = await client.limits.describe("holds.customer", "ann")
        assert (limit.limit, limit.total, limit.rate) == (1, None, None)
        assert [one.workflow_id for one in (*limit.holders, *limit.waiters)] == ["first", "second", "third"]
        described = await client.handle("third").describe()
        name = LimitName("concurrency", "holds.customer", "ann")
        assert described.limits == (name,)
        assert [(step.kind, step.name) for step in described.waits_for] == [("limit", str(name))]
        (why,) = await client.limits.of(described)
        assert words.limit_of_run(why, "third") == (
            "waits for limit holds.customer of ann (1 at once, held by first); number 2 of 2"
        )
        assert (
            words.limit_of_run(why, "first") == "has a slot of limit holds.customer of ann (1 at once); 2 wait for one"
        )
        assert [step.kind for step in (await client.handle("first").describe()).waits_for] == ["activity"]
        shared = await client.limits.describe("whole.customer")
        assert (shared.limit, shared.total) == (2, 3)
        assert [one.key for one in shared.holders] == ["a", "b", "a"]
        assert (await client.handle("whole-0").describe()).waits_for == ()
        assert [step.kind for step in (await client.handle("whole-4").describe()).waits_for] == ["limit"]

        def sagaline(*words: str) -> str:
            found = CliRunner().invoke(app, [*words, "--log", url])
            assert found.exit_code == 0, found.output
            return found.output

        shown = await asyncio.to_thread(sagaline, "limits")
        assert "holds.customer" in shown
        assert "2 of each key, 3 at once" in shown
        listed = json.loads(await asyncio.to_thread(sagaline, "limits", "--json"))
        assert [(one["name"]["name"], len(one["waiters"])) for one in listed] == [
            ("rare", 1),
            ("holds.customer", 2),
            ("whole.customer", 2),
        ]
        one = await asyncio.to_thread(sagaline, "limits", "show", "holds.customer", "ann")
        assert "limit holds.customer of ann: 1 at once, 1 at work, 2 wait" in one
        assert "2. third waits since" in one
        assert "rate rare: 1/h, 1 wait" in await asyncio.to_thread(sagaline, "limits", "show", "rare", "--rate")
        assert "number 1 of 2" in await asyncio.to_thread(sagaline, "show", "second")
        with pytest.raises(InvalidInput):
            await client.limits.describe("")
