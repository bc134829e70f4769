"""Sagas that continue as new with something to undo, by the public API: keys, sealed payloads, a crash between runs."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from harness import eventually_status, running
from off_loop import OffLoop

from sagaline import ApplicationError, Client, RunError, Status, activity, saga
from sagaline._host.runs.activations import Activations
from sagaline.payloads import Payloads, Zlib

booked: dict[str, str] = {}
cancelled: list[tuple[str, str]] = []


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
    cancelled.append((info.idempotency_key, name))


@saga
async def tour(stops: int) -> str:
    await book(f"stop {stops}")
    if stops > 1:
        tour.continue_as_new(stops - 1)
    raise ApplicationError("the last stop is closed", type="Closed")


async def check_undone(client: Client, first: str) -> None:
    newest = await client.handle("t").describe()
    assert (newest.status, newest.first_run_id) == (Status.COMPENSATED, first)
    assert [name for _, name in cancelled] == ["stop 1", "stop 2", "stop 3"]
    assert booked == {}
    assert cancelled[-1][0] == f"{first}/1/compensation"
    events = await client.handle("t").history()
    (inherited,) = [event.details for event in events if event.type == "ledger inherited"]
    oldest = inherited["ledger"][0]
    assert (oldest["run_id"], oldest["input"]) == (first, ["stop 3", "booking of stop 3"])
    calls = [event.details for event in events if event.type == "activity scheduled" and "compensates" in event.details]
    assert [call.get("compensates_run") for call in calls][::2] == [None, first]


@pytest.mark.parametrize("kind", ["plain", "compressed", "blobs"])
@pytest.mark.parametrize("crash", [False, True])
async def test_the_whole_chain_is_undone(
    kind: str, crash: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked.clear()
    cancelled.clear()
    payloads = {
        "plain": Payloads(),
        "compressed": Payloads(codecs=[Zlib()]),
        "blobs": Payloads(blobs=OffLoop(tmp_path / "blobs"), threshold_bytes=4),
    }[kind]
    url = f"memory://{uuid.uuid4().hex}?partitions=1"
    if crash:
        monkeypatch.setattr(Activations, "begin_next", lambda self, workflow_id: None)
    async with running(url, [tour], [book], payloads=payloads) as (_, client):
        handle = await client.start(tour, 3, id="t")
        await eventually_status(handle, "continued")
    monkeypatch.undo()
    async with running(url, [tour], [book], payloads=payloads) as (_, client):
        with pytest.raises(RunError, match="Closed"):
            await client.handle("t").result(20)
        await check_undone(client, handle.run_id)
