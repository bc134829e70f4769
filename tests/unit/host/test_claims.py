"""Claims: one a loss, with growing and spread waits; only a producer in doubt costs the others."""

from __future__ import annotations

import asyncio

import pytest
from virtual_host import eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import activity, workflow
from sagaline._host.ownership import Backoff
from sagaline._host.partition.lost import Kind, Lost
from sagaline._log import DEADLETTERS
from sagaline._store import Identity, StoreUnavailable
from sagaline._store.memory import MemoryStore, MemoryStores

PARTITIONS = 16


@activity
async def act(what: str) -> str:
    return what


@workflow
async def one(what: str) -> str:
    return await act(what)


REGISTRY = registry_of([one], [act])


@virtual
async def test_a_lost_partition_costs_one_claim_and_no_other_partition() -> None:
    async with virtual_host(REGISTRY, options_of(), partitions=PARTITIONS) as world:
        await world.host.wait_live(PARTITIONS)
        assert world.claims() == [1] * PARTITIONS
        for kind in (Kind.ENGINE, Kind.STORE, Kind.RUN, Kind.LOG, Kind.HISTORY):
            partition = next(live for live in world.host.live if live.number == 3)
            partition.guard.lose(Lost(kind, "for a test"))
            await eventually(lambda before=partition: before not in world.host.live)
            await world.host.wait_live(PARTITIONS)
        assert world.claims() == [6 if number == 3 else 1 for number in range(PARTITIONS)]
        for number in range(40):
            assert (await world.run(one, f"run-{number}", "ok")).status == "completed"


@virtual
async def test_a_producer_in_doubt_is_given_up_once_with_all_that_use_it() -> None:
    async with virtual_host(REGISTRY, options_of(), partitions=PARTITIONS) as world:
        await world.host.wait_live(PARTITIONS)
        before = world.host.live
        for partition in before[:2]:
            partition.guard.lose(Lost(Kind.PRODUCER, "for a test"))
        await eventually(lambda: not set(before) & set(world.host.live))
        await world.host.wait_live(PARTITIONS)
        assert world.claims() == [2] * PARTITIONS


@virtual
async def test_a_read_error_of_the_disk_blames_no_input_and_the_store_is_opened_again() -> None:
    broken, opened = False, 0
    get, open_store = MemoryStore.get, MemoryStores.open

    def get_or_fail(self: MemoryStore, key: bytes) -> bytes | None:
        if broken:
            raise StoreUnavailable("the state could not be read: Input/output error")
        return get(self, key)

    def count(self: MemoryStores, partition: int, identity: Identity) -> MemoryStore:
        nonlocal opened
        opened += 1
        return open_store(self, partition, identity)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryStore, "get", get_or_fail)
        patch.setattr(MemoryStores, "open", count)
        async with virtual_host(REGISTRY, options_of(cached_runs=0)) as world:
            assert (await world.run(one, "before", "ok")).status == "completed"
            broken = True
            innocent = world.start(one, "innocent", "ok")
            await asyncio.sleep(30)
            assert not world.answers(innocent)
            broken = False
            assert (await world.answer(innocent)).status == "completed"
            assert not world.records(DEADLETTERS, 0)
            assert opened > 1


def lost(kind: Kind = Kind.ENGINE) -> Lost:
    return Lost(kind, "for a test")


def test_waits_grow_to_a_bound_and_begin_anew_after_a_long_life() -> None:
    backoff = Backoff("w/ns/0", 0.2, 10.0)
    waits = [backoff.wait_s(lost(), 0.0) for _ in range(12)]
    assert all(0.2 * 2**n / 2 <= wait <= 0.2 * 2**n for n, wait in enumerate(waits[:6]))
    assert all(5.0 <= wait <= 10.0 for wait in waits[6:])
    assert backoff.wait_s(lost(), 3_600) <= 0.2


def test_who_is_set_aside_costs_no_patience() -> None:
    """2,000 inputs that make the engine fail, one after the other, are 2,000 short waits."""
    backoff = Backoff("w/ns/0", 0.2, 10.0)
    assert {backoff.wait_s(lost(kind), 0.0) for kind in (Kind.INPUT, Kind.RUN) for _ in range(1_000)} == {0.2}


def test_partitions_that_were_lost_together_do_not_come_back_together() -> None:
    waits = [Backoff(f"w/ns/{number}", 0.2, 10.0).wait_s(lost(), 0.0) for number in range(16)]
    assert len({round(wait, 3) for wait in waits}) > 8
