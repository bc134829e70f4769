"""``sagaline reset``, and where ``history`` and ``show`` say what a reset may do and has done."""

from __future__ import annotations

from pathlib import Path

from commands import command
from harness import running
from message_sagas import ACTIVITIES, WORKFLOWS, Basket, Item


async def test_a_run_is_reset_to_an_event_that_history_marks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Basket.run, id="b")
        await handle.signal(Basket.add, Item("a"))
        marked = await command("history", "b", "--log", url)
        points = [int(line.split("*")[0]) for line in marked.out.splitlines() if "*" in line.split(" ")[0]]
        shown = await command("history", "b", "--log", url, "--json")
        assert points == [event["id"] for event in shown.json if event["is_reset_point"]]
        preview = await command("reset", "b", "--to", str(points[0]), "--reason", "why", "--preview", "--log", url)
        assert (preview.code, "signals that come again: add" in preview.out + preview.err) == (0, True)
        assert (await handle.describe()).status == "running"
        done = await command(
            "reset", "b", "--to", str(points[0]), "--reason", "a bad deploy", "--by", "ann", "--log", url, "--json"
        )
        new = client.handle("b", done.json["run_id"])
        assert done.json == {"workflow_id": "b", "run_id": new.run_id, "to_event": points[0]}
        for run_id, text in ((new.run_id, "by ann: a bad deploy"), (handle.run_id, f"run {new.run_id} has its first")):
            told = await command("show", "b", "--run-id", run_id, "--log", url)
            assert text in told.out + told.err
        assert (await command("signal", "b", "close", "--log", url)).code == 0
        assert await new.result(10) == ["a:1"]


async def test_a_mistake_names_the_events_that_will_do(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(Basket.run, id="b")
        wrong = await command("reset", "b", "--to", "99", "--reason", "why", "--log", url)
        assert (wrong.code, "event 99 is none. The nearest is" in wrong.err) == (4, True)
        assert (await command("reset", "nobody", "--to", "1", "--reason", "why", "--log", url)).code == 3
        assert (await command("reset", "b", "--to", "0", "--reason", "why", "--log", url)).code == 2
        assert (await command("reset", "b", "--to", "1", "--log", url)).code == 2
