"""``sagaline signal``."""

from __future__ import annotations

from pathlib import Path

from commands import command
from harness import running
from message_sagas import ACTIVITIES, WORKFLOWS, Basket


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
