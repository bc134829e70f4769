"""Branches that still run when a saga fails: they may clean up, and then they end, whatever they think of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from script import Script, fetch, names, store

from sagaline import ActivityError, ApplicationError, saga
from sagaline._model import events as e
from sagaline._model.limits import CLEANUP_CALLS
from sagaline._runtime.bugs import WorkflowBug

NO_COMPENSATION = 1


def drive(script: Script, limit: int = 200) -> None:
    """Completes every activity that is open, fires no timer, until the run has ended."""
    for _ in range(limit):
        if not script.commands or isinstance(script.commands[-1], e.RunFailed | e.RunCancelled):
            return
        for event in list(script.commands):
            if isinstance(event, e.ActivityScheduled):
                script.done(event.step, b"null" if event.activity == "remove" else b'"ok"')
    raise AssertionError("the run goes on and on")


def failing(branch: Callable[[], Coroutine[Any, Any, None]], before: str = "store") -> Any:
    """A saga that fails beside a branch."""

    @saga
    async def beside() -> None:
        await store("first")
        task = asyncio.ensure_future(branch())
        try:
            await fetch("fails")
        finally:
            del task

    return beside


def until_it_fails(branch: Callable[[], Coroutine[Any, Any, None]], **options: Any) -> Script:
    script = Script(failing(branch), **options)
    script.done(1)
    step = next(
        event.step
        for event in script.commands
        if isinstance(event, e.ActivityScheduled) and event.input == b'["fails"]'
    )
    script.fails(step)
    return script


async def swallows_and_calls() -> None:
    while True:
        try:
            await fetch("again")
        except asyncio.CancelledError:
            pass


async def swallows_everything_and_calls() -> None:
    while True:
        try:
            await fetch("again")
        except BaseException:
            pass


async def swallows_and_sleeps() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


async def swallows_everything_and_sleeps() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass


async def waits_for_what_nobody_does() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await asyncio.Event().wait()


async def makes_more_of_its_kind() -> None:
    async def another() -> None:
        try:
            await fetch("more")
        finally:
            asyncio.ensure_future(another())  # noqa: RUF006

    await another()


STUBBORN = [
    swallows_and_calls,
    swallows_everything_and_calls,
    swallows_and_sleeps,
    swallows_everything_and_sleeps,
    waits_for_what_nobody_does,
    makes_more_of_its_kind,
]


@pytest.mark.parametrize("branch", STUBBORN, ids=lambda branch: branch.__name__)
def test_a_branch_that_swallows_its_cancellation_holds_the_rollback_up_for_a_bounded_time(
    branch: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    script = until_it_fails(branch)
    drive(script)
    assert names(script.commands) == ["RunFailed"]
    events = [event for record in script.history for event in record.events]
    undone = [event for event in events if isinstance(event, e.ActivityScheduled) and event.activity == "remove"]
    assert len(undone) == 1
    assert len(events) <= 2 * CLEANUP_CALLS + 20, "history is bounded"
    script.check_replay()


def test_a_branch_may_clean_up_with_several_calls_before_anything_is_undone() -> None:
    async def tidies() -> None:
        try:
            await fetch("works")
        finally:
            await fetch("tidy 1")
            try:
                await fetch("tidy 2")
            except ActivityError:
                await fetch("tidy 3")

    script = until_it_fails(tidies)
    seen = []
    for outcome in (script.done, script.fails, script.done):
        scheduled = [event for event in script.commands if isinstance(event, e.ActivityScheduled)]
        assert len(scheduled) == 1
        seen.append(scheduled[0].input)
        outcome(scheduled[0].step)
    assert seen == [b'["tidy 1"]', b'["tidy 2"]', b'["tidy 3"]']
    assert names(script.commands) == ["remove"]
    drive(script)
    script.check_replay()


def test_a_branch_that_sleeps_while_it_cleans_up_is_cut_short() -> None:
    ran: list[str] = []

    async def sleeps() -> None:
        try:
            await fetch("works")
        finally:
            try:
                await asyncio.sleep(60)
            finally:
                ran.append("the end")

    script = until_it_fails(sleeps)
    assert names(script.commands) == ["ActivityCancelRequested", "TimerStarted", "TimerCancelled", "remove"]
    assert ran == ["the end"]


def test_a_cancellation_of_the_run_meets_branches_in_the_same_way() -> None:
    script = Script(failing(swallows_and_sleeps))
    script.done(1)
    script.step(e.CancelRequested("q", "enough"))
    drive(script)
    assert script.commands == [e.RunCancelled("enough", True)]
    script.check_replay()


def test_a_branch_that_spins_instead_is_a_bug_with_its_place() -> None:
    async def spins() -> None:
        while True:
            try:
                await fetch("a")
            except BaseException:
                while True:
                    await asyncio.sleep(0)

    with pytest.raises(WorkflowBug, match=r"callbacks .*test_branches.py:\d+"):
        until_it_fails(spins)


def test_a_run_from_before_waits_for_its_branches_as_it_did() -> None:
    async def swallows_once() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    script = until_it_fails(swallows_once, flags=(1, 2))
    assert names(script.commands) == ["TimerCancelled", "TimerStarted"]
    timer = script.commands[-1].step  # type: ignore[union-attr]
    assert names(script.step(e.TimerFired(timer), after_ms=60_000)) == ["remove"]
    script.check_replay()


def test_a_run_from_before_undoes_a_cancellation_that_nobody_asked_for_and_then_parks() -> None:
    @saga
    async def cancels_itself() -> None:
        await store("a")
        raise asyncio.CancelledError

    script = Script(cancels_itself, flags=(1, 2))
    assert names(script.done(1)) == ["remove"]
    with pytest.raises(WorkflowBug):
        script.done(2, b"null")


@pytest.mark.parametrize("rebuilds", [False, True])
def test_rollback_is_the_same_with_and_without_an_instance_in_memory(rebuilds: bool) -> None:
    @saga
    async def many() -> None:
        async def branch(name: str) -> None:
            try:
                await store(name)
                await asyncio.sleep(100)
            finally:
                await fetch(f"tidy {name}")

        tasks = [asyncio.ensure_future(branch(str(n))) for n in range(3)]
        await store("main")
        raise ApplicationError(f"no {len(tasks)}")

    script = Script(many, rebuilds=rebuilds)
    for step in (2, 3, 4, 1):  # the branches start behind the first call
        script.done(step)
    drive(script)
    undone = [
        event.compensates
        for record in script.history
        for event in record.events
        if isinstance(event, e.ActivityScheduled) and event.activity == "remove"
    ]
    assert undone == [4, 3, 2, 1]
