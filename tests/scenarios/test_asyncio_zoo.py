"""Scenario 1: all of asyncio in one run, normally, replayed at every activation, and after a crash at every record."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import asyncio_zoo
import pytest
from harness import eventually_status, running
from three_modes import CACHE_OF_ZERO, NORMAL, Mode, run_in, run_on

from sagaline import activity, workflow

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295"])
def test_every_mode_makes_the_same_of_it(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "asyncio_zoo"],
        cwd=SUPPORT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    outcomes = json.loads(done.stdout)
    assert len(outcomes) >= 12, "a crash after each record of history"
    assert outcomes["normal"]["returned"][:6] == ["gather 0", "gather 1", "gather 2", "group: 1", "wait 0", "wait 1"]
    assert len(outcomes["normal"]["decisions"]["zoo"]) == 25
    assert outcomes["normal"]["effects"] == {"echo": 15}


@pytest.mark.parametrize("mode", [NORMAL, CACHE_OF_ZERO], ids=lambda mode: mode.name)
async def test_on_the_real_clock(mode: Mode) -> None:
    """As on the virtual one; on the other logs: test_on_real_logs.py."""
    run = await run_on(f"memory://zoo{uuid.uuid4().hex}", asyncio_zoo.CODE, asyncio_zoo.scenario, mode)
    assert run.outcome == run_in(NORMAL, asyncio_zoo.CODE, asyncio_zoo.scenario).outcome


_calls = itertools.count()


@activity
async def first() -> None: ...


@activity
async def second() -> None: ...


@activity
async def last() -> None: ...


@workflow
async def depends_on_a_global() -> str:
    await (second() if next(_calls) else first())
    await last()
    return "unnoticed"


@pytest.mark.parametrize("how", ["option", "environment", "neither"])
async def test_a_cache_of_zero_shows_what_is_not_deterministic(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "_calls", itertools.count())
    if how == "environment":
        monkeypatch.setenv("SAGALINE_REPLAY_ALWAYS", "1")
    activities = [first, second, last]
    url = f"memory://zero-{how}?partitions=1"
    async with running(url, [depends_on_a_global], activities, replay_always=how == "option") as (_, client):
        handle = await client.start(depends_on_a_global, id="w")
        async with asyncio.timeout(30):
            if how == "neither":
                assert await handle.result() == "unnoticed"
            else:
                await eventually_status(handle, "parked")
                failure = (await handle.describe()).failure
                assert failure is not None
                assert "Expected activity 'first' as step 1" in failure.message
