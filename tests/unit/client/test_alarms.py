"""Time limits that cost nothing until they matter."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagaline.client import alarms as module
from sagaline.client.alarms import NO_ALARM, Alarms


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SOON_S", 0.02)


async def test_each_rings_once_at_its_time_whether_it_is_soon_or_late() -> None:
    alarms, loop = Alarms(), asyncio.get_running_loop()
    began, rung = loop.time(), dict[float, float]()
    all_rung = asyncio.Event()

    def ring(seconds: float) -> None:
        assert seconds not in rung
        rung[seconds] = loop.time() - began
        if len(rung) == 4:
            all_rung.set()

    for seconds in (0.06, 0.0, 0.1, 0.01):
        alarms.after(seconds, lambda seconds=seconds: ring(seconds))  # type: ignore[misc]
    async with asyncio.timeout(20):
        await all_rung.wait()
    assert all(at >= seconds - 0.005 for seconds, at in rung.items())
    assert list(rung) == [0.0, 0.01, 0.06, 0.1]


async def test_one_that_is_cancelled_does_not_ring_before_or_after_it_has_a_timer() -> None:
    alarms, rung = Alarms(), list[str]()
    last = asyncio.Event()
    before = alarms.after(0.03, lambda: rung.append("before"))
    after = alarms.after(0.06, lambda: rung.append("after"))
    soon = alarms.after(0.01, lambda: rung.append("soon"))
    alarms.after(0.08, last.set)
    before.cancel()
    soon.cancel()
    await asyncio.sleep(0.04)
    after.cancel()
    after.cancel()
    NO_ALARM.cancel()
    async with asyncio.timeout(20):
        await last.wait()
    assert rung == []


async def test_many_limits_that_never_matter_have_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms, loop = Alarms(), asyncio.get_running_loop()
    timers: list[float] = []
    call_at = loop.call_at

    def counted(when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *args, **options)

    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(1_000):
        alarms.after(5.0, lambda: None).cancel()
    assert len(timers) == 1
    alarms.close()


async def test_nothing_rings_that_is_not_armed_when_they_are_closed() -> None:
    alarms, rung = Alarms(), list[str]()
    alarms.after(0.03, lambda: rung.append("late"))
    alarms.close()
    await asyncio.sleep(0.06)
    assert rung == []
