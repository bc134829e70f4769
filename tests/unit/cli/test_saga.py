"""``sagaline saga``: ledger, preview, graph, and the four ways to repair a parked step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import parking_sagas as world
import pytest
from commands import command
from harness import eventually_status, running

from sagaline import Client, RunHandle


@pytest.fixture
def url(tmp_path: Path) -> str:
    world.mended.clear()
    world.seen.clear()
    return f"sqlite:///{tmp_path}/log.db?partitions=1"


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with running(url, world.WORKFLOWS, world.ACTIVITIES) as (_, client):
        yield client


async def parked(client: Client, sku: str = "dear") -> RunHandle[Any]:
    """An order that is parked: of "dear" ones the rollback is, others behind the pivot."""
    handle = await client.start(world.order, sku, id=f"order-{sku}")
    await eventually_status(handle, "parked")
    return handle


async def repairs(handle: RunHandle[Any]) -> list[tuple[str, str, str]]:
    found = [event.details for event in await handle.history() if event.type == "activity repaired"]
    return [(details["action"], details["by"], details["reason"]) for details in found]


async def test_a_parked_compensation_is_attempted_again(url: str, client: Client) -> None:
    handle = await parked(client)
    shown = await command("show", "order-dear", "--log", url)
    assert "sagaline saga retry|edit|done|skip order-dear" in shown.out
    assert "release (compensation)" in shown.out + shown.err
    assert "saga retry|edit|done|skip ID" in (await command("runs", "parked", "--log", url)).out
    world.mended.add("dear")
    done = await command(
        "saga", "retry", "order-dear", "--reason", "the warehouse is back", "--by", "ann", "--log", url
    )
    assert done.code == 0, done.err
    await eventually_status(handle, "compensated")
    assert await repairs(handle) == [("retry", "ann", "the warehouse is back")]
    (repaired,) = [event.details for event in await handle.history() if event.type == "activity repaired"]
    assert "payload" not in repaired  # there is none
    assert [name for name, _ in world.seen] == ["release", "release", "unbook"]


async def test_it_is_attempted_again_with_other_arguments(url: str, client: Client) -> None:
    handle = await parked(client)
    world.mended.add("cheap")
    call = ("saga", "edit", "order-dear", "2", "--reason", "renamed", "--by", "ann", "--log", url)
    wrong = await command(*call, "--arg", '"cheap"')
    assert (wrong.code, "there are 1 arguments where" in wrong.err) == (2, True), wrong.err
    done = await command(*call, "--arg", '"cheap"', "--arg", "2", "--arg", "null")
    assert done.code == 0, done.err
    await eventually_status(handle, "compensated")
    assert world.seen[1] == ("release", ("cheap", 2, None))
    assert await repairs(handle) == [("edit", "ann", "renamed")]


@pytest.mark.parametrize("action", ["done", "skip"])
async def test_it_is_done_by_other_means_or_skipped(action: str, url: str, client: Client) -> None:
    handle = await parked(client)
    done = await command("saga", action, "order-dear", "--reason", "ticket 512", "--by", "ann", "--log", url, "--json")
    assert (done.code, done.json) == (0, {"workflow_id": "order-dear"})
    await eventually_status(handle, "compensated")
    assert await repairs(handle) == [(action, "ann", "ticket 512")]
    entry = next(entry for entry in (await handle.saga.ledger()).entries if entry.activity == "reserve")
    assert (entry.undone, [(one.action, one.by) for one in entry.repairs]) == ("completed", [(action, "ann")])
    again = await command("saga", action, "order-dear", "--reason", "again", "--log", url)
    assert again.code == 4, "nothing is parked any more"


async def test_a_step_behind_the_pivot_is_given_a_result_by_a_person(url: str, client: Client) -> None:
    handle = await parked(client, "heavy")
    wrong = await command("saga", "done", "order-heavy", "--reason", "x", "--result", "7", "--log", url)
    assert (wrong.code, "Expected the result of ship" in wrong.err) == (2, True), wrong.err
    done = await command("saga", "done", "order-heavy", "--reason", "by bike", "--result", '"sent"', "--log", url)
    assert done.code == 0, done.err
    assert await handle.result(10) == "sent"


async def test_what_cannot_be_repaired_is_refused_in_words(url: str, client: Client) -> None:
    handle = await parked(client)
    wrong = await command("saga", "retry", "order-dear", "1", "--log", url)
    assert (wrong.code, "Expected a parked step of 'order-dear' but got step 1" in wrong.err) == (4, True)
    assert (await command("saga", "done", "order-dear", "--log", url)).code == 2, "no reason, no evidence"
    assert (await command("saga", "retry", "nobody", "--log", url)).code == 3
    retried = await command("runs", "retry", "order-dear", "--log", url)
    assert (retried.code, "sagaline saga retry|edit|done|skip order-dear" in retried.err) == (4, True)
    listed = await command("runs", "parked", "--log", url, "--json")
    assert [run["workflow_id"] for run in listed.json] == ["order-dear"]
    assert (await handle.describe()).status == "parked"


async def test_ledger_graph_and_preview_tell_of_each_step(url: str, client: Client) -> None:
    await parked(client)
    ledger = await command("saga", "ledger", "order-dear", "--log", url)
    assert (
        ledger.err.splitlines()
        == [
            "   1  book [compensatable] done  <-  unbook",
            "   2  reserve [compensatable] done  <-  release parked (step 4)",
            "        release: ConnectionError: the warehouse does not know dear",
            "   3  pay [pivot] no effect",
            "        Declined: no money",
        ]
        or ledger.out.splitlines()[0] == "   1  book [compensatable] done  <-  unbook"
    )
    graph = await command("saga", "graph", "order-dear", "--log", url)
    assert graph.out.startswith("flowchart TD")
    assert "class u1 parked" in graph.out
    preview = await command("saga", "preview", "order-dear", "--log", url, "--json")
    assert [[call["compensation"] for call in batch] for batch in preview.json["batches"]] == [["release"], ["unbook"]]
    assert preview.json["batches"][0][0]["input"] == ["dear", 2, "2 of dear"]
    heavy = await parked(client, "heavy")
    assert (await heavy.saga.preview()).pivot == "pay"
    assert (await heavy.saga.preview()).batches == ()
