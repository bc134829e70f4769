"""Sagas whose children have completed, by the public API: what is undone under which keys, sealed payloads, what is shown."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from harness import eventually_status, running
from off_loop import OffLoop
from sealing import encrypted

from sagaline import ApplicationError, Client, RequestRefused, RunError, Status, activity, saga, workflow
from sagaline.cli import saga_graph
from sagaline.payloads import Payloads, Zlib

booked: dict[str, str] = {}
undone: list[tuple[str, str]] = []


@activity
async def book(name: str) -> str:
    booked[activity.info().idempotency_key] = name
    return f"booking of {name}"


@book.compensation
async def cancel(name: str, booking: str | None) -> None:
    info = activity.info()
    assert info.compensates is not None
    assert booked.pop(info.compensates.idempotency_key) == name
    assert booking == f"booking of {name}"
    undone.append((info.idempotency_key.partition("/")[2], name))


@activity(pivot=True)
async def pay() -> None:
    """Behind it nothing is undone."""


@saga
async def hotels(left: int) -> str:
    """Continues as new, once for each."""
    await book(f"hotel {left}")
    if left > 1:
        hotels.continue_as_new(left - 1)
    return "all of them"


@workflow
async def agency() -> str:
    """No saga, but its child is."""
    return await hotels(2)


@saga
async def insured() -> None:
    await book("insurance")
    await pay()


@saga
async def trip(waits: bool) -> None:
    await book("flight")
    await agency.options(id="agency")()
    await insured.options(id="insured")()
    await book("car")
    if waits:
        await workflow.sleep("1h")
    raise ApplicationError("it is off", type="Off")


WORKFLOWS = [hotels, agency, insured, trip]
ACTIVITIES = [book, pay]
ORDER = ["car", "hotel 1", "hotel 2", "flight"]


def payloads_of(kind: str, path: Path) -> Payloads:
    if kind == "blobs":
        return Payloads(blobs=OffLoop(path / "blobs"), threshold_bytes=4)
    return {
        "plain": Payloads(),
        "compressed": Payloads(codecs=[Zlib()]),
        "encrypted": encrypted(a=b"k" * 32),
    }[kind]


@pytest.fixture(autouse=True)
def no_bookings() -> None:
    booked.clear()
    undone.clear()


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=4"


@pytest.mark.parametrize("kind", ["plain", "compressed", "encrypted", "blobs"])
@pytest.mark.parametrize("replay_always", [False, True])
async def test_a_parent_undoes_what_its_children_have_done(
    kind: str, replay_always: bool, url: str, tmp_path: Path
) -> None:
    payloads = payloads_of(kind, tmp_path)
    async with running(url, WORKFLOWS, ACTIVITIES, payloads=payloads, replay_always=replay_always) as (_, client):
        handle = await client.start(trip, False, id="t")
        with pytest.raises(RunError, match="Off"):
            await handle.result(60)
        assert (await handle.describe()).status == Status.COMPENSATED
        assert [name for _, name in undone] == ORDER
        assert [key for key, _ in undone][1:3] == ["1/compensation", "1/compensation"]
        assert list(booked.values()) == ["insurance"], "it is behind the pivot of the child"
        await check_shown(client, "completed")


async def check_shown(client: Client, state: str | None) -> None:
    """All that is there to be seen of a trip."""
    ledger = await client.handle("t").saga.ledger()
    shown = [(entry.activity, entry.kind, entry.of_child) for entry in ledger.entries]
    assert shown == [
        ("book", "compensatable", None),
        ("agency", "child", None),
        ("book", "compensatable", 2),
        ("book", "compensatable", 2),
        ("insured", "child", None),
        ("book", "compensatable", None),
    ]
    child, first, second, paid = ledger.entries[1:5]
    assert child.child is not None
    assert (child.child.workflow_id, child.child.status, child.child.steps) == ("agency", "completed", 2)
    assert [first.input, second.input] == [[f"hotel {n}", f"booking of hotel {n}"] for n in (2, 1)]
    assert (first.undone, second.undone) == (state, state)
    assert first.run_id != second.run_id
    assert paid.child is not None
    assert (paid.child.pivot, paid.child.steps) == ("pay", 0)
    lines = list(saga_graph.lines(ledger))
    assert lines[1] == "   2  agency [child] done (agency)"
    assert lines[2].startswith(f"     1  book [compensatable] done (of run {first.run_id})  <-  cancel")
    assert lines[4] == "   3  insured [child] done, irreversible behind pay (insured)"
    assert "s1 -. its step .-> s2" in saga_graph.mermaid(ledger)


async def test_a_preview_shows_them_and_a_cancellation_undoes_them_when_the_children_are_long_retired(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES, retention="1ms") as (_, client):
        handle = await client.start(trip, True, id="t")
        await eventually_status(handle, "running")
        while len((await handle.saga.ledger()).entries) < 6 or not any(
            event.type == "timer started" for event in await handle.history()
        ):
            pass
        await check_shown(client, None)
        preview = await handle.saga.preview()
        assert [[call.input[0] for call in batch] for batch in preview.batches] == [[name] for name in ORDER]
        assert preview.pivot is None
        await handle.cancel()
        with pytest.raises(RunError):
            await handle.result(60)
    assert [name for _, name in undone] == ORDER


@saga
async def keeps_running() -> None:
    await book("room")
    await workflow.sleep("1h")


@saga
async def leaves_early() -> None:
    await book("bus")
    child = await workflow.start_child(keeps_running.options(id="kept"))
    while not await child_has_booked():
        pass
    raise ApplicationError(f"{child.workflow_id} is too slow", type="Off")


@activity(read_only=True)
async def child_has_booked() -> bool:
    return "room" in booked.values()


async def test_a_child_that_still_runs_rolls_back_first(url: str) -> None:
    async with running(url, [keeps_running, leaves_early], [book, child_has_booked]) as (_, client):
        handle = await client.start(leaves_early, id="t")
        with pytest.raises(RunError, match="too slow"):
            await handle.result(60)
        assert [name for _, name in undone] == ["room", "bus"]
        assert (await client.handle("kept").describe()).status == Status.CANCELLED
        (_, child, *_) = (await handle.saga.ledger()).entries
        assert child.child is not None
        assert (child.kind, child.child.status, child.child.steps) == ("child", "cancelled", 0)


@saga
async def only_children() -> None:
    await workflow.sleep("1ms")
    await hotels(1)
    raise ApplicationError("it is off", type="Off")


async def test_what_was_undone_of_a_child_stands_in_the_way_of_a_reset_behind_it(url: str) -> None:
    async with running(url, [hotels, only_children], [book]) as (_, client):
        handle = await client.start(only_children, id="t")
        with pytest.raises(RunError, match="Off"):
            await handle.result(60)
        events = await handle.history()
        asked = next(event.id for event in events if event.type == "child requested")
        points = [event.id for event in events if event.is_reset_point]
        with pytest.raises(RequestRefused, match=f"step 2, which event {asked} asked for, was undone") as refused:
            await handle.reset(next(point for point in points if point >= asked), "why")
        assert refused.value.type == "StepsUndone"
        again = await handle.reset(next(point for point in points if point < asked), "why")
        with pytest.raises(RunError, match="Off"):
            await again.result(60)
    assert [name for _, name in undone] == ["hotel 1", "hotel 1"], "each has a child of its own"
