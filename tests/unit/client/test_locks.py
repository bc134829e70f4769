"""Who has which lock and who waits, by the client and on the command line; and why a run waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import eventually_async, running
from typer.testing import CliRunner

from sagaline import Client, InvalidInput, Signal, workflow
from sagaline.cli import app
from sagaline.client import words

go = Signal[str]("go")


@workflow(signals=[go])
async def holds(name: str, lease: str | None = None) -> None:
    async with workflow.lock(name, lease=lease):
        await go.receive()


async def waits(client: Client, name: str, count: int) -> None:
    async def so_many() -> bool:
        return len((await client.locks.describe(name)).waiters) == count

    await eventually_async(so_many)


async def test_a_lock_is_described_and_listed_with_its_holder_and_its_queue(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=2"
    async with running(url, [holds]) as (_, client):
        assert (await client.locks.describe("nobody's")).held_by is None
        await client.start(holds, "a", "1h", id="first")

        async def held() -> bool:
            return (await client.locks.describe("a")).held_by == "first"

        await eventually_async(held)
        for place, who in enumerate(("second", "third"), 1):
            await client.start(holds, "a", None, id=who)
            await waits(client, "a", place)
        await client.start(holds, "b", None, id="other")

        async def both() -> bool:
            return [lock.held_by for lock in await client.locks.list()] == ["first", "other"]

        await eventually_async(both)
        lock = await client.locks.describe("a")
        assert [waiter.workflow_id for waiter in lock.waiters] == ["second", "third"]
        assert lock.since is not None
        assert lock.lease_until is not None
        assert lock.fencing_token > 0

        description = await client.handle("third").describe()
        assert description.locks == ("a",)
        (why,) = await client.locks.of(description)
        assert words.lock_of_run(why, "third", lock.since).startswith("waits for lock a, held by first since ")
        assert words.lock_of_run(why, "third", lock.since).endswith("; number 2 of 2")
        assert words.lock_of_run(why, "first", lock.since).startswith("holds lock a since ")

        def sagaline(*words: str) -> str:
            found = CliRunner().invoke(app, [*words, "--log", url])
            assert found.exit_code == 0, found.output
            return found.output

        import asyncio

        shown = await asyncio.to_thread(sagaline, "locks")
        assert "first" in shown
        assert "other" in shown
        listed = json.loads(await asyncio.to_thread(sagaline, "locks", "--json"))
        assert [(one["name"], one["held_by"], len(one["waiters"])) for one in listed] == [
            ("a", "first", 2),
            ("b", "other", 0),
        ]
        one = await asyncio.to_thread(sagaline, "locks", "show", "a")
        assert "lock a is held by first" in one
        assert "2. third waits since" in one
        assert "waits for lock a, held by first since" in await asyncio.to_thread(sagaline, "show", "second")
        for who in ("first", "second", "third", "other"):
            await client.handle(who).signal("go", "on")
            await client.handle(who).result(30)
        with pytest.raises(InvalidInput):
            await client.locks.describe("")
