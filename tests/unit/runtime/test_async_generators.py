"""Async generators that workflow code drops half way are closed in the run, never by the worker's own loop."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator

from script import Script, fetch, names, result

from sagaline import workflow
from sagaline._runtime.generators import InARow


@workflow
async def breaks_off() -> list[str]:
    seen: list[str] = []

    async def pages() -> AsyncIterator[str]:
        try:
            for number in range(3):
                yield await fetch(f"page {number}")
        finally:
            seen.append(await fetch("release"))

    async for page in pages():
        seen.append(page)
        break
    seen.append(await fetch("after"))
    return seen


def test_what_is_dropped_is_closed_by_a_task_of_the_run_as_asyncio_does() -> None:
    script = Script(breaks_off)
    assert names(script.done(1, b'"page"')) == ["fetch", "fetch"]
    script.done(3, b'"released"')
    assert result(script.done(2, b'"after"')) == b'["page","released","after"]'
    script.check_replay()


async def test_the_hooks_of_the_workers_loop_stay_its_own() -> None:
    before = sys.get_asyncgen_hooks()
    script = Script(breaks_off)
    script.done(1)
    assert sys.get_asyncgen_hooks() == before
    assert not asyncio.get_running_loop()._asyncgens, "the worker's loop would close it at its end, outside of the run"
    script.instance.evict()
    gc.collect()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_the_garbage_collector_finds_just_ends() -> None:
    ends: list[str] = []

    @workflow
    async def knots() -> str:
        async def pages() -> AsyncIterator[str]:
            try:
                yield "page"
            finally:
                ends.append("page")

        generator = pages()
        holder = [generator]
        holder.append(holder)  # type: ignore[arg-type]
        await anext(generator)
        del generator, holder
        gc.collect()
        await asyncio.sleep(0)
        return await fetch("a")

    script = Script(knots)
    assert result(script.done(1)) == b'"ok"'
    assert ends == [], "when it is collected is no function of the program"


def test_an_evicted_run_does_not_go_on() -> None:
    script = Script(breaks_off)
    script.done(1)
    script.instance.evict()
    gc.collect()


async def test_turns_in_a_row_set_the_hooks_once_for_all_of_them() -> None:
    before = sys.get_asyncgen_hooks()
    first, second = Script(breaks_off), Script(breaks_off)
    with InARow():
        of_all = sys.get_asyncgen_hooks()
        with InARow():
            assert names(first.done(1, b'"page"')) == ["fetch", "fetch"]
        assert sys.get_asyncgen_hooks() == of_all != before
        second.done(1, b'"page"')
        first.done(3, b'"released"')
    assert sys.get_asyncgen_hooks() == before
    second.done(3, b'"released"')  # a turn of its own
    for script in (first, second):
        assert result(script.done(2, b'"after"')) == b'["page","released","after"]'
        script.check_replay()
    assert not asyncio.get_running_loop()._asyncgens


async def test_in_a_row_a_run_leaves_the_generators_of_others_alone() -> None:
    ends: list[str] = []
    shared: list[AsyncIterator[str]] = []

    async def pages() -> AsyncIterator[str]:
        try:
            yield "page"
        finally:
            ends.append("page")

    @workflow
    async def begins() -> str:
        shared.append(pages())
        await anext(shared[0])
        return await fetch("a")

    @workflow
    async def drops() -> str:
        shared.clear()
        await asyncio.sleep(0)
        return await fetch("b")

    with InARow():
        first, second = Script(begins), Script(drops)
        assert ends == []
        assert result(second.done(1)) == b'"ok"'
        assert result(first.done(1)) == b'"ok"'
    assert ends == []
