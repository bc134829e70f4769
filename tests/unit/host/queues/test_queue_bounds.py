"""What the worker of a queue takes at once, who has which partitions, and how it stops."""

from __future__ import annotations

import asyncio

import pytest
from queue_activities import ACTIVITIES, double, gate, ran, wait
from queue_bench import QUEUE, QueueBench, new_log, queue_bench, task_of
from virtual_host import eventually
from virtual_time import virtual

from sagaline._host.queues import reading
from sagaline._log import Committed
from sagaline._model.tasks import task_topic


@pytest.fixture(autouse=True)
def anew() -> None:
    gate.shut()


def committed(bench: QueueBench, partition: int = 0) -> Committed:
    return bench.log._broker.queue(QUEUE).positions.get(partition, Committed(0, ""))


# Bounds, and who has which partitions


@virtual
async def test_no_more_tasks_of_a_partition_are_taken_than_can_be_committed() -> None:
    before = reading.OPEN
    reading.OPEN, reading._GO_ON_BELOW = 10, 5
    try:
        async with queue_bench(ACTIVITIES) as bench:
            bench.send(*(task_of(wait, number, step=number) for number in range(1, 31)))
            await eventually(lambda: len(ran) == 10)
            await asyncio.sleep(5)
            assert len(ran) == 10
            gate.open()
            await bench.until_done(30)
            assert sorted(ran) == list(range(1, 31))
    finally:
        reading.OPEN, reading._GO_ON_BELOW = before, before // 2


@virtual
async def test_inputs_that_wait_are_bounded_and_all_are_run_in_the_end() -> None:
    async with queue_bench(ACTIVITIES, concurrent_activities=2, activity_bytes=50_000) as bench:
        payload = b'["' + b"x" * 10_000 + b'"]'
        bench.send(*(task_of(double, 0, step=number, input=payload) for number in range(1, 700)))
        await bench.until_done(699)
        assert {result.step for result in bench.results()} == set(range(1, 700))


@virtual
async def test_a_partition_that_is_lost_is_given_back_and_what_runs_ends() -> None:
    log = new_log(2)
    async with queue_bench(ACTIVITIES, log, member_id="a", concurrent_activities=1) as first:
        await first.host.wait_live(2)
        first.send(task_of(wait, 1, step=1), task_of(wait, 2, step=2), partition=1)
        await eventually(lambda: ran == [1])
        async with queue_bench(ACTIVITIES, log, member_id="b", concurrent_activities=9):
            await eventually(lambda: sorted(ran) == [1, 1, 2])
            assert first.host.work.tasks.counts["given back"] == 1
            gate.open()
            await first.until_done(2, partition=1)
        steps = [result.step for result in first.results()]
        assert sorted(steps) == [1, 1, 2], "the owner takes the first result of an attempt"


@virtual
async def test_tasks_that_retention_has_deleted_are_said_and_the_rest_is_run() -> None:
    log = new_log()
    await log.open()
    early = QueueBench(log, None)  # type: ignore[arg-type]
    early.send(*(task_of(double, number, step=number) for number in range(1, 6)))
    kept = log._broker.records[task_topic(QUEUE), 0]
    log._broker.records[task_topic(QUEUE), 0] = [*[kept[3]] * 3, *kept[3:]]  # a read from 0 begins with offset 3
    async with queue_bench(ACTIVITIES, log) as bench:
        await bench.until_done(5)
        assert sorted(ran) == [4, 5]


@virtual
async def test_a_worker_that_stops_lets_tasks_end_within_the_grace_and_gives_the_rest_back() -> None:
    log = new_log()
    async with queue_bench(ACTIVITIES, log, concurrent_activities=1, stop_grace_s=30.0) as bench:
        bench.send(*(task_of(wait, number, step=number) for number in (1, 2)))
        await eventually(lambda: ran == [1])
        asyncio.get_running_loop().call_later(3, gate.open)
    assert [result.step for result in bench.results()] == [1]
    assert committed(bench) == Committed(1, "")
    async with queue_bench(ACTIVITIES, log) as bench:
        await bench.until_done(2)
        assert ran == [1, 2]
