"""Scenario 5: signals while a run ends, however it ends: what is acknowledged is handled once in order, or is named."""

from __future__ import annotations

import uuid

import closing_edge
import pytest
from asyncio_zoo import cut_after
from closing_edge import ENDINGS, SIGNALS, account_of, listens, note, noted, send_all
from harness import make_namespace, running

from sagaline._log.memory.log import _brokers
from sagaline._log.topics import HISTORY
from sagaline._model.codec import decode
from sagaline._model.events import SignalReceived
from sagaline._model.records import History

STATUS = {
    "returns": "completed",
    "fails": "failed",
    "continues": "completed",
    "cancelled": "cancelled",
    "terminated": "terminated",
    "times out": "failed",
}
_SEEDS = 3


@pytest.fixture(autouse=True)
def fresh() -> None:
    noted.clear()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("replay_always", [False, True])
async def test_what_senders_were_told_is_what_became_of_it(ending: str, replay_always: bool, seed: int) -> None:
    for number in range(seed, seed + _SEEDS):
        noted.clear()
        url = f"memory://edge{uuid.uuid4().hex}?partitions=1"
        async with running(url, [listens], [note], replay_always=replay_always, check_code=False) as (_, client):
            told = await send_all(client, ending, number)
            account = await account_of(client)
        assert account.status == STATUS[ending]
        assert set(account.received) == told.acknowledged
        assert told.acknowledged | told.refused == set(range(SIGNALS))
        assert not told.acknowledged & told.refused
        assert sorted(noted.values()) == sorted(set(noted.values())), "each has one effect"
        assert set(noted.values()) <= set(account.handled)


@pytest.mark.parametrize("ending", ["returns", "continues"])
async def test_on_every_log(log_url: str, ending: str, seed: int) -> None:
    async with running(log_url, [listens], [note], check_code=False) as (_, client):
        told = await send_all(client, ending, seed)
        account = await account_of(client)
    assert (account.status, set(account.received)) == ("completed", told.acknowledged)
    assert set(noted.values()) == set(account.handled)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_after_a_crash_at_every_record(ending: str, seed: int) -> None:
    """What was acknowledged before the crash stays; what was asked and not answered is taken or refused."""
    name = f"edge{uuid.uuid4().hex}"
    async with running(f"memory://{name}?partitions=1", [listens], [note], check_code=False) as (_, client):
        await send_all(client, ending, seed)
        whole_account = await account_of(client)
    whole = next(broker for (place, _), broker in _brokers.items() if place == name)
    records = whole.records[HISTORY, 0]
    for length in range(1, len(records)):
        url = f"memory://{name}-{length}?partitions=1"
        await make_namespace(url)
        copy = next(broker for (place, _), broker in _brokers.items() if place == f"{name}-{length}")
        cut_after(whole, copy, length)
        kept = [
            record
            for record in (decode(each.value) for each in records[:length] if each.value)
            if isinstance(record, History)
        ]
        durable = [
            closing_edge.number_of(event.input)
            for record in kept
            for event in record.events
            if isinstance(event, SignalReceived)
        ]
        async with running(url, [listens], [note], check_code=False) as (_, client):
            account = await account_of(client)
        assert account.status == whole_account.status
        assert account.received[: len(set(durable))] == list(dict.fromkeys(durable))
    assert sorted(noted.values()) == sorted(set(noted.values())), "one key each, whatever was tried again"
