"""Runs that sleep leave memory, and what they cost when they wake is bounded by how long they slept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_host import options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import workflow
from sagaline._host.runs.instances import Instances
from sagaline._runtime.replay import Replay


@workflow
async def sleeps(times: int, seconds: float) -> int:
    for _ in range(times):
        await asyncio.sleep(seconds)
    return times


REGISTRY = registry_of([sleeps], [])


async def records_replayed(times: int, seconds: float) -> tuple[int, int]:
    """Replays of a run, and the records of all of them."""
    replays = records = 0
    rebuild, feed = Instances.rebuild, Replay.feed

    def counted_rebuild(self: Instances, run: Any) -> Any:
        nonlocal replays
        replays += 1
        return rebuild(self, run)

    def counted_feed(self: Replay, record: Any) -> None:
        nonlocal records
        records += 1
        feed(self, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instances, "rebuild", counted_rebuild)
        patch.setattr(Replay, "feed", counted_feed)
        async with virtual_host(REGISTRY, options_of()) as world:
            reply = await world.answer(world.start(sleeps, "w", times, seconds), limit_s=10_000_000)
            assert reply.result == b"%d" % times
    return replays, records


@pytest.mark.parametrize(("seconds", "replays"), [(5.0, 0), (20.0, 20), (60.0, 60)])
def test_a_run_of_many_short_sleeps_does_not_replay_its_history_at_each(seconds: float, replays: int) -> None:
    @virtual
    async def check() -> None:
        short, _ = await records_replayed(200, seconds)
        long, records = await records_replayed(800, seconds)
        assert short == long, "once the history is long the instance stays"
        assert long <= replays
        assert records <= replays * replays

    check()


@virtual
async def test_a_run_that_sleeps_for_a_day_leaves_memory() -> None:
    replays, _ = await records_replayed(5, 86_400.0)
    assert replays == 5
