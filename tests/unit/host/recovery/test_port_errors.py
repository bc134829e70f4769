"""Any call of a port may raise anything: reads, retention, timers, activities, recovery go on afterwards."""

from __future__ import annotations

import asyncio

import pytest
from faulty_ports import Faults, FaultyLog, FaultyStores
from virtual_host import VirtualHost, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import activity, workflow
from sagaline._log import DEADLETTERS
from sagaline._log.urls import parse_url
from sagaline._store import StoreUnavailable

RETENTION_MS = 30_000


@activity
async def double(number: int) -> int:
    return 2 * number


@workflow
async def steps(number: int) -> int:
    number = await double(number)
    await asyncio.sleep(0.5)
    return await double(number)


async def live(faults: Faults, number: int) -> VirtualHost:
    """A life with all that a partition does. Asserts that it does it."""
    log = FaultyLog(parse_url(f"memory://faulty-{type(faults.error).__name__}-{number}?partitions=1"))
    log.faults = faults
    options = options_of(retention_ms=RETENTION_MS, sweep_s=0.5, cached_runs=0, cached_instances=0, timer_window=1)
    async with virtual_host(registry_of([steps], [double]), options, log=log, stores=FaultyStores(faults)) as world:
        ended = await world.run(steps, "a", 1)
        assert (ended.status, ended.result) == ("completed", b"4")
        assert (await world.read("a", "history")).kind == "history"
        async with asyncio.timeout(300):
            while (await world.read("a")).kind != "refused":  # until it is retired
                await asyncio.sleep(1)
        again = await world.run(steps, "a", 2)
        assert (again.status, again.result) == ("completed", b"8")
        assert not world.records(DEADLETTERS, 0)
    return world


@virtual
async def test_without_a_fault_one_claim_is_enough() -> None:
    world = await live(Faults(0, RuntimeError()), 0)
    assert world.claims() == [1]


@pytest.mark.parametrize(
    ("error", "step"),
    [(RuntimeError, 1), (OSError, 5), (StoreUnavailable, 5), (SystemExit, 5)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_whatever_a_port_raises_at_any_call_all_goes_on(error: type[BaseException], step: int) -> None:
    """The first number of calls that no fault reaches any more ends it."""
    reached: dict[str, int] = {}
    for at in range(1, 2_000, step):
        faults = Faults(at, error("injected"))
        reached_by = virtual(lambda faults=faults, at=at: _live(faults, at))
        reached_by()
        if not faults.raised:
            break
        reached[faults.raised] = reached.get(faults.raised, 0) + 1
    assert set(reached) >= {"get", "scan", "write", "bounds", "append", "publish"}, reached


async def _live(faults: Faults, at: int) -> None:
    try:
        world = await live(faults, at)
    except BaseException as failed:
        raise AssertionError(f"after {faults.raised} has raised at call {at}: {failed!r}") from failed
    assert world.claims()[0] <= 3, f"{faults.raised} at call {at}"
