"""Every way out of an attempt ends in exactly one report, by its deadline, and ends nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest
from activity_bench import bench
from hostile_errors import HOSTILE

from sagaline import Activity, activity
from sagaline._log.pool import DaemonPool
from sagaline._model.failure import APPLICATION, CANCELLED, TIMEOUT
from sagaline._payloads import BlobsUnavailable, Payloads, Sealer


@activity
async def raises(name: str) -> None:
    await asyncio.sleep(0)
    raise HOSTILE[name]()


@activity
async def raises_in_a_task(name: str) -> None:
    async def child() -> None:
        await asyncio.sleep(0)
        raise HOSTILE[name]()

    await asyncio.create_task(child())


@activity
def raises_in_thread(name: str) -> None:
    raise HOSTILE[name]()


@activity
async def fine() -> str:
    return "fine"


@pytest.mark.parametrize("kind", [raises, raises_in_a_task, raises_in_thread], ids=lambda one: one.name)
async def test_hostile_exceptions_each_end_in_one_report_and_the_worker_goes_on(kind: Activity[[str], None]) -> None:
    """Faults 19, 20, 28: every builtin exception, and worse."""
    async with bench(kind, fine, concurrent_activities=1_000) as made:
        steps = {made.start(kind, name): name for name in HOSTILE}
        last = made.start(fine)
        await made.all(len(steps) + 1)
        await asyncio.sleep(0.05)  # a second report of any would come now
        assert [result.result for result in made.of(last)] == [b'"fine"']
        for step, name in steps.items():
            (result,) = made.of(step)
            assert result.failure is not None, name
            assert result.failure.kind == APPLICATION, name
            assert result.failure.retryable, name
            assert len(result.failure.message.encode()) <= 8_000
            assert len(result.failure.stack.encode()) <= 4_000
        by_name = {name: made.of(step)[0].failure for step, name in steps.items()}
        for name in ("SystemExit", "KeyboardInterrupt", "Stubborn", "CancelledError", "GeneratorExit"):
            assert by_name[name].type == name  # type: ignore[union-attr]


async def test_a_task_of_an_activity_that_exits_is_seen_by_who_awaits_it() -> None:
    @activity
    async def gathers() -> str:
        async def leaves() -> None:
            raise SystemExit(3)

        (found,) = await asyncio.gather(leaves(), return_exceptions=True)
        return f"{type(found).__name__}: {found.__cause__!r}"  # type: ignore[union-attr]

    async with bench(gathers) as made:
        made.start(gathers)
        (result,) = await made.all(1)
        assert result.result == b'"TaskExit: SystemExit(3)"'


async def test_a_cancellation_of_the_activitys_own_is_a_failure_that_is_retried() -> None:
    """Fault 28."""

    @activity
    async def cancels_its_child() -> None:
        child = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        child.cancel()
        await child

    @activity
    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    async with bench(cancels_its_child, cancels_itself) as made:
        for number, one in enumerate((cancels_its_child, cancels_itself), 1):
            made.start(one)
            failure = await made.failure(number)
            assert (failure.type, failure.kind, failure.retryable) == ("CancelledError", APPLICATION, True)
            assert "nobody had asked" in failure.message


async def test_an_activity_that_swallows_cancellation_is_reported_at_its_deadline() -> None:
    """Fault 6: its result, which comes later, is dropped; it is asked again to stop, and counted until it ends."""
    asked: list[int] = []
    gate = asyncio.Event()

    @activity
    async def swallows() -> str:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                asked.append(1)
        return "late"

    async with bench(swallows) as made:
        made.start(swallows, timeout_s=0.05)
        failure = await made.failure()
        assert (failure.type, failure.kind, failure.retryable) == ("Timeout", TIMEOUT, True)
        assert made.runner.occupancy["tasks"].running == 1
        gate.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert made.runner.occupancy["tasks"].running == 0
        assert len(made.results) == 1
        assert asked == [1]


@activity
async def cleans_up() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        return "cleaned up"
    return "never"


async def test_a_cancelled_activity_may_say_what_came_of_it_and_one_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = asyncio.Event()

    @activity
    async def swallows() -> None:
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()

    monkeypatch.setattr("sagaline._host.activities.runner._CANCEL_GRACE_S", 0.05)
    async with bench(cleans_up, swallows) as made:
        first, second = made.start(cleans_up), made.start(swallows)
        await asyncio.sleep(0)
        made.cancel(first)
        made.cancel(second)
        await made.all(2)
        (result,) = made.of(first)
        assert result.result == b'"cleaned up"'
        (result,) = made.of(second)
        assert result.failure is not None
        assert (result.failure.kind, result.failure.retryable) == (CANCELLED, False)
        gate.set()


@pytest.mark.parametrize("step", ["decode", "encode", "open", "seal", "thread", "closed"])
async def test_whatever_fails_around_the_call_is_reported(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 20."""

    class Failing(Sealer):
        def is_open(self, payload: bytes) -> bool:
            return step != "open"

        def open(self, *args: Any) -> bytes:
            raise BlobsUnavailable("down")

        def touches(self, payload: bytes) -> bool:
            return step == "seal"

        def seal(self, *args: Any) -> bytes:
            raise SystemExit("down")

    @activity
    def in_thread() -> None: ...

    @activity
    async def on_loop() -> object:
        return object()

    @activity
    async def ok(number: int) -> None: ...

    async with bench(in_thread, on_loop, ok, payloads=Failing(Payloads())) as made:
        if step == "thread":
            monkeypatch.setattr(threading.Thread, "start", _cannot_start)
        if step == "closed":
            made.runner._performer._threads.close()
        if step == "decode":
            made.start_step(1, "ok", b"{")
        elif step == "encode":
            made.start(on_loop)
        elif step in ("thread", "closed"):
            made.start(in_thread)
        else:
            made.start(ok, 7)
        failure = await made.failure()
        assert failure.retryable == (step not in ("decode", "encode"))
        if step == "encode":
            assert failure.type == "InvalidOutput"
        await asyncio.sleep(0)
        assert made.runner.occupancy["threads"].running == made.runner.occupancy["tasks"].running == 0


def _cannot_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_a_thread_that_cannot_start_leaves_no_call_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = DaemonPool(1, "test")
    called: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _cannot_start)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.submit(called.append, 1)
    pool.submit(called.append, 2).result(20)
    assert called == [2]
    pool.shutdown(wait=True)


async def test_an_unknown_activity_and_one_that_was_cancelled_before_are_reported() -> None:
    async with bench(fine) as made:
        made.start_step(1, "unknown")
        made.start_step(2, "fine", cancel_requested=True)
        await made.all(2)
        assert [result.failure.type for result in made.results if result.failure] == ["UnknownActivity", "Cancelled"]


async def test_a_result_that_is_too_large_fails_for_good() -> None:
    @activity
    async def large() -> str:
        return "x" * 600_000

    async with bench(large) as made:
        made.start(large)
        failure = await made.failure()
        assert (failure.type, failure.retryable) == ("PayloadTooLarge", False)


async def test_info_is_there_in_tasks_and_threads_and_gone_afterwards() -> None:
    @activity
    async def on_loop() -> str:
        async def child() -> str:
            return activity.info().activity

        return await asyncio.create_task(child())

    @activity
    def in_thread() -> str:
        return activity.info().activity

    async with bench(on_loop, in_thread) as made:
        made.start(on_loop)
        made.start(in_thread)
        await made.all(2)
        assert {result.result for result in made.results} == {b'"on_loop"', b'"in_thread"'}
        with pytest.raises(Exception, match="outside"):
            activity.info()
