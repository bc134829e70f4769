"""Sagas: what may have happened is undone, in reverse order of start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from script import Script, fetch, names, store

from sagaline import ApplicationError, activity, saga
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.instance import Instance
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup


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
        fresh = Instance(RunInfo(steps.definition, "w", "r"), script.setup)
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
        script.done(script.instance._loop.table.count, b"null")
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


def test_options_taken_before_the_compensation_was_declared_lose_nothing() -> None:
    @activity
    async def book(name: str) -> str:
        return name

    patient = book.options(timeout="5m")

    @book.compensation
    async def unbook(name: str) -> None: ...

    @saga
    async def steps() -> None:
        await patient("a")
        await fetch("b")

    setup = Setup(Registry([steps.definition], [book.definition, fetch.definition]))
    script = Script(steps, setup=setup)
    assert script.commands[0].compensation == "unbook"  # type: ignore[union-attr]
    script.done(1)
    assert names(script.fails(2)) == ["unbook"]


def test_a_parameter_that_was_added_with_a_default_breaks_no_run_in_flight() -> None:
    def code(newer: bool) -> Any:
        if newer:

            @activity(name="charge")
            async def charge(order: str, currency: str = "EUR") -> str: ...

            @charge.compensation(name="refund")
            async def refund(order: str, currency: str = "EUR", charged: str | None = None) -> None: ...

            @saga(name="buy")
            async def buy(order: str, gift: bool = False) -> None:
                await charge(order)
                raise ApplicationError(f"no, gift={gift}")
        else:

            @activity(name="charge")
            async def charge(order: str) -> str: ...

            @charge.compensation(name="refund")
            async def refund(order: str, charged: str | None = None) -> None: ...

            @saga(name="buy")
            async def buy(order: str) -> None:
                await charge(order)
                raise ApplicationError("no")

        return buy, Setup(Registry([buy.definition], [charge.definition]))

    before, setup = code(newer=False)
    script = Script(before, b'["1"]', setup=setup)
    _, script.setup = code(newer=True)
    script.rebuilds = True
    (undo,) = script.done(1, b'"paid"')
    assert isinstance(undo, e.ActivityScheduled)
    assert (undo.activity, undo.input) == ("refund", b'["1","EUR","paid"]')
    (failed,) = script.done(2, b"null")
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.message == "no, gift=False"
