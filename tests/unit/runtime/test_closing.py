"""Eviction: nothing that code does on its way out counts, and none of it is left to the garbage collector."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from script import Script, fetch, store

from sagaline import workflow


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


_STUBBORN = """
import asyncio, gc
from script import Script
from sagaline import activity, workflow
from sagaline._runtime.definitions import Registry
from sagaline._runtime.setup import Setup

@activity
async def effect(name: str) -> str:
    print("an effect")
    return name

@workflow
async def stubborn() -> None:
    count = 0
    while HOW != "waits a few times" or count < 5:
        count += 1
        try:
            if HOW == "calls again and again":
                await effect("never here")
            else:
                await asyncio.sleep(3600)
        except BaseException:
            pass

def run() -> None:
    Script(stubborn, setup=Setup(Registry([stubborn.definition], [effect.definition]))).instance.evict()

run()
gc.collect()
"""


@pytest.mark.parametrize("how", ["waits again and again", "calls again and again", "waits a few times"])
def test_code_that_refuses_to_be_closed_never_runs_again_not_even_at_the_end_of_the_process(how: str) -> None:
    support = Path(__file__).parents[2] / "support"
    done = subprocess.run(
        [sys.executable, "-c", _STUBBORN.replace("HOW", repr(how))],
        env=os.environ | {"PYTHONPATH": f"{support}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert ("goes on: let it out" in done.stderr) == (how != "waits a few times")
    assert "ignored" not in done.stderr
