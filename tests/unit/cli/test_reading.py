"""Commands that read: with a worker, without one, and live."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from commands import command
from harness import eventually, eventually_status, running

from sagaline import ApplicationError, Retry, activity, saga, workflow
from sagaline.cli import live, show
from sagaline.client import reads, waiting

gate = asyncio.Event()


@activity
async def book(name: str) -> str:
    return f"booked {name}"


@activity(retry=Retry(attempts=5, first_interval="10ms", maximum_interval="10ms"))
async def flaky() -> str:
    if activity.info().attempt < 3:
        raise OSError("no route to the bank")
    await gate.wait()
    return "at last"


@saga
async def trip(name: str) -> str:
    booked = await book(name)
    if name == "Atlantis":
        raise ApplicationError("nothing flies there")
    return booked


@workflow
async def waits() -> str:
    return await flaky()


@workflow
async def sleeps() -> None:
    await asyncio.sleep(3_600)


WORKFLOWS, ACTIVITIES = [trip, waits, sleeps], [book, flaky]
SUMMARY = {
    *("workflow_id", "run_id", "workflow", "status", "started_at", "changed_at", "closed_at", "parked_at"),
    *("events", "failure", "patches"),
}
SUMMARY |= {"paused_at", "paused_by", "pause_reason", "search_attributes"}
SHOWN = SUMMARY | {"open_steps", "waits_for", "cancel_requested", "result", "unowned_since", "history"}
SHOWN |= {"reset_from", "reset_to", "undoes", "undone_by", "undo_reason", "undo_by"}
SHOWN |= {
    "memo",
    "first_run_id",
    "continued_from",
    "continued_to",
    "signals_waiting",
    "locks",
    "limits",
    "signals_left",
    "saga",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    global gate
    gate = asyncio.Event()  # of the test's own loop
    monkeypatch.setattr(reads, "PATIENCE_S", 0.02)
    monkeypatch.setattr(waiting, "_FIRST_LOOK_S", 0.02)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}?partitions=1"


@pytest.mark.parametrize("owned", [True, False])
async def test_show_list_history_and_result_read_with_and_without_a_worker(url: str, owned: bool) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (worker, client):
        await client.execute(trip, "Lisbon", id="good")
        await client.start(trip, "Atlantis", id="bad")
        await eventually_status(client.handle("bad"), "compensated")
        if not owned:
            await worker.stop()
        shown = await command("show", "good", "--log", url)
        assert ("No worker answers; a worker last took over its partition at 20" in shown.out) is not owned
        assert "completed" in shown.out
        assert 'result: "booked Lisbon"' in shown.out
        assert "activity scheduled" in shown.out
        assert "UTC" in shown.out
        assert not any(len(word) == 13 and word.isdigit() for word in shown.out.split()), "times, not milliseconds"
        whole = (await command("show", "bad", "--log", url, "--json")).json
        assert whole.keys() == SHOWN
        assert (whole["status"], whole["failure"]["message"]) == ("compensated", "nothing flies there")
        assert (whole["unowned_since"] is None) is owned
        assert whole["started_at"].endswith("+00:00")
        history = (await command("history", "bad", "--log", url, "--json")).json
        assert history == whole["history"]
        assert [event["type"] for event in history][:2] == ["run started", "activity scheduled"]
        assert history[0].keys() == {"id", "at", "type", "details", "is_reset_point"}
        listed = (await command("list", "--log", url, "--json")).json
        assert [run["workflow_id"] for run in listed] == ["good", "bad"]
        assert all(run.keys() == SUMMARY for run in listed)
        some = await command("list", "--status", "compensated", "--log", url)
        assert "bad" in some.out
        assert "good" not in some.out
        assert (await command("list", "--status", "parked", "--log", url)).out == "No run is parked.\n"
        none = await command("list", "--workflow", "waits", "--log", url)
        assert none.out == "No run of waits is there.\n"
        assert len((await command("list", "--workflow", "trip", "--log", url, "--json")).json) == 2
        good = await command("result", "good", "--log", url, "--json")
        assert good.json == {"workflow_id": "good", "result": "booked Lisbon"}
        bad = await command("result", "bad", "--log", url)
        assert (bad.code, "run of bad compensated: ApplicationError: nothing flies there" in bad.err) == (1, True)


@pytest.mark.parametrize("name", ["show", "history", "result", "cancel", "terminate"])
async def test_a_run_that_is_not_there_has_an_exit_code_of_its_own(url: str, name: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES):
        done = await command(name, "nobody", "--log", url)
    assert done.code == 3
    assert "'nobody' but there is none" in done.err


@pytest.mark.parametrize("args", [["list"], ["show", "x"], ["start", "trip", "--id", "x"], ["runs", "parked"]])
async def test_a_namespace_that_is_not_there_is_an_error_at_once(tmp_path: Path, args: list[str]) -> None:
    """Fault 12: a client made it, with a partition count for ever."""
    file = tmp_path / "log.db"
    async with asyncio.timeout(10):
        done = await command(*args, "--log", f"sqlite:///{file}")
        assert done.code == 3
        assert done.err.startswith("NamespaceNotFound: Expected namespace 'default'")
        assert not file.exists()
        async with running(f"sqlite:///{file}", WORKFLOWS, ACTIVITIES):
            pass
        other = await command(*args, "--log", f"sqlite:///{file}?namespace=odrers")
        assert other.code == 3
        assert "'odrers'" in other.err
        assert "default" in other.err, "it names those that are there"


async def test_cancel_and_terminate(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(sleeps, id="a")
        await client.start(sleeps, id="b")
        cancelled = await command("cancel", "a", "--reason", "the customer called", "--log", url)
        assert (cancelled.code, cancelled.out) == (0, "a is asked to stop.\n")
        await eventually_status(client.handle("a"), "cancelled")
        ended = await command("terminate", "b", "--log", url, "--json")
        assert (ended.code, ended.json) == (0, {"workflow_id": "b"})
        again = await command("terminate", "b", "--log", url)
        assert (again.code, "has ended" in again.err) == (4, True)
        long = await command("cancel", "b", "--reason", "x" * 9_000, "--log", url)
        assert (long.code, "at most 8000 bytes" in long.err) == (2, True)


async def test_watch_tells_live_what_happens(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 30: step, attempt, failure, next attempt, and then the end."""
    monkeypatch.setattr(live, "_LOOK_S", 0.005)
    monkeypatch.setattr(show, "_REDRAW_S", 0.005)
    said: list[str] = []
    monkeypatch.setattr(live.err, "print", lambda text, **_: said.append(text))

    def told(*parts: str) -> bool:
        return any(all(part in text for part in parts) for text in said)

    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(waits, id="w")
        watching = asyncio.ensure_future(command("show", "w", "--watch", "--log", url))
        await eventually(lambda: told("w running for", "flaky, attempt 3 (before: OSError: no route to the bank)"))
        gate.set()
        done = await watching
    assert done.code == 0
    assert "completed" in done.out
    assert 'result: "at last"' in done.out
    assert "run completed" in done.out
    assert len(said) == len(set(said)), "a line at each change"


async def test_watch_as_json_is_an_object_a_line_at_each_change(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LOOK_S", 0.005)
    objects: list[dict[str, Any]] = []
    monkeypatch.setattr(show, "print_json_line", objects.append)
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(waits, id="w")
        watching = asyncio.ensure_future(command("show", "w", "--watch", "--json", "--log", url))
        await eventually(lambda: any(step["attempt"] == 3 for value in objects for step in value["waits_for"]))
        gate.set()
        assert (await watching).code == 0
    assert [value["status"] for value in objects][-1] == "completed"
    assert all(value.keys() == SHOWN - {"history"} for value in objects)
    assert all(before != after for before, after in pairwise(objects))
