"""Messages whose payloads are encrypted, or in a store of blobs."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import events_of, running
from message_sagas import ACTIVITIES, WORKFLOWS, Account, Basket, Item, adds, numbers
from off_loop import OffLoop

from sagaline import RequestRefused
from sagaline._model import events as e
from sagaline._payloads import is_sealed
from sagaline.payloads import AesGcm, Payloads, Zlib

KEY = bytes(range(32))


@pytest.fixture(params=["encrypted", "blobs", "both"])
def payloads(request: pytest.FixtureRequest, tmp_path: Path) -> Payloads:
    options: dict[str, Any] = {}
    if request.param in ("encrypted", "both"):
        options["codecs"] = (Zlib(), AesGcm({"k": KEY}, "k"))
    if request.param in ("blobs", "both"):
        options["blobs"], options["threshold_bytes"] = OffLoop(tmp_path / "blobs"), 4
    return Payloads(**options)


async def test_messages_are_sealed_on_the_log_and_open_in_the_code(payloads: Payloads, tmp_path: Path) -> None:
    url = f"memory://p{uuid.uuid4().hex}?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES, payloads=payloads) as (_, client):
        basket = await client.start(Basket.run, id="b", signal=Basket.add.of(Item("first")))
        await basket.signal(Basket.add, Item("second", 2))
        assert await basket.query(Basket.count) == 3
        assert await basket.query(Basket.has, "second")
        with pytest.raises(RequestRefused) as caught:
            await basket.signal("add", 5)
        assert caught.value.type == "InvalidInput"
        account = await client.start(Account.run, id="a")
        assert await account.execute_update(Account.deposit, 12345, id="u") == 12345
        assert await account.execute_update(Account.deposit, 12345, id="u") == 12345
        update = await account.start_update(Account.pay, 45)
        assert await update.result(10) == "paid 45"
        again = await client.start(Basket.run, id="b", id_conflict="use_existing", signal=Basket.add.of(Item("third")))
        assert await again.query(Basket.count) == 4
        await basket.signal(Basket.close)
        assert await basket.query(Basket.count) == 4, "by replay"
        events = [*await events_of(client, "b"), *await events_of(client, "a")]
        sealed = [event.input for event in events if isinstance(event, e.SignalReceived | e.UpdateAccepted)]
        assert all(is_sealed(payload) for payload in sealed if len(payload) > 10)
        assert not any(b"second" in payload for payload in sealed)
        shown = [event.details for event in await basket.history() if event.type == "signal received"]
        assert shown[1]["input"] == [{"name": "second", "count": 2}]
        assert await client.execute(adds, 1, id="n", signal=numbers.of(54321)) == 54321


async def test_blobs_of_messages_on_their_way_are_taken_away(tmp_path: Path) -> None:
    payloads = Payloads(blobs=OffLoop(tmp_path / "blobs"), threshold_bytes=4)
    url = f"memory://p{uuid.uuid4().hex}?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES, payloads=payloads) as (_, client):
        basket = await client.start(Basket.run, id="b")
        for number in range(3):
            await basket.signal(Basket.add, Item(f"item {number}"))
            assert await basket.query(Basket.has, f"item {number}")
        folders = {path.parent.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
        assert folders == {basket.run_id}
