"""Who waits for a run's end: once a request, as long as it listens, and a bounded number."""

from __future__ import annotations

import asyncio
import random

from virtual_time import virtual

from sagaline._host.partition.guard import Guard
from sagaline._host.reading.waiters import Asker, Waiters


def asker(name: str) -> Asker:
    return Asker(name, "id", "client", 0)


def room(most: int = 10_000) -> Waiters:
    return Waiters(Guard(lambda lost: None), most)


@virtual
async def test_a_request_that_is_repeated_waits_once() -> None:
    waiters = room()
    for _ in range(5):
        waiters.add(asker("a"), "run", 0)
    waiters.add(asker("b"), "run", 0)
    waiters.add(asker("c"), "another", 0)
    assert waiters.take("run") == [asker("a"), asker("b")]
    assert waiters.take("run") == []
    assert waiters.take("another") == [asker("c")]
    assert len(waiters) == 0


@virtual
async def test_they_go_by_themselves_when_they_listen_no_more() -> None:
    """Fault 11: 30 polls of ``result(timeout)`` left 30 waiters until the run's end."""
    waiters = room()
    for number in range(30):
        waiters.add(asker(f"poll {number}"), "run", 1_000)
        assert len(waiters) <= 3
        await asyncio.sleep(1)
    await asyncio.sleep(2)
    assert len(waiters) == 0
    assert waiters.take("run") == []


@virtual
async def test_one_with_less_time_goes_before_one_with_more() -> None:
    waiters = room()
    waiters.add(asker("long"), "run", 3_600_000)
    waiters.add(asker("short"), "run", 5_000)
    waiters.add(asker("ever"), "run", 0)
    await asyncio.sleep(7)
    assert len(waiters) == 2
    await asyncio.sleep(3_600)
    assert waiters.take("run") == [asker("ever")]


@virtual
async def test_asking_again_gives_more_time() -> None:
    waiters = room()
    for _ in range(10):
        waiters.add(asker("a"), "run", 5_000)
        await asyncio.sleep(3)
    assert waiters.take("run") == [asker("a")]


@virtual
async def test_the_oldest_makes_room() -> None:
    waiters = room(most=100)
    for number in range(1_000):
        waiters.add(asker(str(number)), f"run {number}", 0)
        assert len(waiters) <= 100
    assert waiters.take("run 0") == []
    assert waiters.take("run 999") == [asker("999")]


@virtual
async def test_no_index_keeps_what_is_gone(seed: int) -> None:
    waiters, chance = room(most=50), random.Random(seed)
    for _ in range(3_000):
        name, run = str(chance.randrange(80)), str(chance.randrange(20))
        if chance.random() < 0.7:
            waiters.add(asker(name), run, chance.choice([0, 500, 3_000, 9_000]))
        else:
            waiters.take(run)
        await asyncio.sleep(chance.random() / 5)
        kept = set(waiters._waiting)
        assert {name for names in waiters._by_run.values() for name in names} == kept
        assert {name for names in waiters._by_second.values() for name in names} <= kept
        assert all(waiters._by_run.values())
        assert all(waiters._by_second.values())
        assert all(second >= asyncio.get_running_loop().time() - 1 for second in waiters._by_second)
