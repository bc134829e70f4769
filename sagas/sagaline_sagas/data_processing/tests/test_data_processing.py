"""The window: how wide it is, what it does with bad items, and what a restart costs."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from sagaline.testing import Environment
from sagaline.testing.plugin import MakeEnvironment

from .. import Batch, count_items, process_all, process_item, process_page, store_report
from ..activities import BadItem

BATCH = Batch(source="digits", page_size=20, window=3)


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    env = sagaline_env(workflows=[process_all, process_page], activities=[process_item, store_report])
    env.stand_in(count_items, lambda source: 300)
    return env


async def test_all_items_are_done_and_never_more_at_once_than_the_window_is_wide(env: Environment) -> None:
    at_once: set[int] = set()
    widest = 0

    async def slow(item: int) -> int:
        nonlocal widest
        at_once.add(item)
        widest = max(widest, len(at_once))
        await asyncio.sleep(0.001)
        at_once.remove(item)
        return item

    async with env:
        env.stand_in(process_item, slow)
        assert (await env.execute(process_all, BATCH)).done == 300
        assert len(await env.client.runs(workflow="process_page")) == 15
    assert widest == 30, "three pages at once, ten items of each"


async def test_bad_items_are_reported_and_stop_nothing(env: Environment) -> None:
    async def some(item: int) -> int:
        if item % 100 == 7:
            raise BadItem(f"{item} is bad")
        return item

    async with env:
        env.stand_in(process_item, some)
        report = await env.execute(process_all, BATCH)
        assert (report.done, report.failed) == (297, [7, 107, 207])
        assert env.calls(store_report)[0].arguments["report"] == report


async def test_a_restart_in_the_middle_does_no_finished_item_again(env: Environment) -> None:
    half = asyncio.Event()
    done: Counter[int] = Counter()

    async def item_by_item(item: int) -> int:
        if item == 150 and not half.is_set():
            half.set()
            await asyncio.sleep(3_600)
        done[item] += 1
        return item

    async with env:
        env.stand_in(process_item, item_by_item)
        handle = await env.start(process_all, BATCH)
        await half.wait()
        await asyncio.sleep(0.05)
        before = set(done)
        await env.restart()
        assert (await handle.result()).done == 300
        assert all(done[item] == 1 for item in before)
        assert set(done) == set(range(300))
