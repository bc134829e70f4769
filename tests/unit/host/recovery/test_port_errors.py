"""Any call of a port may raise anything: reads, retention, timers, activities, recovery go on afterwards."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from faulty_ports import PORTS, Faults, FaultyPort, calls_of
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

import sagaline.worker as worker_module
from sagaline import Worker, activity, workflow
from sagaline._engine.meta import FORMAT
from sagaline._host.partition.lost import Kind, Lost
from sagaline._log import DEADLETTERS, Log, open_log
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._store import Identity, Stores, StoreUnavailable, open_stores
from sagaline._store.memory import MemoryStores

RETENTION_MS = 30_000
MOST_CLAIMS = 5
"""One for the first worker, one for the second, and one for each loss that a fault may cost."""
AT_START = ["Log.open", "Log.reader", "Log.appender", "Log.join"]
NOT_IN_A_LIFE = [*AT_START, "Membership.close"]
"""A member that has not left is waited for: for longer than this."""
ELSEWHERE = {
    **dict.fromkeys(AT_START, "raises to whom starts a worker: test_what_a_port_raises_at_the_start_is_raised"),
    "Log.close": "test_whatever_a_port_raises_at_the_end_all_else_is_let_go_of",
    "Stores.close": "test_whatever_a_port_raises_at_the_end_all_else_is_let_go_of",
    "Membership.suspend": "tests/unit/host/watchdog/test_watchdog.py",
    "Membership.resume": "tests/unit/host/watchdog/test_watchdog.py",
    "Log.plan_topics": "a command of a person, who sees what it raises",
    "Log.apply_topics": "a command of a person, who sees what it raises",
    "Log.inspect": "a command of a person, who sees what it raises",
}
"""Calls that no life of a partition makes."""
_numbers = itertools.count()


@activity
async def double(number: int) -> int:
    return 2 * number


@workflow
async def steps(number: int) -> int:
    number = await double(number)
    await asyncio.sleep(0.5)
    return await double(number)


def worker(faults: Faults, place: str, member: str) -> AbstractAsyncContextManager[VirtualHost]:
    """A worker behind faulty ports. Its state is one that was wiped in part; an append on its way pauses reading."""
    below, stores = MemoryLog(parse_url(f"memory://{place}?partitions=1")), MemoryStores()
    nothing_in_memory = {"cached_runs": 0, "cached_instances": 0, "timer_window": 1, "bytes_in_flight": 1}
    options = options_of(member, retention_ms=RETENTION_MS, sweep_s=0.5, standbys=1, **nothing_in_memory)

    @asynccontextmanager
    async def opened() -> AsyncIterator[VirtualHost]:
        await below.open()
        stores.open(0, Identity(below.identity, below.namespace, FORMAT)).write([(b"x", b"left")])
        log, registry = FaultyPort(Log, below, faults), registry_of([steps], [double])
        async with virtual_host(registry, options, log=log, stores=FaultyPort(Stores, stores, faults)) as host:
            yield host

    return opened()


async def live(faults: Faults) -> None:
    """A life with all that a partition does, and another worker's that takes over. Asserts that they do it."""
    place = f"faulty{next(_numbers)}"
    async with worker(faults, place, "first") as first:
        await complete(first, 1)
        async with worker(faults, place, "second") as second:
            await eventually(lambda: second.host.standing_by)
            claims = first.claims()
            first.host.live[0].guard.lose(Lost(Kind.PRODUCER, "its producer is in doubt"))
            await eventually(lambda: first.host.live and first.claims() > claims)
            await first.host.stop()
            await complete(second, 2)
            assert second.claims()[0] <= MOST_CLAIMS
            assert not second.records(DEADLETTERS, 0)


async def complete(world: VirtualHost, number: int) -> None:
    """A run, from its start until it is retired."""
    ended = await world.run(steps, "a", number)
    assert (ended.status, ended.result) == ("completed", str(4 * number).encode())
    assert (await world.read("a", "history")).kind == "history"
    async with asyncio.timeout(300):
        while (await world.read("a")).kind != "refused":
            await asyncio.sleep(1)


def calls_without_a_fault() -> Faults:
    faults = Faults(None, RuntimeError())
    virtual(lambda: live(faults))()
    return faults


def test_every_call_of_a_port_meets_a_fault_in_some_test() -> None:
    """A method that is added to a port is injected, or stands in ELSEWHERE with the reason."""
    reached = set(calls_without_a_fault().calls)
    calls = {call for port in PORTS for call in calls_of(port)}
    assert reached | set(ELSEWHERE) == calls


def live_on(call: str, number: int, error: BaseException) -> None:
    """A life in which one call raises."""
    faults = Faults((call, number), error)
    try:
        virtual(lambda: live(faults))()
    except BaseException as failed:
        raise AssertionError(f"after {call} has raised at call {number}: {failed!r}") from failed
    assert faults.raised, f"call {number} of {call}"


@pytest.mark.parametrize(
    ("error", "numbers"),
    [
        (RuntimeError, {1, 2, 3, 5, 8, 13, 34, 89}),
        (OSError, {2}),
        (StoreUnavailable, {2}),
        (SystemExit, {2}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_whatever_a_port_raises_at_any_call_all_goes_on(error: type[BaseException], numbers: set[int]) -> None:
    """Each call raises: the first times, then at ever larger distances, and the last time."""
    for call, count in calls_without_a_fault().calls.items():
        for number in sorted(numbers | {count}):
            if number <= count and call not in NOT_IN_A_LIFE:
                live_on(call, number, error("injected"))


def test_an_appender_that_cannot_be_made_in_the_place_of_a_doubtful_one_is_tried_again() -> None:
    live_on("Log.appender", 3, RuntimeError("injected"))


class Behind:
    """What a worker opens: a log and stores behind faulty ports."""

    def __init__(self, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker_module, "open_log", lambda url: FaultyPort(Log, open_log(url), faults))
        monkeypatch.setattr(worker_module, "open_stores", lambda *args: FaultyPort(Stores, open_stores(*args), faults))


@pytest.mark.parametrize("call", AT_START)
async def test_what_a_port_raises_at_the_start_is_raised(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left open: another worker uses the same state directory at once."""
    url = f"memory://{tmp_path.name}-{next(_numbers)}"
    with monkeypatch.context() as patched:
        Behind(Faults((call, 1), RuntimeError("injected")), patched)
        with pytest.raises(RuntimeError, match="injected"):
            await Worker(url, workflows=[steps], activities=[double], state_dir=tmp_path).start()
    async with Worker(url, workflows=[steps], activities=[double], state_dir=tmp_path) as worker:
        await worker.ready()


@pytest.mark.parametrize(
    "call", ["Reader.pause", "Appender.close", "Reader.close", "Membership.close", "Log.close", "Stores.close"]
)
async def test_whatever_a_port_raises_at_the_end_all_else_is_let_go_of(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, faults = f"memory://{tmp_path.name}-{next(_numbers)}", Faults((call, 1), RuntimeError("injected"))
    Behind(faults, monkeypatch)
    async with Worker(url, workflows=[steps], activities=[double], state_dir=tmp_path) as worker:
        await worker.ready()
    assert faults.raised
    ends = {"Reader.pause", "Appender.close", "Reader.close", "Membership.close", "Store.close", "Log.close"}
    assert faults.calls.keys() >= ends | {"Stores.close"}
