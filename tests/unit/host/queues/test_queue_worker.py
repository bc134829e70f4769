"""The worker of a queue: tasks are run at once and end out of order; whatever stands on the topic stops nothing."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from queue_activities import ACTIVITIES, double, fail, gate, in_thread, large, ran, told, wait
from queue_bench import QUEUE, QueueBench, new_log, queue_bench, task_of
from virtual_host import eventually
from virtual_time import virtual

from sagaline._host.queues.finished import Finished
from sagaline._log import Committed
from sagaline._model.codec import encode
from sagaline._model.failure import CANCELLED, TIMEOUT
from sagaline._model.records import Claim, Heartbeat


@pytest.fixture(autouse=True)
def anew() -> None:
    gate.shut()


def committed(bench: QueueBench, partition: int = 0) -> Committed:
    return bench.log._broker.queue(QUEUE).positions.get(partition, Committed(0, ""))


@virtual
async def test_tasks_are_run_and_their_results_say_what_came_of_them() -> None:
    async with queue_bench(ACTIVITIES) as bench:
        bench.send(task_of(double, 21), task_of(fail, step=2), task_of(large, step=3), task_of(in_thread, 1, step=4))
        results = {result.step: result for result in await bench.until_results(4)}
        assert results[1].result == b"42"
        assert results[2].failure is not None
        assert (results[2].failure.type, results[2].failure.retryable) == ("ConnectionError", True)
        assert results[3].failure is not None
        assert results[3].failure.type == "PayloadTooLarge"
        assert results[4].result == b"2"
        await bench.until_done(4)
        assert committed(bench) == Committed(4, "")


@virtual
async def test_the_attempt_knows_the_keys_that_its_owner_knows() -> None:
    forward = task_of(told, attempt=3, idempotency_key="first/1", asked_by="first")
    undo = task_of(told, step=2, compensates=1, outcome="unknown", forward_key="r/1", idempotency_key="r/2")
    later = task_of(told, step=3, compensates=1, outcome="completed", compensates_run="q")
    async with queue_bench(ACTIVITIES) as bench:
        bench.send(forward, undo, msgspec.structs.replace(later, idempotency_key="q/1/compensation", forward_key="q/1"))
        results = {result.step: msgspec.json.decode(result.result or b"") for result in await bench.until_results(3)}
        assert results[1] == {"key": "first/1", "attempt": 3, "run": "r", "undoes": None}
        assert results[2]["key"] == "r/2"
        assert results[2]["undoes"] == ["r/1", "unknown"]
        assert results[3]["key"] == "q/1/compensation"
        assert results[3]["undoes"] == ["q/1", "completed"]


@virtual
async def test_a_slow_task_holds_no_other_up_and_a_restart_repeats_it_alone() -> None:
    log = new_log()
    async with queue_bench(ACTIVITIES, log, stop_grace_s=0.1) as bench:
        bench.send(task_of(wait, 0), *(task_of(double, number, step=number) for number in range(2, 202)))
        await bench.until_results(200)
        await eventually(lambda: committed(bench).metadata)
        finished = Finished(committed(bench))
        assert finished.next == 0
        assert all(finished.has(offset) for offset in range(1, 201))
    ran.clear()
    gate.open()
    async with queue_bench(ACTIVITIES, log) as bench:
        await bench.until_done(201)
        assert ran == [0]
        assert [result.step for result in bench.results()].count(1) == 1


@virtual
async def test_an_attempt_that_goes_on_is_told_to_the_owner_once() -> None:
    async with queue_bench(ACTIVITIES, member_id="gpu-7") as bench:
        bench.send(task_of(wait, 1), task_of(double, 1, step=2))
        await eventually(lambda: any(isinstance(record, Heartbeat) for record in bench.said()))
        await asyncio.sleep(5)
        (beat,) = [record for record in bench.said() if isinstance(record, Heartbeat)]
        assert (beat.step, beat.attempt, beat.details, beat.worker) == (1, 1, None, "w")
        gate.open()
        await bench.until_done(2)


@virtual
async def test_a_cancelled_task_stops_and_one_that_waits_never_begins() -> None:
    waiting = [task_of(wait, number, step=number) for number in (1, 2)]
    async with queue_bench(ACTIVITIES, concurrent_activities=1) as bench:
        bench.send(*waiting)
        await eventually(lambda: ran == [1])
        for task in waiting:
            bench.cancel(task)
        results = await bench.until_results(2)
        assert [result.failure and result.failure.kind for result in results] == [CANCELLED] * 2
        assert ran == [1]
        await bench.until_done(2)


@virtual
async def test_what_was_cancelled_before_the_worker_came_never_begins() -> None:
    log = new_log()
    await log.open()
    early = QueueBench(log, None)  # type: ignore[arg-type]
    early.send(task_of(double, 1), task_of(double, 2, step=2))
    early.cancel(task_of(double, 1))
    async with queue_bench(ACTIVITIES, log) as bench:
        results = {result.step: result for result in await bench.until_results(2)}
        assert ran == [2]
        assert results[1].failure is not None
        assert results[1].failure.kind == CANCELLED


@virtual
async def test_a_task_behind_its_deadline_never_begins() -> None:
    now_ms = int(asyncio.get_running_loop().time() * 1_000)
    async with queue_bench(ACTIVITIES) as bench:
        bench.send(task_of(double, 1, deadline=now_ms + 1), task_of(double, 2, step=2, deadline=now_ms + 90_000))
        bench.send(task_of(double, 3, step=3, deadline=1))
        results = {result.step: result for result in await bench.until_results(3)}
        assert results[2].result == b"4"
        assert results[3].failure is not None
        assert (results[3].failure.kind, results[3].failure.retryable) == (TIMEOUT, False)
        assert 3 not in ran


@virtual
async def test_the_worker_itself_reports_an_attempt_that_takes_too_long() -> None:
    async with queue_bench(ACTIVITIES) as bench:
        bench.send(task_of(wait, 1, timeout_ms=3_000))
        (result,) = await bench.until_results(1)
        assert result.failure is not None
        assert result.failure.kind == TIMEOUT


# Hostile records


@virtual
async def test_a_task_that_is_read_ten_thousand_times_is_run_once() -> None:
    async with queue_bench(ACTIVITIES) as bench:
        bench.send(*[task_of(wait, 1)] * 5_000)
        await eventually(lambda: ran)
        gate.open()
        await bench.until_results(1)
        bench.send(*[task_of(wait, 1)] * 5_000)
        await bench.until_done(10_000)
        assert ran == [1]
        assert len(bench.results()) == 1


@virtual
async def test_an_older_attempt_that_comes_late_is_dropped_and_a_newer_one_takes_over() -> None:
    async with queue_bench(ACTIVITIES) as bench:
        bench.send(task_of(wait, 1, attempt=1))
        await eventually(lambda: ran == [1])
        bench.send(task_of(wait, 2, attempt=2), task_of(wait, 1, attempt=1))
        await eventually(lambda: ran == [1, 2])
        gate.open()
        await bench.until_done(3)
        assert [result.attempt for result in bench.results()] == [2]
        assert ran == [1, 2]


HOSTILE: list[bytes | None] = [
    None,
    b"",
    b"not avro",
    b"\xc3\x01" + bytes(8),
    encode(task_of(double, 1))[:-3],
    encode(Claim("w", "c", 1)),
    encode(task_of(double, 1, run_id="x" * 100_000)),
]


@virtual
async def test_what_is_no_task_is_a_dead_letter_and_stops_nothing() -> None:
    async with queue_bench(ACTIVITIES) as bench:
        for value in HOSTILE:
            bench.raw(b"key", value)
        bench.raw(b"key", encode(task_of(double, 1, input=b"{not json", step=2)))
        bench.send(
            msgspec.structs.replace(task_of(double, 4, step=3), activity="nobody_has_it"), task_of(double, 5, step=4)
        )
        results = {result.step: result for result in await bench.until_results(3)}
        assert results[4].result == b"10"
        assert results[3].failure is not None
        assert results[3].failure.type == "UnknownActivity"
        assert results[2].failure is not None
        await bench.until_done(len(HOSTILE) + 3)
        assert bench.dead() == len(HOSTILE)
        assert bench.host.work.tasks.counts["dead"] == len(HOSTILE)


@virtual
async def test_what_is_no_cancellation_is_passed_over() -> None:
    async with queue_bench(ACTIVITIES) as bench:
        for value in (*HOSTILE[:4], encode(Claim("w", "c", 1))):
            bench.log._broker.write(f"cancels.{QUEUE}", 0, b"k", value)
        bench.send(task_of(double, 4))
        assert (await bench.until_results(1))[0].result == b"8"
