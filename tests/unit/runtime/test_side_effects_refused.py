"""What is no side effect, and what one may not do: each parks the run with its place and leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from script import Script, fetch

from sagaline import SideEffectError, workflow
from sagaline._runtime.bugs import ChangedByLook, WorkflowBug


def one() -> int:
    return 1


def bug_of(code: Any) -> WorkflowBug:
    with pytest.raises(WorkflowBug) as caught:
        Script(code)
    return caught.value


async def waits() -> int:
    return 1


class Later:
    async def __call__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("fn", "says"),
    [
        (waits, "what waits is an activity"),
        (Later(), "what waits is an activity"),
        (partial(waits), "what waits is an activity"),
        (lambda: (yield), "what waits is an activity"),
        (fetch, "Expected a plain function as a side effect but got fetch"),
        (7, "Expected a function as a side effect but got 7"),
    ],
)
def test_what_is_no_plain_function_is_refused(fn: Any, says: str) -> None:
    @workflow
    async def wrong() -> None:
        workflow.side_effect(fn)

    bug = bug_of(wrong)
    assert says in bug.failure.message
    assert "test_side_effects_refused.py:" in bug.failure.message


@workflow
async def child() -> None: ...


def forgotten(call: Awaitable[Any]) -> None:
    call.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "ask",
    [
        workflow.now,
        workflow.random,
        lambda: workflow.side_effect(one),
        lambda: forgotten(fetch("a")),
        lambda: forgotten(child()),
        lambda: workflow.patched("x"),
    ],
)
@pytest.mark.parametrize("catches", [True, False])
def test_in_it_there_is_no_workflow(ask: Callable[[], object], catches: bool) -> None:
    @workflow
    async def mixed() -> None:
        try:
            workflow.side_effect(lambda: ask() is None)
        except SideEffectError:
            if not catches:
                raise

    bug = bug_of(mixed)
    assert "Expected a side effect to ask nothing of its workflow" in bug.failure.message


def test_it_may_wake_nothing() -> None:
    @workflow
    async def wakes() -> None:
        event = asyncio.Event()
        waiting = asyncio.create_task(event.wait())
        await asyncio.sleep(0)
        workflow.side_effect(event.set)
        await waiting

    assert "to change nothing of its workflow" in bug_of(wakes).failure.message


def test_an_end_of_the_process_in_it_parks_the_run() -> None:
    @workflow
    async def ends() -> None:
        def leave() -> None:
            raise SystemExit(3)

        try:
            workflow.side_effect(leave)
        except BaseException:
            await fetch("all the same")

    assert bug_of(ends).failure.type == "SystemExit"


def test_code_that_only_looks_has_none() -> None:
    @workflow
    class Asked:
        @workflow.run
        async def run(self) -> None:
            await fetch("a")

        @workflow.query
        def number(self) -> int:
            return workflow.side_effect(lambda: 1)

    script = Script(Asked.run)
    with pytest.raises(ChangedByLook, match="call a side effect"):
        script.instance.look("query number", lambda receiver: receiver.number())


def test_evicted_code_calls_none_on_its_way_out() -> None:
    asked: list[int] = []

    @workflow
    async def cleans() -> None:
        try:
            await fetch("a")
        finally:
            workflow.side_effect(lambda: asked.append(1))

    Script(cleans).instance.evict()
    assert asked == []
