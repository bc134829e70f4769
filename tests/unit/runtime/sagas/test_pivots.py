"""The classes of a saga's steps: compensatable, pivot, retriable; read-only and irreversible ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from script import Script, fetch, names, store

from sagaline import ActivityError, ApplicationError, activity, saga, workflow
from sagaline._model import events as e
from sagaline._model.activities import IRREVERSIBLE, PIVOT, READ_ONLY, RETRIABLE
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.setup import Setup


@activity(pivot=True)
async def pay(name: str) -> str:
    return name


@activity(retriable=True)
async def ship(name: str) -> str:
    return name


@activity(read_only=True)
async def look(name: str) -> str:
    return name


@activity(irreversible=True)
async def mail(name: str) -> str:
    return name


STEPS = [each.definition for each in (fetch, store, pay, ship, look, mail)]


def script_of(code: Any) -> Script:
    return Script(code, setup=Setup(Registry([code.definition], STEPS)))


def scheduled(script: Script) -> e.ActivityScheduled:
    (event,) = [event for event in script.commands if isinstance(event, e.ActivityScheduled)]
    return event


def test_each_step_says_in_history_what_it_is_for_the_saga() -> None:
    @saga
    async def order() -> None:
        await look("a")
        await mail("a")
        await store("a")
        await fetch("a")
        await pay("a")
        await ship("a")
        await fetch("b")

    script = script_of(order)
    found = []
    for _ in range(7):
        step = scheduled(script)
        limits = None if step.limits is None else step.limits.on_exhausted
        found.append((step.activity, step.saga, limits))
        script.done(step.step)
    assert found == [
        ("look", e.SagaStep(0, READ_ONLY), None),
        ("mail", e.SagaStep(0, IRREVERSIBLE), None),
        ("store", e.SagaStep(0, "", True), None),
        ("fetch", None, None),
        ("pay", e.SagaStep(0, PIVOT), "park"),
        ("ship", e.SagaStep(0, RETRIABLE), "park"),
        ("fetch", e.SagaStep(0, RETRIABLE), "park"),
    ], "what comes behind the pivot must be done"
    assert names(script.commands) == ["RunCompleted"]
    script.check_replay()


def test_a_pivot_that_says_no_rolls_back() -> None:
    @saga
    async def order() -> None:
        await store("a")
        await pay("a")

    script = script_of(order)
    script.done(1)
    assert names(script.fails(2, "CardDeclined", clean=True)) == ["remove"]
    assert names(script.done(3, b"null")) == ["RunFailed"]
    script.check_replay()


def test_behind_the_pivot_nothing_that_can_be_undone_may_be_called() -> None:
    @saga
    async def order() -> None:
        await pay("a")
        await store("b")

    script = script_of(order)
    with pytest.raises(WorkflowBug, match=r"nothing that can be undone behind the pivot pay but store .*test_pivots"):
        script.done(1)


def test_a_failure_behind_the_pivot_parks_the_run_and_undoes_nothing() -> None:
    @saga
    async def order() -> None:
        await store("a")
        await pay("a")
        raise ApplicationError("not enough stock")

    script = script_of(order)
    script.done(1)
    with pytest.raises(WorkflowBug, match=r"no failure behind the pivot pay.*not enough stock"):
        script.done(2)


@pytest.mark.parametrize("when", ["under way", "done"])
def test_a_cancellation_waits_for_the_pivot_and_is_dropped_when_it_is_done(when: str) -> None:
    @saga
    async def order() -> str:
        await store("a")
        await pay("a")
        return str(await ship("a"))

    script = script_of(order)
    script.done(1)
    cancel = e.CancelRequested("q", "enough")
    if when == "under way":
        assert script.step(cancel) == []
        script.done(2)
    else:
        script.done(2)
        assert script.step(cancel) == []
    assert names(script.done(3)) == ["RunCompleted"]
    script.check_replay()


def test_a_cancellation_is_delivered_when_the_pivot_has_said_no() -> None:
    @saga
    async def order() -> str:
        await store("a")
        try:
            await pay("a")
        except ActivityError:
            await fetch("another way to pay")
        return "done"

    script = script_of(order)
    script.done(1)
    assert script.step(e.CancelRequested("q", "enough")) == []
    script.fails(2, "CardDeclined", clean=True)
    assert names(script.commands) == ["remove"], "no other way to pay is tried"
    undo = scheduled(script)
    assert undo.activity == "remove"
    script.done(undo.step, b"null")
    assert names(script.commands) == ["RunCancelled"]
    script.check_replay()


def test_a_time_out_of_the_code_waits_for_the_pivot_too() -> None:
    @saga
    async def order() -> str:
        try:
            async with asyncio.timeout(10):
                await pay("a")
        except TimeoutError:
            return "late, and paid"
        return "paid"

    script = script_of(order)
    timer = next(event.step for event in script.commands if isinstance(event, e.TimerStarted))
    paying = scheduled(script).step
    assert script.step(e.TimerFired(timer)) == [], "nobody knows yet whether it is paid"
    script.done(paying)
    assert script.commands == [e.RunCompleted(b'"late, and paid"')]
    script.check_replay()


def test_a_part_of_a_workflow_has_a_pivot_of_its_own() -> None:
    @workflow
    async def order() -> str:
        async with saga():
            await store("a")
            await pay("a")
            await ship("a")
        await asyncio.Event().wait()
        return "never"

    script = script_of(order)
    script.done(2)
    script.done(3)
    assert script.step(e.CancelRequested("q", "enough")) == [], "the part is beyond its pivot"
    script.done(4)
    assert names(script.commands) == ["SagaEnded", "RunCancelled"], "what comes behind it is not"
    script.check_replay()


def test_each_step_of_a_strict_saga_says_what_becomes_of_its_effect() -> None:
    @saga(strict=True)
    async def order() -> None:
        await store("a")
        await look("a")
        await fetch("a")

    script = script_of(order)
    script.done(1)
    with pytest.raises(WorkflowBug, match=r"strict saga .*fetch does not .*test_pivots"):
        script.done(2)


def test_another_class_or_compensation_at_the_call() -> None:
    @saga
    async def order() -> None:
        await store.options(read_only=True)("a")
        await store.options(compensation=None)("b")
        await fetch.options(compensation=undo_fetch)("c")
        await pay("a")
        await store.options(retriable=True)("d")
        raise ApplicationError("no")

    @activity
    async def undo_fetch(name: str) -> None: ...

    script = Script(order, setup=Setup(Registry([order.definition], [*STEPS, undo_fetch.definition])))
    recorded = []
    for _ in range(3):
        recorded.append((scheduled(script).compensation, scheduled(script).saga))
        script.done(scheduled(script).step)
    assert recorded == [
        ("remove", e.SagaStep(0, READ_ONLY)),
        (None, None),
        ("undo_fetch", e.SagaStep(0, "", False)),
    ]
    assert names(script.fails(4, "CardDeclined", clean=True)) == ["undo_fetch"]
