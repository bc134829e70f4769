"""One process that works for two namespaces: attempts, threads and memory are shared, and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import activity, workflow
from sagaline._host.process import Process
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline.errors import ConfigurationError

running: Counter[str] = Counter()
most: Counter[str] = Counter()


@activity
async def act(where: str) -> str:
    running["all"] += 1
    most["all"] = max(most["all"], running["all"])
    await asyncio.sleep(0.5)
    running["all"] -= 1
    return where


@workflow
async def one(where: str) -> str:
    return await act(where)


REGISTRY = registry_of([one], [act])


def log_of(namespace: str) -> MemoryLog:
    return MemoryLog(parse_url(f"memory://process?partitions=2&namespace={namespace}"))


async def two_hosts(stack: AsyncExitStack, process: Process, name: str) -> list[VirtualHost]:
    return [
        await stack.enter_async_context(
            virtual_host(REGISTRY, process.options, log=log_of(f"{name}-{number}"), process=process)
        )
        for number in range(2)
    ]


@virtual
async def test_two_namespaces_share_attempts_and_threads_and_know_nothing_of_each_other() -> None:
    running.clear()
    most.clear()
    process = Process(REGISTRY, options_of(concurrent_activities=3, cached_runs=1_000))
    async with AsyncExitStack() as stack:
        first, second = await two_hosts(stack, process, "shared")
        await first.host.wait_live(2)
        await second.host.wait_live(2)
        asked = []
        for number in range(6):  # the same ids in both, even the same requests: run ids are the same too
            for world, where in ((first, "first"), (second, "second")):
                asked.append((world, where, world.start(one, f"w-{number}", where, request_id=f"q-{number}")))
        for world, where, _ in asked:
            for number in range(6):
                answer = await world.answer(f"q-{number}")
                assert (answer.status, answer.result) == ("completed", f'"{where}"'.encode())
        assert most["all"] == 3, "attempts that run at once are those of the process"
        assert [one.rows.acknowledged.bytes_kept for one in first.host.live] == [
            process.options.write_back_bytes // 4
        ] * 2
    process.close()


@virtual
async def test_a_namespace_that_ends_leaves_the_others_its_share_and_their_attempts() -> None:
    process = Process(REGISTRY, options_of())
    async with AsyncExitStack() as stack:
        (first, second) = await two_hosts(stack, process, "leaving")
        await first.host.wait_live(2)
        await second.host.wait_live(2)
        second.start(one, "given up", "second")
        asked = first.start(one, "goes on", "first")
        await eventually(lambda: running["all"] >= 2)
        await second.host.stop()
        assert (await first.answer(asked)).status == "completed"
        assert [one.rows.acknowledged.bytes_kept for one in first.host.live] == [
            process.options.write_back_bytes // 2
        ] * 2
        assert (await first.run(one, "later", "first")).status == "completed"
    process.close()


@virtual
async def test_backpressure_is_that_of_the_process() -> None:
    process = Process(REGISTRY, options_of(concurrent_activities=1, activity_bytes=10))
    async with AsyncExitStack() as stack:
        first, second = await two_hosts(stack, process, "pressed")
        await first.host.wait_live(2)
        await second.host.wait_live(2)
        for number in range(4):
            first.start(one, f"w-{number}", "x" * 100)
        await eventually(lambda: process.backpressure.paused)
        asked = second.start(one, "waits", "y")
        await eventually(lambda: not process.backpressure.paused)
        assert (await second.answer(asked)).status == "completed"
    process.close()


@virtual
async def test_a_namespace_works_once_in_a_process() -> None:
    process = Process(REGISTRY, options_of())
    async with virtual_host(REGISTRY, process.options, log=log_of("twice"), process=process):
        with pytest.raises(ConfigurationError, match="each namespace once"):
            async with virtual_host(REGISTRY, process.options, log=log_of("twice"), process=process):
                pass
    process.close()
