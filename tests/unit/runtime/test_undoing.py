"""A run whose code is called no more undoes what its steps have done, without any of that code."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from script import ACTIVITIES, Script, fetch, names, store

from sagaline import activity, saga, workflow
from sagaline._model import events as e
from sagaline._model.sagas import Undo
from sagaline._runtime.definitions import Registry
from sagaline._runtime.replaying import begin
from sagaline._runtime.setup import Setup

UNDO = e.UndoRequested("u", "the customer has called", "ann")


@activity
async def book(name: str) -> str:
    return name


@book.compensation
async def unbook(name: str) -> None: ...


@unbook.fallback
async def call_them(name: str) -> None: ...


@activity(pivot=True)
async def capture() -> None: ...


WITHOUT_CODE = Setup(Registry([], [*ACTIVITIES, book.definition, capture.definition]))


@saga
async def order() -> None:
    await asyncio.gather(store("a"), store("b"), fetch("c"))


def script_of(code: Any, *args: Any) -> Script:
    activities = WITHOUT_CODE.registry.activities.values()
    return Script(code, json.dumps(args).encode(), setup=Setup(Registry([code.definition], activities)))


def undone(script: Script, *jobs: e.Event) -> list[str]:
    """From here on the worker does not even know the workflow. What it asks for."""
    script.instance.evict()
    begun = begin(WITHOUT_CODE, script.history[0], undoes=True)
    for record in script.history:
        begun.feed(record)
    begun.finish(decides=True)
    script.setup, script.instance = WITHOUT_CODE, begun.instance
    asked = names(script.step(UNDO, *jobs))
    script.rebuilds = True
    return asked


def failure(script: Script) -> tuple[str, str, bool]:
    last = script.commands[-1]
    assert isinstance(last, e.RunFailed)
    return last.failure.type, last.failure.message, last.rolled_back


def scheduled(script: Script) -> e.ActivityScheduled:
    last = script.commands[-1]
    assert isinstance(last, e.ActivityScheduled)
    return last


def test_what_is_under_way_is_stopped_and_waited_for_and_then_all_is_undone_newest_first() -> None:
    script = script_of(order)
    script.done(1)
    assert undone(script) == ["ActivityCancelRequested", "ActivityCancelRequested"], "also of what leaves no effect"
    assert names(script.fails(2, "Cancelled")) == ["remove"], "the outcome of fetch is of no interest"
    assert (scheduled(script).step, scheduled(script).compensates, scheduled(script).outcome) == (4, 2, "unknown")
    assert names(script.fails(3)) == []
    assert names(script.done(4, b"null")) == ["remove"]
    assert (scheduled(script).compensates, scheduled(script).input) == (1, b'["a","ok"]')
    assert names(script.done(5, b"null")) == ["RunFailed"]
    assert failure(script) == ("Undone", "ann has had the run undone: the customer has called", True)


def test_a_step_that_fails_without_effect_while_it_is_waited_for_is_not_undone() -> None:
    script = script_of(order)
    undone(script)
    script.fails(1, clean=True)
    assert names(script.fails(2, clean=True)) == ["RunFailed"]


def test_nothing_but_an_outcome_reaches_it() -> None:
    @workflow
    class Sleeper:
        @workflow.run
        async def run(self) -> None:
            async with saga():
                await store("a")
                await asyncio.sleep(60)

        @workflow.signal
        async def poke(self) -> None: ...

    script = script_of(Sleeper.run)
    script.done(2)
    assert undone(script) == ["remove"]
    for event in (
        e.TimerFired(3),
        e.CancelRequested("c", "stop"),
        e.RunTimedOut(),
        e.SignalReceived("s", "poke", b"[]"),
    ):
        assert script.step(event) == []
    assert names(script.done(4, b"null")) == ["RunFailed"]


@pytest.mark.parametrize("outcome", ["committed", "open", "compensated"])
def test_steps_of_parts(outcome: str) -> None:
    @saga
    async def parts() -> None:
        await store("a")
        try:
            async with saga():
                await store("b")
                if outcome == "open":
                    await asyncio.Event().wait()
                if outcome == "compensated":
                    raise TimeoutError
        except TimeoutError:
            pass
        await asyncio.Event().wait()

    script = script_of(parts)
    script.done(1)
    script.done(3)
    if outcome == "compensated":
        script.done(4, b"null")
    assert undone(script) == ["remove"]
    assert scheduled(script).compensates == (1 if outcome == "compensated" else 3)


def test_what_undoes_a_step_already_goes_on_and_its_fallback_takes_its_place() -> None:
    @saga
    async def trip() -> None:
        await book("a")
        await book("b")
        await fetch("c")

    script = script_of(trip)
    script.done(1)
    script.done(2)
    assert names(script.fails(3)) == ["unbook"]
    assert undone(script) == [], "it is neither stopped nor called twice"
    assert names(script.fails(4)) == ["call_them"], "that of b, then a"
    assert scheduled(script).compensates == 2
    assert names(script.done(5, b"null")) == ["unbook"]
    assert scheduled(script).compensates == 1
    assert names(script.done(6, b"null")) == ["RunFailed"]


def test_children_are_stopped_first_but_those_that_are_abandoned() -> None:
    @workflow
    async def other() -> None: ...

    @saga
    async def parent() -> None:
        await store("a")
        stays = other.options(parent_close="abandon")
        await asyncio.gather(workflow.start_child(other), workflow.start_child(stays))
        await asyncio.Event().wait()

    registry = Registry([parent.definition, other.definition], ACTIVITIES)
    script = Script(parent, setup=Setup(registry))
    script.done(1)
    script.step(e.ChildBegan(2, "run-2"), e.ChildBegan(3, "run-3"))
    assert undone(script) == ["ChildCancelRequested"]
    assert names(script.step(e.ChildEnded(2, "compensated", None, None))) == ["remove"]


def test_a_run_that_undoes_another_is_given_what_that_has_left() -> None:
    left = [
        Undo("run-1", 3, "store", "completed", "remove", msgspec.Raw(b'["a","ok"]')),
        Undo("run-1", 5, "book", "unknown", "unbook", msgspec.Raw(b'["b"]'), "call_them", begun=7),
    ]
    started = e.RunStarted("order", b"[]", "u", "", 0, "")
    requested = e.UndoRequested("u", "too late", "ann", "run-1", begins_at=60_000)
    script = script_of(order)
    script.history.clear()
    script.record(started)
    begun = begin(WITHOUT_CODE, script.history.pop(), undoes=True)
    script.setup, script.instance = WITHOUT_CODE, begun.instance
    script.step(started, e.LedgerInherited(2, msgspec.json.encode(left)), requested)
    script.rebuilds = True
    assert names(script.commands) == ["TimerStarted"], "attempts of the run may last so long"
    assert names(script.step(e.TimerFired(1), after_ms=60_000)) == ["unbook"]
    call = scheduled(script)
    assert (call.compensates, call.compensates_run, call.outcome) == (5, "run-1", "unknown")
    assert call.saga == e.SagaStep(begun=7), "the key of what had begun"
    assert names(script.fails(2)) == ["call_them"]
    assert names(script.done(3, b"null")) == ["remove"]
    assert scheduled(script).saga is None
    assert names(script.done(4, b"null")) == ["RunFailed"]
    assert failure(script)[1] == "ann has had run run-1 undone: too late"
