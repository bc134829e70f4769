"""Timers: in order, at their time, and with no more of them in memory than the window."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from harness import eventually

from sagaline._engine.effects import SetTimer
from sagaline._engine.tables.timers import timer_key
from sagaline._host.options import wall_clock_ms
from sagaline._host.partition.guard import Guard
from sagaline._host.timers import Timers


class Rows:
    """What is durable: a row goes when its timer has fired."""

    def __init__(self) -> None:
        self.rows: dict[bytes, SetTimer] = {}
        self.reads = 0

    def put(self, timer: SetTimer) -> None:
        self.rows[timer_key(timer.due_at, timer.run_id, timer.step)] = timer

    def after(self, key: bytes) -> Iterator[tuple[bytes, SetTimer]]:
        for row in sorted(row for row in self.rows.items() if row[0] > key):
            self.reads += 1
            yield row


async def test_each_fires_once_and_in_order_whatever_the_window(seed: int) -> None:
    draw = random.Random(seed)
    begin = wall_clock_ms()
    for window in (1, 2, 5, 1_000):
        rows, fired = Rows(), list[SetTimer]()

        def fire(due: list[SetTimer], rows: Rows = rows, fired: list[SetTimer] = fired) -> None:
            now = wall_clock_ms()
            for timer in due:
                assert timer.due_at <= now
                fired.append(timer)
                del rows.rows[timer_key(timer.due_at, timer.run_id, timer.step)]

        timers = Timers(Guard(pytest.fail), wall_clock_ms, fire, rows.after, window)
        for number in range(40):  # there before
            rows.put(SetTimer(begin + draw.randint(-1_000, 100), "", f"old-{number}", 1))
        timers.begin()
        for number in range(40):  # added while it runs
            timer = SetTimer(begin + draw.randint(-1_000, 900), "", f"new-{number}", 1)
            rows.put(timer)
            timers.add(timer)
            if number % 10 == 0:
                await asyncio.sleep(0.01)
        added = wall_clock_ms()
        await eventually(lambda found=fired: len(found) == 80)
        assert len({timer.run_id for timer in fired}) == 80
        order = [timer.due_at for timer in fired if timer.due_at > added]  # what is added late may be due before
        assert order == sorted(order)
        timers.close()


async def test_a_million_in_the_store_are_no_million_in_memory() -> None:
    rows = Rows()
    for number in range(1_000):
        rows.put(SetTimer(wall_clock_ms() + 3_600_000 + number, "", f"run-{number}", 1))
    timers = Timers(Guard(pytest.fail), wall_clock_ms, lambda due: None, rows.after, 10)
    timers.begin()
    assert len(timers._heap) == 10
    assert rows.reads == 10
    for number in range(1_000):  # later ones stay in the store, earlier ones push others out
        timers.add(SetTimer(wall_clock_ms() + 1_800_000 + number, "", f"soon-{number}", 1))
    assert len(timers._heap) <= 20
    timers.close()
