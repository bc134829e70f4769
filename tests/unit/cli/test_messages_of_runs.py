"""``sagaline signal``."""

from __future__ import annotations

from pathlib import Path

from commands import command
from harness import running
from message_sagas import ACTIVITIES, WORKFLOWS, Account, Basket


async def test_signals_are_sent_by_name_with_values_of_json(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Basket.run, id="b")
        sent = await command("signal", "b", "add", "--input", '{"name": "a"}', "--log", url, "--json")
        assert sent.json == {"workflow_id": "b", "signal": "add"}
        assert (await command("signal", "b", "add-many", "--arg", '"b"', "--arg", "2", "--log", url)).code == 0
        wrong = await command("signal", "b", "add", "--input", "5", "--log", url)
        assert (wrong.code, "item" in wrong.err) == (2, True)
        assert (await command("signal", "nobody", "add", "--input", "5", "--log", url)).code == 3
        assert (await command("signal", "b", "close", "--log", url)).code == 0
        assert await handle.result(10) == ["a:1", "b:2"]
        assert (await command("signal", "b", "close", "--log", url)).code == 4


async def test_queries_print_the_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(Basket.run, id="b")
        assert (await command("query", "b", "count", "--log", url)).out == "0\n"
        asked = await command("query", "b", "has-item", "--input", '"a"', "--log", url, "--json")
        assert asked.json == {"workflow_id": "b", "query": "has-item", "answer": False}
        assert (await command("query", "b", "nope", "--log", url)).code == 2


async def test_updates_print_the_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(Account.run, id="a")
        for _ in range(2):
            done = await command("update", "a", "deposit", "--input", "5", "--id", "u", "--log", url, "--json")
            assert done.json == {"workflow_id": "a", "update": "deposit", "answer": 5}
        assert (await command("update", "a", "pay-out", "--input", "9", "--log", url)).code == 1
        assert (await command("update", "a", "deposit", "--input", "0", "--log", url)).code == 4
        assert (await command("update", "a", "nope", "--log", url)).code == 2
