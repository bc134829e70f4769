"""Scenario 5: signals while a run ends, however it ends: what is acknowledged is handled once in order, or is named."""

from __future__ import annotations

import uuid

import pytest
from closing_edge import ENDINGS, SIGNALS, Account, Told, account_of, listens, note, noted, send_all
from harness import running
from three_modes import CACHE_OF_ZERO, NORMAL, Code, Mode, run_in

from sagaline import Client

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


def check(ending: str, told: Told, account: Account) -> None:
    assert account.status == STATUS[ending]
    assert set(account.received) == told.acknowledged
    assert told.acknowledged | told.refused == set(range(SIGNALS))
    assert not told.acknowledged & told.refused
    assert sorted(noted.values()) == sorted(set(noted.values())), "each under one key, however often it was tried"
    assert set(noted.values()) <= set(account.handled)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("replay_always", [False, True])
async def test_what_senders_were_told_is_what_became_of_it(ending: str, replay_always: bool, seed: int) -> None:
    for number in range(seed, seed + _SEEDS):
        noted.clear()
        url = f"memory://edge{uuid.uuid4().hex}?partitions=1"
        async with running(url, [listens], [note], replay_always=replay_always, check_code=False) as (_, client):
            told = await send_all(client, ending, number)
            account = await account_of(client)
        check(ending, told, account)


@pytest.mark.parametrize("ending", ["returns", "continues"])
async def test_on_every_log(log_url: str, ending: str, seed: int) -> None:
    async with running(log_url, [listens], [note], check_code=False) as (_, client):
        told = await send_all(client, ending, seed)
        account = await account_of(client)
    assert (account.status, set(account.received)) == ("completed", told.acknowledged)
    assert set(noted.values()) == set(account.handled)


@pytest.mark.parametrize("ending", ENDINGS)
def test_when_the_worker_is_killed_after_any_record(ending: str, seed: int) -> None:
    """The senders live on and ask again: what they are told in the end is what has become of it."""

    async def scenario(client: Client) -> None:
        told = await send_all(client, ending, seed)
        check(ending, told, await account_of(client))

    code = Code([listens], [note])
    records = run_in(NORMAL, code, scenario).records
    assert records >= 2
    for mode in [
        CACHE_OF_ZERO,
        *(Mode(f"killed {n}", kill_after=n, keeps_disk=n % 2 == 0) for n in range(1, records + 1)),
    ]:
        noted.clear()
        run_in(mode, code, scenario)
