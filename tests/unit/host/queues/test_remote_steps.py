"""Sagas whose steps are run by workers of a queue: on a log in memory and a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from queue_bench import QUEUE, queue_bench
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import ApplicationError, Retry, activity, saga
from sagaline._engine.task_queues import LATE_MS, STOPPING_MS
from sagaline._log import HISTORY, RESULTS
from sagaline._model import events as e
from sagaline._model.codec import decode, encode
from sagaline._model.descriptions import RunDescription
from sagaline._model.keys import partition_of
from sagaline._model.records import ActivityResult, CancelRun, CancelTask, Heartbeat, History, Task, TerminateRun

done: list[str] = []


@pytest.fixture(autouse=True)
def anew() -> None:
    done.clear()


@activity(queue=QUEUE, timeout="5s", retry=Retry(attempts=3, first_interval="2s"))
async def scan(what: str) -> str:
    done.append(f"{what} {activity.info().attempt}")
    if what == "flaky" and activity.info().attempt < 3:
        raise ConnectionError(what)
    if what == "refused":
        raise ApplicationError("no", retryable=False)
    if what == "hangs":
        await asyncio.sleep(3_600)
    return what.upper()


@scan.compensation(queue=QUEUE)
async def unscan(what: str, result: str | None) -> None:
    info = activity.info().compensates
    assert info is not None
    done.append(f"undo {what} {info.outcome}")


@activity
async def local() -> None:
    done.append("local")


@saga
async def scans(whats: list[str]) -> list[str]:
    await local()
    return [await scan(what) for what in whats]


REGISTRY = registry_of([scans], [local, scan])


def history(host: VirtualHost) -> list[e.Event]:
    return [event for record in host.records(HISTORY, 0) if isinstance(record, History) for event in record.events]


def tasks(host: VirtualHost) -> list[Task]:
    return [record for record in host.records(f"tasks.{QUEUE}", 0) if isinstance(record, Task)]


def cancels(host: VirtualHost) -> list[tuple[int, int]]:
    records = host.records(f"cancels.{QUEUE}", 0)
    return [(record.step, record.attempt) for record in records if isinstance(record, CancelTask)]


def answer(host: VirtualHost, record: ActivityResult | Heartbeat) -> None:
    partition = partition_of(record.workflow_id, host.log.partitions)
    host.log._broker.write(RESULTS, partition, record.workflow_id.encode(), encode(record))


def result_of(task: Task, result: bytes | None = b'"done"', **fields: Any) -> ActivityResult:
    return ActivityResult(task.workflow_id, task.run_id, task.step, task.attempt, result, **fields)


@virtual
async def test_steps_of_a_queue_are_run_by_its_workers_and_no_others() -> None:
    async with virtual_host(REGISTRY, options_of()) as host:
        request = host.start(scans, "w", ["a", "flaky"])
        await eventually(lambda: tasks(host))
        await asyncio.sleep(60)
        assert done == ["local"]
        async with queue_bench([scan], host.log):
            reply = await host.answer(request)
        assert reply.result == b'["A","FLAKY"]'
        assert done == ["local", "a 1", "flaky 1", "flaky 2", "flaky 3"]
        dispatched = [event.attempt for event in history(host) if isinstance(event, e.ActivityDispatched)]
        assert dispatched == [2, 3], "the first leaves with the event that schedules it"


@virtual
async def test_a_saga_whose_remote_step_fails_is_undone_by_the_queue() -> None:
    async with virtual_host(REGISTRY, options_of()) as host, queue_bench([scan], host.log):
        reply = await host.run(scans, "w", ["a", "refused"])
        assert reply.status == "compensated"
        assert done == ["local", "a 1", "refused 1", "undo refused unknown", "undo a completed"]


@virtual
async def test_a_run_says_which_queue_it_waits_for_and_since_when() -> None:
    async with virtual_host(REGISTRY, options_of()) as host:
        host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        await asyncio.sleep(90)
        reply = await host.read("w")
        (step,) = msgspec.json.decode(reply.result or b"", type=RunDescription).waits_for
        assert (step.activity, step.queue, step.started_at_ms) == ("scan", QUEUE, 0)
        assert 0 < step.queued_at_ms <= int(asyncio.get_running_loop().time() * 1_000) - 90_000
        (task,) = tasks(host)
        answer(host, Heartbeat("w", task.run_id, task.step, 1, None, "gpu-7"))
        await asyncio.sleep(1)
        reply = await host.read("w")
        (step,) = msgspec.json.decode(reply.result or b"", type=RunDescription).waits_for
        assert step.started_at_ms > step.queued_at_ms


@virtual
async def test_a_worker_that_is_lost_in_its_attempt_is_noticed_by_the_owner() -> None:
    """It has said that it began, and never says what came of it."""
    async with virtual_host(REGISTRY, options_of()) as host:
        request = host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        (task,) = tasks(host)
        answer(host, Heartbeat("w", task.run_id, task.step, 1, None, "gpu-7"))
        await eventually(lambda: len(tasks(host)) == 2)
        (failed,) = [event for event in history(host) if isinstance(event, e.ActivityAttemptFailed)]
        assert failed.failure.kind == "timeout"
        assert "by gpu-7" in failed.failure.message
        assert cancels(host) == [(task.step, 1)], "nobody begins it any more"
        answer(host, result_of(task, b'"late"'))
        answer(host, result_of(tasks(host)[1]))
        assert (await host.answer(request)).result == b'["done"]'


@virtual
async def test_that_it_has_begun_is_known_to_the_next_owner() -> None:
    async with virtual_host(REGISTRY, options_of()) as host:
        host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        answer(host, Heartbeat("w", tasks(host)[0].run_id, tasks(host)[0].step, 1))
        await eventually(lambda: any(isinstance(event, e.HeartbeatRecorded) for event in history(host)))
        log = host.log
    await asyncio.sleep((5_000 + LATE_MS) / 1_000)
    async with virtual_host(REGISTRY, options_of(), log=log) as host:
        await eventually(lambda: len(tasks(host)) == 2)


@virtual
async def test_a_cancelled_run_whose_step_nobody_has_goes_on_after_a_while() -> None:
    async with virtual_host(REGISTRY, options_of()) as host:
        request = host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        began_s = asyncio.get_running_loop().time()
        host.command("w", CancelRun("c", "w", "enough", "client", 0))
        await eventually(lambda: len(tasks(host)) == 2)
        assert asyncio.get_running_loop().time() - began_s >= STOPPING_MS / 1_000
        assert tasks(host)[1].compensates == tasks(host)[0].step
        async with queue_bench([scan], host.log):
            assert (await host.answer(request)).status == "cancelled"
        assert done == ["local", "undo a unknown"], "the step was given up: nobody begins it, however late"


@virtual
async def test_a_cancellation_reaches_the_worker_at_once() -> None:
    async with virtual_host(REGISTRY, options_of()) as host, queue_bench([scan], host.log):
        request = host.start(scans, "w", ["hangs"])
        await eventually(lambda: "hangs 1" in done)
        began_s = asyncio.get_running_loop().time()
        host.command("w", CancelRun("c", "w", "enough", "client", 0))
        assert (await host.answer(request)).status == "cancelled"
        assert asyncio.get_running_loop().time() - began_s < 1
        assert done == ["local", "hangs 1", "undo hangs unknown"]


@virtual
async def test_tasks_of_a_run_that_was_terminated_never_begin() -> None:
    async with virtual_host(REGISTRY, options_of()) as host:
        host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        host.command("w", TerminateRun("t", "w", "enough", "client", 0))
        await eventually(lambda: cancels(host))
        async with queue_bench([scan], host.log) as bench:
            await bench.until_done(1)
        assert done == ["local"]


@virtual
async def test_hostile_results_change_nothing() -> None:
    """Malformed ones, of runs that there are not, of attempts that were never made, again and again."""
    async with virtual_host(REGISTRY, options_of()) as host:
        request = host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        (task,) = tasks(host)
        for wrong in (
            msgspec.structs.replace(result_of(task), run_id="another"),
            msgspec.structs.replace(result_of(task), attempt=2),
            msgspec.structs.replace(result_of(task), step=9),
            msgspec.structs.replace(result_of(task), workflow_id="nobody"),
        ):
            answer(host, wrong)
        partition = partition_of("w", host.log.partitions)
        host.log._broker.write(RESULTS, partition, b"w", encode(result_of(task))[:-2])
        for _ in range(1_000):
            answer(host, result_of(task, b'"first"'))
        answer(host, result_of(task, b'"second"'))
        assert (await host.answer(request)).result == b'["first"]'
        assert len(tasks(host)) == 1
        assert sum(isinstance(event, e.ActivityCompleted) for event in history(host)) == 2


@virtual
async def test_the_tasks_that_stand_on_the_topic_are_what_another_language_reads() -> None:
    async with virtual_host(REGISTRY, options_of()) as host:
        host.start(scans, "w", ["a"])
        await eventually(lambda: tasks(host))
        (record,) = host.log._broker.records[f"tasks.{QUEUE}", 0]
        task = decode(record.value)
        assert isinstance(task, Task)
        assert record.key == f"{task.run_id}/{task.step}/{task.attempt}".encode()
        assert (task.activity, task.input, task.timeout_ms) == ("scan", b'["a"]', 5_000)
