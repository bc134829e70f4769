"""Eviction: nothing that code does on its way out counts, and none of it is left to the garbage collector."""

from __future__ import annotations

import asyncio
import gc

import pytest
from script import Script, fetch, store

from sagaline import activity, workflow
from sagaline._runtime.definitions import Registry
from sagaline._runtime.setup import Setup


def test_an_evicted_instance_does_nothing_on_its_way_out() -> None:
    seen: list[str] = []

    @workflow
    async def tidy() -> None:
        try:
            await fetch("a")
        finally:
            seen.append("closing")
            await store("never")
            seen.append("never")

    script = Script(tidy)
    script.instance.evict()
    assert seen == ["closing"]
    assert len(script.commands) == 1


@pytest.mark.parametrize("how", ["waits again and again", "calls again and again", "waits a few times"])
def test_code_that_refuses_to_be_closed_runs_no_more_and_is_not_collected(how: str) -> None:
    ran: list[str] = []

    @activity
    async def effect(name: str) -> str:
        ran.append(name)
        return name

    @workflow
    async def stubborn() -> None:
        count = 0
        while how != "waits a few times" or count < 5:
            count += 1
            try:
                if how == "calls again and again":
                    await effect("never here")
                else:
                    await asyncio.sleep(3600)
            except BaseException:
                pass

    setup = Setup(Registry([stubborn.definition], [effect.definition]))
    script = Script(stubborn, setup=setup)
    del setup
    script.instance.evict()
    del script
    gc.collect()
    assert ran == []
