"""The deterministic runtime: asyncio as it is, replayed to the same commands."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from sagaline import ActivityError, ApplicationError, activity, saga, workflow
from sagaline._model import events as e
from sagaline._model.events import Command, Event
from sagaline._model.failure import Failure
from sagaline._model.records import History
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.instance import Instance, new_instance
from sagaline._runtime.replay import replay


@activity
async def fetch(name: str) -> str:
    return name


@activity
async def store(name: str) -> str:
    return name


@store.compensation
async def remove(name: str, stored: str | None) -> None:
    pass


class Script:
    """Drives an instance as the host would, and keeps the history it makes."""

    def __init__(self, code: Any, given: bytes = b"[]") -> None:
        self.registry = Registry([code.definition], [fetch.definition, store.definition])
        self.instance: Instance = new_instance(code.definition, self.registry, "w", "r")
        self.history: list[History] = []
        self.now_ms = 1_000
        self.first_event = 1
        self.commands = self.step(e.RunStarted(code.name, given, "q", "", 0, ""))

    def step(self, *jobs: Event, after_ms: int = 1) -> list[Command]:
        self.now_ms += after_ms
        self.commands = self.instance.activate(jobs, self.now_ms)
        found = (*jobs, *self.commands)
        self.history.append(History(0, self.now_ms, "w", "r", self.first_event, 0, 0, 0, (), False, found))
        self.first_event += len(found)
        return self.commands

    def done(self, step: int, result: bytes = b'"ok"') -> list[Command]:
        return self.step(e.ActivityCompleted(step, 1, result))

    def fails(self, step: int, kind: str = "Broken", clean: bool = False) -> list[Command]:
        return self.step(e.ActivityFailed(step, 1, Failure(kind, "it broke", retryable=False, clean=clean)))

    def check_replay(self) -> None:
        """At every prefix the code asks for the same again."""
        for end in range(1, len(self.history) + 1):
            found = replay(self.registry, self.history[:end])
            assert found.unwritten == []
            assert found.pending == []
            found.instance.evict()


def names(commands: Sequence[Command]) -> list[str]:
    return [one.activity if isinstance(one, e.ActivityScheduled) else type(one).__name__ for one in commands]


def result(commands: Sequence[Command]) -> bytes:
    assert isinstance(commands[-1], e.RunCompleted), commands
    return commands[-1].result


def test_gather_runs_in_parallel_and_keeps_order() -> None:
    @workflow
    async def both() -> list[str]:
        return list(await asyncio.gather(fetch("a"), fetch("b"), fetch("c")))

    script = Script(both)
    assert names(script.commands) == ["fetch", "fetch", "fetch"]
    assert script.done(2, b'"B"') == []
    assert script.step(e.ActivityCompleted(3, 1, b'"C"'), e.ActivityCompleted(1, 1, b'"A"'))[-1:] != []
    assert result(script.commands) == b'["A","B","C"]'
    script.check_replay()


def test_a_task_group_cancels_its_other_tasks() -> None:
    @workflow
    async def group() -> str:
        found = "fine"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fetch("a"))
                tasks.create_task(fetch("b"))
        except* ActivityError as errors:
            found = f"{len(errors.exceptions)} failed"
        return found

    script = Script(group)
    assert names(script.fails(1)) == ["ActivityCancelRequested", "RunCompleted"]
    assert result(script.commands) == b'"1 failed"'
    script.check_replay()


def test_sleep_is_a_durable_timer_that_never_fires_early() -> None:
    @workflow
    async def sleepy() -> float:
        before = workflow.now()
        await asyncio.sleep(2.0005)
        return (workflow.now() - before).total_seconds()

    script = Script(sleepy)
    (timer,) = script.commands
    assert isinstance(timer, e.TimerStarted)
    assert timer.due_at == 1_001 + 2_001
    script.step(e.TimerFired(1), after_ms=3_000)
    assert float(result(script.commands)) >= 2.0005
    script.check_replay()


def test_timeout_and_wait_for_and_shield() -> None:
    @workflow
    async def impatient() -> list[str]:
        found = []
        try:
            async with asyncio.timeout(5):
                await fetch("slow")
        except TimeoutError:
            found.append("timeout")
        try:
            await asyncio.wait_for(fetch("slower"), 5)
        except TimeoutError:
            found.append("wait_for")
        kept = asyncio.ensure_future(fetch("kept"))
        try:
            await asyncio.wait_for(asyncio.shield(kept), 5)
        except TimeoutError:
            found.append("shield")
        found.append(await kept)
        return found

    script = Script(impatient)
    assert names(script.commands) == ["TimerStarted", "fetch"]
    assert names(script.step(e.TimerFired(1), after_ms=5_000)) == [
        "ActivityCancelRequested",
        "TimerStarted",
        "fetch",
    ] or (names(script.commands) == ["ActivityCancelRequested", "fetch", "TimerStarted"])
    timers = [one.step for one in script.commands if isinstance(one, e.TimerStarted)]
    script.step(e.TimerFired(timers[0]), after_ms=5_000)
    timers = [one.step for one in script.commands if isinstance(one, e.TimerStarted)]
    kept = next(one.step for one in script.commands if isinstance(one, e.ActivityScheduled))
    script.step(e.TimerFired(timers[0]), after_ms=5_000)
    assert script.commands == []
    script.done(kept, b'"late"')
    assert result(script.commands) == b'["timeout","wait_for","shield","late"]'
    script.check_replay()


def test_locks_queues_events_semaphores_and_conditions() -> None:
    @workflow
    async def zoo() -> list[str]:
        seen: list[str] = []
        lock, semaphore, event = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event()
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        condition = asyncio.Condition()

        async def one(name: str) -> None:
            async with semaphore, lock:
                seen.append(await fetch(name))
            await queue.put(name)

        async def consume() -> None:
            for _ in range(3):
                seen.append("got " + await queue.get())
            event.set()
            async with condition:
                condition.notify_all()

        async def watch() -> None:
            async with condition:
                await condition.wait()
            await event.wait()
            seen.append("noticed")

        await asyncio.gather(watch(), one("a"), one("b"), one("c"), consume())
        return seen

    script = Script(zoo)
    for step in (1, 2, 3):
        script.done(step, b'"%d"' % step)
    assert result(script.commands) == b'["1","got a","2","got b","3","got c","noticed"]'
    script.check_replay()


_SETS = """
import asyncio
from sagaline._runtime.instance import new_instance
from sagaline._runtime.definitions import Registry
from sagaline._model import events as e
from sagaline import activity, workflow
@activity
async def fetch(name: str) -> str: ...
@workflow
async def first() -> list[str]:
    tasks = {asyncio.create_task(fetch(str(n)), name=str(n)) for n in range(9)}
    done, pending = await asyncio.wait(tasks)
    return [task.get_name() for task in done]
registry = Registry([first.definition], [fetch.definition])
one = new_instance(first.definition, registry, "w", "r")
one.activate([e.RunStarted("first", b"[]", "q", "", 0, "")], 1)
print(one.activate([e.ActivityCompleted(n, 1, b'"x"') for n in range(1, 10)], 2)[-1].result)
"""


def test_sets_of_tasks_have_the_same_order_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", _SETS], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_chance_and_ids_are_the_same_in_replay() -> None:
    @workflow
    async def chance() -> list[str]:
        first = str(workflow.uuid4())
        await fetch(first)
        return [first, str(workflow.random().randint(0, 10**9))]

    script, again = Script(chance), Script(chance)
    assert script.commands == again.commands
    assert script.done(1) == again.done(1)
    script.check_replay()


@pytest.mark.parametrize("when", ["before it starts", "in flight", "with the result", "twice"])
def test_cancel_rolls_a_saga_back_whenever_it_comes(when: str) -> None:
    @saga
    async def steps() -> str:
        await store("a")
        await store("b")
        return "done"

    cancel = e.CancelRequested("q", "enough")
    script = Script(steps)
    if when == "before it starts":
        fresh = new_instance(steps.definition, script.registry, "w", "r")
        found = fresh.activate([cancel, e.RunStarted("steps", b"[]", "q", "", 0, "")], 1)
        assert found == [e.RunCancelled("enough", False)]
        return
    if when == "with the result":
        script.step(e.ActivityCompleted(1, 1, b'"stored"'), cancel)
        assert names(script.commands) in (["remove"], ["store", "ActivityCancelRequested"])
        if script.commands[-1] == e.ActivityCancelRequested(2):
            script.fails(2, "Cancelled")
            assert names(script.commands) == ["remove"]
            script.done(3, b"null")
        assert names(script.commands) == ["remove"]
        script.done(script.instance._loop.table._count, b"null")
    else:
        script.step(cancel)
        assert names(script.commands) == ["ActivityCancelRequested"]
        if when == "twice":
            assert script.step(cancel) == []
        # it waits for the outcome before it undoes: the step was done after all
        assert names(script.done(1, b'"stored"')) == ["remove"]
        undo = script.commands[0]
        assert isinstance(undo, e.ActivityScheduled)
        assert (undo.compensates, undo.outcome, undo.input) == (1, "completed", b'["a","stored"]')
        script.done(2, b"null")
    assert script.commands == [e.RunCancelled("enough", True)]
    script.check_replay()


def test_a_saga_undoes_in_reverse_order_what_may_have_happened() -> None:
    @saga
    async def steps() -> None:
        await store("a")
        with_result = await store("b")
        assert with_result
        await store("c")
        await fetch("d")

    script = Script(steps)
    script.done(1, b'"A"')
    script.done(2, b'"B"')
    script.fails(3, "Timeout")  # who knows
    undone = []
    for _ in range(3):
        (undo,) = script.commands
        assert isinstance(undo, e.ActivityScheduled)
        undone.append((undo.input, undo.outcome))
        script.done(undo.step, b"null")
    assert undone == [(b'["c",null]', "unknown"), (b'["b","B"]', "completed"), (b'["a","A"]', "completed")]
    assert isinstance(script.commands[0], e.RunFailed)
    assert script.commands[0].rolled_back
    script.check_replay()


def test_a_step_that_failed_clean_is_not_undone() -> None:
    @saga
    async def steps() -> None:
        await store("a")

    script = Script(steps)
    assert names(script.fails(1, "OutOfStock", clean=True)) == ["RunFailed"]


def test_compensation_is_shielded_and_its_failure_parks() -> None:
    @saga
    async def steps() -> None:
        await store("a")
        await fetch("b")

    script = Script(steps)
    script.done(1)
    assert names(script.fails(2)) == ["remove"]
    assert script.step(e.CancelRequested("q", "now")) == []
    with pytest.raises(WorkflowBug, match="Expected remove to undo step 1") as caught:
        script.fails(3)
    assert caught.value.reason == "compensation"


def test_branches_that_still_run_are_stopped_before_anything_is_undone() -> None:
    @saga
    async def steps() -> None:
        await asyncio.gather(store("a"), store("b"))

    script = Script(steps)
    assert names(script.fails(1, "OutOfStock", clean=True)) == ["ActivityCancelRequested"]
    assert names(script.done(2, b'"B"')) == ["remove"]
    script.done(3, b"null")
    assert names(script.commands) == ["RunFailed"]
    script.check_replay()


def test_a_failure_fails_the_run_and_anything_else_is_a_bug() -> None:
    @workflow
    async def fails(how: str) -> None:
        if how == "failure":
            raise ApplicationError("no", type="Refused")
        raise KeyError(how)

    (failed,) = Script(fails, b'["failure"]').commands
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "Refused"
    with pytest.raises(WorkflowBug, match="bug"):
        Script(fails, b'["bug"]')


@pytest.mark.parametrize(
    ("uses", "what"),
    [
        (lambda: asyncio.to_thread(print), "run_in_executor"),
        (lambda: asyncio.open_connection("127.0.0.1", 1), "create_connection"),
        (lambda: asyncio.create_subprocess_exec("true"), "subprocess_exec"),
        (lambda: asyncio.get_running_loop().add_signal_handler(1, print), "add_signal_handler"),
    ],
)
def test_threads_and_io_are_refused_with_place_and_advice(uses: Any, what: str) -> None:
    @workflow
    async def forbidden() -> None:
        await uses()

    with pytest.raises(WorkflowBug, match=rf"test_runtime.py:\d+ uses .*{what}.*@activity"):
        Script(forbidden)


def changed(script: Script, code: Any) -> WorkflowBug:
    """What a worker with other code says to this history."""
    definition = code.definition
    started = script.history[0].events[0]
    assert isinstance(started, e.RunStarted)
    registry = Registry([definition], [fetch.definition, store.definition])
    registry.workflows = {started.workflow: definition}
    with pytest.raises(WorkflowBug) as caught:
        replay(registry, script.history)
    return caught.value


def test_a_mismatch_names_the_step_expected_and_actual_with_place() -> None:
    @workflow
    async def original() -> None:
        await fetch("a")
        await store("b")
        await fetch("c")

    script = Script(original)
    script.done(1)
    script.done(2)

    @workflow
    async def swapped() -> None:
        await store("b")
        await fetch("a")

    @workflow
    async def removed() -> None:
        await fetch("a")

    @workflow
    async def added() -> None:
        await asyncio.gather(fetch("a"), fetch("more"))

    @workflow
    async def slept() -> None:
        await asyncio.sleep(1)

    for code, words in (
        (
            swapped,
            r"activity 'fetch' as step 1 \(event 2 .*asks for activity 'store' as step 1 at .*test_runtime.py:\d+",
        ),
        (removed, r"activity 'store' as step 2 \(event 4 .*asks for the run's completion"),
        (added, r"Expected nothing more \(event 3 .*activity 'fetch' as step 2"),
        (slept, r"activity 'fetch' as step 1 .*asks for a timer as step 1"),
    ):
        found = changed(script, code)
        assert found.reason == "mismatch"

        assert re.search(words, found.failure.message), found.failure.message


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


def test_tasks_that_are_left_behind_end_with_the_run() -> None:
    seen: list[str] = []

    @workflow
    async def leaves() -> str:
        async def background() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                seen.append("ended")

        kept = asyncio.create_task(background())
        await fetch("a")
        return kept.get_name()

    script = Script(leaves)
    script.done(1)
    assert result(script.commands)
    assert script.instance.finished
    assert seen == ["ended"]


def test_unregistered_activity_is_a_bug_that_says_what_to_do() -> None:
    @activity
    async def forgotten() -> None: ...

    @workflow
    async def uses() -> None:
        await forgotten()

    with pytest.raises(WorkflowBug, match=r"'forgotten' to be registered.*Add it to Worker\(activities"):
        Script(uses)
